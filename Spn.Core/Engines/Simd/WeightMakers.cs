using System.Runtime.CompilerServices;
using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>Makes the weights of chunks of groups and pulls their derivatives back, in the engine's layout.</summary>
/// <remarks>Softmax and hyper-network programs run here sixteen blocks at a time; any other program runs by its definition.</remarks>
internal sealed unsafe class WeightMakers<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private readonly Plan plan;
    private readonly int widest;
    private readonly int[] spacings; // [program] distance between the weights of a row

    public WeightMakers(Plan plan)
    {
        this.plan = plan;
        int largestBlock = 1;
        for (int b = 0; b < plan.Blocks.Count; b++) largestBlock = Math.Max(largestBlock, plan.Blocks[b].Rows * plan.Blocks[b].Columns);
        widest = largestBlock;
        spacings = [.. plan.Programs.Select(p => p.Blocks.Select(plan.Blocks.Spacing).FirstOrDefault(1))];
        int unitsOfNetwork = 0, picked = 0, grouped = 0;
        foreach (HyperProgram hyper in plan.Programs.OfType<HyperProgram>())
        {
            NetworkParameters = Math.Max(NetworkParameters, NetworkEnd(hyper) - NetworkStart(hyper));
            if (hyper.GroupSize > 0)
            {
                grouped = Math.Max(grouped, hyper.Blocks.Max(b => GroupNetwork<L, F, I>.ScratchFloats(hyper, plan.Blocks[b].Columns)));
                continue;
            }
            unitsOfNetwork = Math.Max(unitsOfNetwork, hyper.Widths.Sum() + 2 * hyper.Widths.Max());
            picked = Math.Max(picked, 2 * hyper.Widths[^1] * (hyper.Widths[^2] + 1));
        }
        ScratchFloats = Math.Max((unitsOfNetwork + 2 * widest) * WeightGroup.Lanes + picked, grouped);
    }

    /// <summary>Floats of scratch for each group of a chunk.</summary>
    public int ScratchFloats { get; }

    /// <summary>Whether all entries of a program's blocks are weights.</summary>
    public bool IsDense(int program) => spacings[program] == 1;

    /// <summary>Parameters of the largest network, for which a work item keeps a gradient of its own.</summary>
    public int NetworkParameters { get; }

    /// <summary>Whether the kernels here make the weights of a program.</summary>
    public bool Serves(int program) => plan.Programs[program] is SoftmaxProgram or AccumulatorProgram || (plan.Programs[program] is HyperProgram && IsDense(program));

    public static int NetworkStart(HyperProgram hyper) => hyper.Layers.Min(l => Math.Min(l.Matrix, l.Bias));

    public static int NetworkEnd(HyperProgram hyper) => hyper.Layers.Select((l, i) => Math.Max(l.Matrix + hyper.Widths[i] * hyper.Widths[i + 1], l.Bias + hyper.Widths[i + 1])).Max();

    /// <summary>Writes the weights of neighbouring groups of one shape; group g starts at w + g's size times its place.</summary>
    public void Make(ReadOnlySpan<WeightGroup> groups, float* parameters, float* w, float* scratch)
    {
        WeightGroup first = groups[0];
        int size = first.Floats;
        if (spacings[first.Program] > 1)
        {
            MakeSpaced(groups, spacings[first.Program], parameters, w, scratch);
            return;
        }
        switch (plan.Programs[first.Program])
        {
            case SoftmaxProgram softmax when first.Stride == 1:
                foreach (WeightGroup group in groups)
                {
                    for (int i = 0; i < group.Rows; i++)
                        RowKernel<L, F, I>.Softmax(parameters + group.Places[0] + i * softmax.RowStride(group.Columns), w + i * group.Columns, group.Columns);
                    w += size;
                }
                break;
            case SoftmaxProgram softmax:
                foreach (WeightGroup group in groups)
                {
                    Gather(group, softmax.RowStride(group.Columns), parameters, scratch);
                    WeightKernel<L, F, I>.Softmax(scratch, WeightGroup.Lanes, w, group.Rows, group.Columns);
                    w += size;
                }
                break;
            case AccumulatorProgram accumulators:
                foreach (WeightGroup group in groups)
                {
                    for (int block = 0; block < group.Count; block++)
                        for (int i = 0; i < group.Rows; i++)
                            RowKernel<L, F, I>.Normalise(parameters + group.Places[block] + i * group.Columns, (float)accumulators.Smoothing,
                                w + block + i * group.Columns * group.Stride, group.Stride, group.Columns);
                    w += size;
                }
                break;
            case HyperProgram { GroupSize: > 0 } hyper:
                foreach (WeightGroup group in groups)
                {
                    GroupNetwork<L, F, I>.Make(hyper, group, parameters, w, scratch);
                    w += size;
                }
                break;
            case HyperProgram hyper:
                int lanes = groups.Length * WeightGroup.Lanes;
                float*[] units = RunNetwork(hyper, groups, parameters, scratch, lanes, toLogits: true);
                float* logits = units[^1];
                for (int g = 0; g < groups.Length; g++, w += size)
                    WeightKernel<L, F, I>.Softmax(logits + g * WeightGroup.Lanes, lanes, w, first.Rows, first.Columns);
                break;
        }
    }

    /// <summary>Writes derivatives by logits or embeddings, and adds those by a network's own parameters.</summary>
    /// <param name="groups">Neighbouring groups of one shape.</param>
    /// <param name="parameters">The flat parameter vector.</param>
    /// <param name="w">Weights of the first group.</param>
    /// <param name="d">Derivatives by the weights, same layout.</param>
    /// <param name="gradient">The flat gradient; only entries that belong to these groups alone are written.</param>
    /// <param name="network">Gradient of the network's parameters, added to.</param>
    /// <param name="scratch">Scratch.</param>
    public void PullBack(ReadOnlySpan<WeightGroup> groups, float* parameters, float* w, float* d, float* gradient, float* network, float* scratch)
    {
        WeightGroup first = groups[0];
        int size = first.Floats;
        if (spacings[first.Program] > 1)
        {
            PullBackSpaced(groups, spacings[first.Program], parameters, w, d, gradient, scratch);
            return;
        }
        switch (plan.Programs[first.Program])
        {
            case SoftmaxProgram softmax when first.Stride == 1:
                foreach (WeightGroup group in groups)
                {
                    for (int i = 0; i < group.Rows; i++)
                        RowKernel<L, F, I>.SoftmaxBackward(w + i * group.Columns, d + i * group.Columns, gradient + group.Places[0] + i * softmax.RowStride(group.Columns), group.Columns);
                    w += size;
                    d += size;
                }
                break;
            case AccumulatorProgram accumulators:
                foreach (WeightGroup group in groups)
                {
                    for (int block = 0; block < group.Count; block++)
                        for (int i = 0; i < group.Rows; i++)
                        {
                            int own = block + i * group.Columns * group.Stride, place = group.Places[block] + i * group.Columns;
                            RowKernel<L, F, I>.NormaliseBackward(parameters + place, (float)accumulators.Smoothing, w + own, d + own, group.Stride, gradient + place, group.Columns);
                        }
                    w += size;
                    d += size;
                }
                break;
            case SoftmaxProgram softmax:
                foreach (WeightGroup group in groups)
                {
                    WeightKernel<L, F, I>.SoftmaxBackward(w, d, scratch, WeightGroup.Lanes, group.Rows, group.Columns);
                    ScatterLogits(softmax, group, scratch, gradient);
                    w += size;
                    d += size;
                }
                break;
            case HyperProgram { GroupSize: > 0 } hyper:
                foreach (WeightGroup group in groups)
                {
                    GroupNetwork<L, F, I>.PullBack(hyper, group, parameters, w, d, gradient, network, scratch);
                    w += size;
                    d += size;
                }
                break;
            case HyperProgram hyper:
                PullBackNetwork(hyper, groups, parameters, w, d, gradient, network, scratch);
                break;
        }
    }

    /// <summary>Weights of blocks that mix channel by channel: few, so row by row.</summary>
    private void MakeSpaced(ReadOnlySpan<WeightGroup> groups, int spacing, float* parameters, float* w, float* scratch)
    {
        foreach (WeightGroup group in groups)
        {
            new Span<float>(w, group.Floats).Clear();
            int count = group.Columns / spacing, step = spacing * group.Stride;
            for (int block = 0; block < group.Count; block++)
                for (int i = 0; i < group.Rows; i++)
                {
                    float* own = parameters + group.Places[block] + i * count, to = w + block + i * (group.Columns + 1) * group.Stride;
                    if (plan.Programs[group.Program] is AccumulatorProgram accumulators)
                        RowKernel<L, F, I>.Normalise(own, (float)accumulators.Smoothing, to, step, count);
                    else
                    {
                        RowKernel<L, F, I>.Softmax(own, scratch, count);
                        for (int j = 0; j < count; j++) to[j * step] = scratch[j];
                    }
                }
            w += group.Floats;
        }
    }

    /// <summary>The derivatives of <see cref="MakeSpaced"/>.</summary>
    private void PullBackSpaced(ReadOnlySpan<WeightGroup> groups, int spacing, float* parameters, float* w, float* d, float* gradient, float* scratch)
    {
        foreach (WeightGroup group in groups)
        {
            int count = group.Columns / spacing, step = spacing * group.Stride;
            for (int block = 0; block < group.Count; block++)
                for (int i = 0; i < group.Rows; i++)
                {
                    int place = group.Places[block] + i * count, first = block + i * (group.Columns + 1) * group.Stride;
                    if (plan.Programs[group.Program] is AccumulatorProgram accumulators)
                        RowKernel<L, F, I>.NormaliseBackward(parameters + place, (float)accumulators.Smoothing, w + first, d + first, step, gradient + place, count);
                    else
                    {
                        for (int j = 0; j < count; j++) (scratch[j], scratch[count + j]) = (w[first + j * step], d[first + j * step]);
                        RowKernel<L, F, I>.SoftmaxBackward(scratch, scratch + count, gradient + place, count);
                    }
                }
            w += group.Floats;
            d += group.Floats;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gather(WeightGroup group, int stride, float* parameters, float* x)
    {
        for (int lane = 0; lane < WeightGroup.Lanes; lane++)
        {
            float* from = parameters + group.Places[lane];
            float* to = x + lane;
            for (int i = 0; i < group.Rows; i++, from += stride)
                for (int j = 0; j < group.Columns; j++, to += WeightGroup.Lanes) *to = from[j];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScatterLogits(SoftmaxProgram softmax, WeightGroup group, float* g, float* gradient)
    {
        int stride = softmax.RowStride(group.Columns);
        for (int lane = 0; lane < group.Count; lane++)
        {
            float* to = gradient + group.Places[lane];
            float* from = g + lane;
            for (int i = 0; i < group.Rows; i++, to += stride)
                for (int j = 0; j < group.Columns; j++, from += WeightGroup.Lanes) to[j] = *from;
        }
    }

    /// <summary>Runs the network for all sectors of the groups, with the outputs that their shape uses or up to the last hidden layer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float*[] RunNetwork(HyperProgram hyper, ReadOnlySpan<WeightGroup> groups, float* parameters, float* scratch, int lanes, bool toLogits)
    {
        var units = new float*[hyper.Widths.Count];
        for (int layer = 0; layer < units.Length; layer++)
        {
            units[layer] = scratch;
            scratch += hyper.Widths[layer] * lanes;
        }
        GatherEmbeddings(groups, hyper.Widths[0], parameters, units[0], lanes);
        RunHidden(hyper, parameters, units, lanes);
        if (!toLogits) return units;
        int last = hyper.Layers.Count - 1;
        WeightGroup shape = groups[0];
        (int lastMatrix, int lastBias) = hyper.Layers[last];
        float* w = parameters + lastMatrix, own = parameters + lastBias;
        if (shape.Columns != hyper.Columns)
        {
            PickOutputs(hyper, shape, parameters, scratch);
            w = scratch;
            own = scratch + shape.Elements * hyper.Widths[last];
        }
        MatrixKernel<L, F, I>.Multiply(w, hyper.Widths[last], 1, shape.Elements, hyper.Widths[last], units[last], units[last + 1], lanes, own);
        return units;
    }

    /// <summary>Runs all layers but the last.</summary>
    public static void RunHidden(HyperProgram hyper, float* parameters, float*[] units, int lanes)
    {
        for (int layer = 0; layer < hyper.Layers.Count - 1; layer++)
        {
            (int matrix, int bias) = hyper.Layers[layer];
            int inputs = hyper.Widths[layer], outputs = hyper.Widths[layer + 1];
            MatrixKernel<L, F, I>.Multiply(parameters + matrix, inputs, 1, outputs, inputs, units[layer], units[layer + 1], lanes, parameters + bias, relu: true);
        }
    }

    /// <summary>Pulls slopes by the last hidden layer's units back through all layers but the last; returns those by the embeddings.</summary>
    public static float* BackThroughHidden(HyperProgram hyper, float* parameters, float*[] units, float* slopes, float* below, float* network, int lanes)
    {
        int start = NetworkStart(hyper);
        for (int layer = hyper.Layers.Count - 2; layer >= 0; layer--)
        {
            (int matrix, int bias) = hyper.Layers[layer];
            int inputs = hyper.Widths[layer], outputs = hyper.Widths[layer + 1];
            WeightKernel<L, F, I>.MaskByRelu(units[layer + 1], slopes, network + bias - start, outputs, lanes);
            OuterKernel<L, F, I>.Add(network + matrix - start, inputs, 1, outputs, inputs, slopes, units[layer], lanes);
            MatrixKernel<L, F, I>.Multiply(parameters + matrix, 1, inputs, inputs, outputs, slopes, below, lanes);
            float* swap = slopes;
            slopes = below;
            below = swap;
        }
        return slopes;
    }

    /// <summary>Output e of a shape is output (e / columns) * network columns + e % columns of the network.</summary>
    private static int OutputOf(HyperProgram hyper, WeightGroup shape, int element) => element / shape.Columns * hyper.Columns + element % shape.Columns;

    /// <summary>Copies the last layer's rows and biases that a shape uses: a matrix of its own, then the biases.</summary>
    private static void PickOutputs(HyperProgram hyper, WeightGroup shape, float* parameters, float* to)
    {
        (int matrix, int bias) = hyper.Layers[^1];
        int width = hyper.Widths[^2];
        for (int e = 0; e < shape.Elements; e++)
        {
            int output = OutputOf(hyper, shape, e);
            new Span<float>(parameters + matrix + output * width, width).CopyTo(new Span<float>(to + e * width, width));
            to[shape.Elements * width + e] = parameters[bias + output];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PullBackNetwork(
        HyperProgram hyper, ReadOnlySpan<WeightGroup> groups, float* parameters, float* w, float* d, float* gradient, float* network, float* scratch)
    {
        int lanes = groups.Length * WeightGroup.Lanes;
        WeightGroup first = groups[0];
        int size = first.Elements * WeightGroup.Lanes;
        float*[] units = RunNetwork(hyper, groups, parameters, scratch, lanes, toLogits: false);
        int start = NetworkStart(hyper), last = hyper.Layers.Count - 1;
        float* slopes = scratch + hyper.Widths.Sum() * lanes, below = slopes + hyper.Widths.Max() * lanes;

        // The logits themselves are not needed: their slopes take their place.
        float* logits = units[^1];
        for (int g = 0; g < groups.Length; g++)
            WeightKernel<L, F, I>.SoftmaxBackward(w + g * size, d + g * size, logits + g * WeightGroup.Lanes, lanes, first.Rows, first.Columns);
        ClearPadding(groups, logits, first.Elements, lanes);

        (int lastMatrix, int lastBias) = hyper.Layers[last];
        int width = hyper.Widths[last];
        float* w3 = parameters + lastMatrix, toMatrix = network + lastMatrix - start, toBias = network + lastBias - start, picked = below + hyper.Widths.Max() * lanes;
        bool picks = first.Columns != hyper.Columns;
        if (picks)
        {
            // The gradient of the picked rows gathers behind them and is then put where it belongs.
            int size3 = first.Elements * (width + 1);
            PickOutputs(hyper, first, parameters, picked);
            w3 = picked;
            toMatrix = picked + size3;
            toBias = toMatrix + first.Elements * width;
            new Span<float>(toMatrix, size3).Clear();
        }
        OuterKernel<L, F, I>.Add(toMatrix, width, 1, first.Elements, width, logits, units[last], lanes);
        WeightKernel<L, F, I>.AddSums(toBias, logits, first.Elements, lanes);
        MatrixKernel<L, F, I>.Multiply(w3, 1, width, width, first.Elements, logits, slopes, lanes);
        if (picks)
            for (int e = 0; e < first.Elements; e++)
            {
                int output = OutputOf(hyper, first, e);
                for (int i = 0; i < width; i++) network[lastMatrix - start + output * width + i] += toMatrix[e * width + i];
                network[lastBias - start + output] += toBias[e];
            }
        ScatterEmbeddings(groups, hyper.Widths[0], BackThroughHidden(hyper, parameters, units, slopes, below, network, lanes), gradient, lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void GatherEmbeddings(ReadOnlySpan<WeightGroup> groups, int length, float* parameters, float* x, int lanes)
    {
        for (int g = 0; g < groups.Length; g++)
            fixed (int* places = groups[g].Places)
                for (int lane = 0; lane < WeightGroup.Lanes; lane += L.Count)
                {
                    float* to = x + g * WeightGroup.Lanes + lane;
                    for (int i = 0; i < length; i++, to += lanes) L.Store(to, L.Gather(parameters + i, places + lane));
                }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScatterEmbeddings(ReadOnlySpan<WeightGroup> groups, int length, float* slopes, float* gradient, int lanes)
    {
        for (int g = 0; g < groups.Length; g++)
            fixed (int* places = groups[g].Places)
                for (int lane = 0; lane < groups[g].Count; lane++)
                {
                    float* to = gradient + places[lane], from = slopes + g * WeightGroup.Lanes + lane;
                    for (int i = 0; i < length; i++, from += lanes) to[i] = *from;
                }
    }

    private static void ClearPadding(ReadOnlySpan<WeightGroup> groups, float* x, int elements, int lanes)
    {
        for (int g = 0; g < groups.Length; g++)
            for (int lane = groups[g].Count; lane < WeightGroup.Lanes; lane++)
                for (int e = 0; e < elements; e++) x[e * lanes + g * WeightGroup.Lanes + lane] = 0;
    }
}
