using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>Weights of hyper-networks that have an embedding for each group of neighbouring weights: the groups of a row are the lanes of the network.</summary>
internal static unsafe class GroupNetwork<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <summary>Scratch for rows of so many weights.</summary>
    public static int ScratchFloats(HyperProgram hyper, int columns)
    {
        int groups = hyper.GroupsOf(columns);
        return 3 * Padded(groups * hyper.GroupSize) + (hyper.Widths.Sum() + 2 * hyper.Widths.Max()) * Padded(groups);
    }

    /// <summary>Writes the weights of the blocks of a group.</summary>
    public static void Make(HyperProgram hyper, WeightGroup group, float* parameters, float* w, float* scratch)
    {
        var row = new Row(hyper, group, scratch);
        for (int block = 0; block < group.Count; block++)
            for (int i = 0; i < group.Rows; i++)
            {
                row.Hidden(parameters, group.Places[block] + i * row.Groups * hyper.Widths[0]);
                (int matrix, int bias) = hyper.Layers[^1];
                int width = hyper.Widths[^2];
                MatrixKernel<L, F, I>.Multiply(parameters + matrix, width, 1, hyper.GroupSize, width, row.Units[^2], row.Units[^1], row.Lanes, parameters + bias);
                for (int g = 0; g < row.Groups; g++)
                    for (int e = 0; e < hyper.GroupSize; e++) row.Weights[g * hyper.GroupSize + e] = row.Units[^1][e * row.Lanes + g];
                float* to = w + block + i * group.Columns * group.Stride;
                if (group.Stride == 1) RowKernel<L, F, I>.Softmax(row.Weights, to, group.Columns);
                else
                {
                    RowKernel<L, F, I>.Softmax(row.Weights, row.Weights, group.Columns);
                    for (int j = 0; j < group.Columns; j++) to[j * group.Stride] = row.Weights[j];
                }
            }
    }

    /// <summary>Writes derivatives by the embeddings, and adds those by the network's own parameters; see <see cref="WeightMakers{L, F, I}.PullBack"/>.</summary>
    public static void PullBack(HyperProgram hyper, WeightGroup group, float* parameters, float* w, float* d, float* gradient, float* network, float* scratch)
    {
        var row = new Row(hyper, group, scratch);
        int start = WeightMakers<L, F, I>.NetworkStart(hyper), length = hyper.Widths[0];
        (int matrix, int bias) = hyper.Layers[^1];
        int width = hyper.Widths[^2];
        for (int block = 0; block < group.Count; block++)
            for (int i = 0; i < group.Rows; i++)
            {
                int first = block + i * group.Columns * group.Stride, embedding = group.Places[block] + i * row.Groups * length;
                float* own = w + first, slope = d + first;
                if (group.Stride != 1)
                {
                    for (int j = 0; j < group.Columns; j++) (row.Weights[j], row.Slopes[j]) = (own[j * group.Stride], slope[j * group.Stride]);
                    own = row.Weights;
                    slope = row.Slopes;
                }
                RowKernel<L, F, I>.SoftmaxBackward(own, slope, row.ByLogits, group.Columns);
                float* logits = row.Units[^1];
                new Span<float>(logits, hyper.GroupSize * row.Lanes).Clear();
                for (int j = 0, g = 0; j < group.Columns; g++)
                    for (int e = 0; e < hyper.GroupSize && j < group.Columns; e++, j++) logits[e * row.Lanes + g] = row.ByLogits[j];

                row.Hidden(parameters, embedding);
                OuterKernel<L, F, I>.Add(network + matrix - start, width, 1, hyper.GroupSize, width, logits, row.Units[^2], row.Lanes);
                WeightKernel<L, F, I>.AddSums(network + bias - start, logits, hyper.GroupSize, row.Lanes);
                MatrixKernel<L, F, I>.Multiply(parameters + matrix, 1, width, width, hyper.GroupSize, logits, row.Above, row.Lanes);
                float* bottom = WeightMakers<L, F, I>.BackThroughHidden(hyper, parameters, row.Units, row.Above, row.Below, network, row.Lanes);
                for (int g = 0; g < row.Groups; g++)
                    for (int k = 0; k < length; k++) gradient[embedding + g * length + k] = bottom[k * row.Lanes + g];
            }
    }

    private static int Padded(int floats) => (floats + WeightGroup.Lanes - 1) / WeightGroup.Lanes * WeightGroup.Lanes;

    /// <summary>Places in the scratch for one row of weights.</summary>
    private readonly struct Row
    {
        private readonly HyperProgram hyper;

        public Row(HyperProgram hyper, WeightGroup group, float* scratch)
        {
            this.hyper = hyper;
            Groups = hyper.GroupsOf(group.Columns);
            Lanes = Padded(Groups);
            Weights = scratch;
            Slopes = Weights + Padded(Groups * hyper.GroupSize);
            ByLogits = Slopes + Padded(Groups * hyper.GroupSize);
            float* next = ByLogits + Padded(Groups * hyper.GroupSize);
            Units = new float*[hyper.Widths.Count];
            for (int layer = 0; layer < Units.Length; next += hyper.Widths[layer++] * Lanes) Units[layer] = next;
            Above = next;
            Below = Above + hyper.Widths.Max() * Lanes;
        }

        public int Groups { get; }

        /// <summary>Groups, padded to whole vectors; what stands in the padding counts for nothing.</summary>
        public int Lanes { get; }

        public float* Weights { get; }

        public float* Slopes { get; }

        public float* ByLogits { get; }

        /// <summary>Units of each layer, [unit, lane].</summary>
        public float*[] Units { get; }

        public float* Above { get; }

        public float* Below { get; }

        /// <summary>Runs the network up to its last hidden layer for the embeddings of the row.</summary>
        public void Hidden(float* parameters, int embedding)
        {
            int length = hyper.Widths[0];
            for (int k = 0; k < length; k++)
                for (int g = 0; g < Lanes; g++) Units[0][k * Lanes + g] = g < Groups ? parameters[embedding + g * length + k] : 0;
            WeightMakers<L, F, I>.RunHidden(hyper, parameters, Units, Lanes);
        }
    }
}
