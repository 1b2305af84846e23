using System.Runtime.Intrinsics;
using Spn.Core.Engines.Reference;
using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>Sizes of evaluations in little memory.</summary>
internal static class StreamingLimits
{
    /// <summary>Samples that go through a circuit together: few enough to stay small, enough to share the cost of making weights.</summary>
    public const int TileRows = 64;
}

/// <summary>What <see cref="Inference.StreamingEvaluator"/> runs, for any vector width.</summary>
internal interface IStreamingCore : IDisposable
{
    int LiveRegions { get; }

    long WorkspaceBytes { get; }

    void Forward(Evidence evidence, int[] rows, Span<double> logLikelihoods);

    /// <summary>A core of this machine's vector width.</summary>
    static IStreamingCore For(Plan plan, ReadOnlySpan<float> parameters, bool postOrder) => SimdEngine.VectorLanes == 16
        ? new StreamingCore<Lanes16, Vector512<float>, Vector512<int>>(plan, parameters, postOrder)
        : new StreamingCore<Lanes8, Vector256<float>, Vector256<int>>(plan, parameters, postOrder);
}

internal sealed unsafe class StreamingCore<L, F, I> : IStreamingCore
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private readonly Plan plan;
    private readonly float[] parameters;
    private readonly double[] inputValues;
    private readonly bool postOrder;
    private readonly WeightMakers<L, F, I> makers;
    private readonly Stream[] streams;
    private readonly Workspace workspace = new();
    private readonly PackedEvidence packed;
    private readonly RootMixture<L, F, I> root;
    private readonly NativeBuffer theta;
    private readonly NativeBuffer weights;
    private readonly NativeBuffer scratch;
    private readonly NativeBuffer valueTable;
    private readonly byte[] suspect = new byte[StreamingLimits.TileRows];
    private LogSpacePass? logSpace;

    /// <summary>A component with the groups of weights that its steps use, in order.</summary>
    /// <param name="Bound">The component; its weights stand at the place of their shape.</param>
    /// <param name="MadeBefore">For each step the group to make before it, or null.</param>
    /// <param name="Target">Where that group goes.</param>
    private sealed record Stream(BoundComponent Bound, WeightGroup?[] MadeBefore, int[] Target);

    public StreamingCore(Plan plan, ReadOnlySpan<float> parameters, bool postOrder)
    {
        this.plan = plan;
        this.parameters = parameters.ToArray();
        this.postOrder = postOrder;
        makers = new WeightMakers<L, F, I>(plan);
        packed = new PackedEvidence(plan);
        int inputs = plan.Tensors.Where(t => t.Start is ParameterStart.ByInputs).Sum(t => t.Count);
        inputValues = Array.ConvertAll(this.parameters[..inputs], p => (double)p);
        theta = new NativeBuffer((long)parameters.Length * sizeof(float));
        parameters.CopyTo(new Span<float>(theta.Floats, parameters.Length));
        scratch = new NativeBuffer((long)makers.ScratchFloats * sizeof(float));

        var programOfBlock = new int[plan.Blocks.Count];
        var placeOfBlock = new int[plan.Blocks.Count];
        for (int p = 0; p < plan.Programs.Count; p++)
            for (int i = 0; i < plan.Programs[p].Blocks.Count; i++) (programOfBlock[plan.Programs[p].Blocks[i]], placeOfBlock[plan.Programs[p].Blocks[i]]) = (p, i);

        int rootBlock = plan.Regions.Block(plan.Regions.Root), rootRows = plan.Blocks[rootBlock].Rows, rootColumns = plan.Blocks[rootBlock].Columns;
        int rootStride = WeightLayout.StrideOf(plan.Programs[programOfBlock[rootBlock]], rootRows, rootColumns);
        var places = new Places(plan, makers, programOfBlock, placeOfBlock, postOrder, WeightGroup.FloatsOf(rootRows, rootColumns, rootStride));
        Component[] components = Component.Split(plan);
        int[] firstOfShape = Component.FirstOfShape(plan, components, programOfBlock);
        streams = new Stream[components.Length];
        for (int c = 0; c < streams.Length; c++)
        {
            OpProgram program = firstOfShape[c] < c
                ? streams[firstOfShape[c]].Bound.Program
                : new ProgramBuilder(plan, components[c], new ProgramOptions(postOrder, ReuseSlots: true, Tabulate: false), programOfBlock).Build();
            streams[c] = places.Bind(components[c], program);
        }
        LiveRegions = streams.Max(s => s.Bound.Program.LiveRegions);
        weights = new NativeBuffer((long)places.Floats * sizeof(float));
        root = new RootMixture<L, F, I>(plan, 0, rootStride);
        valueTable = new NativeBuffer(places.ValueTableFloats * sizeof(float));
        MakeOtherWeights(programOfBlock);
        Make(new WeightGroup(programOfBlock[rootBlock], rootRows, rootColumns, 1, rootStride, 0)
        {
            Places = WeightGroup.PlacesOf(plan.Programs[programOfBlock[rootBlock]], [placeOfBlock[rootBlock]], rootStride),
        }, 0);
        if (postOrder) return;
        using FlushToZero flush = FlushToZero.Here();
        foreach (Stream stream in streams)
            for (int i = 0; i < stream.MadeBefore.Length; i++)
                if (stream.MadeBefore[i] is { } group) Make(group, stream.Target[i]);
    }

    public int LiveRegions { get; }

    public long WorkspaceBytes => workspace.Bytes + root.Bytes + weights.Bytes + scratch.Bytes + valueTable.Bytes;

    public void Forward(Evidence evidence, int[] rows, Span<double> logLikelihoods)
    {
        using FlushToZero flush = FlushToZero.Here();
        packed.Pack(evidence, rows);
        root.Fit(rows.Length, packed.Stride);
        Array.Clear(suspect);
        foreach (Stream stream in streams)
        {
            BoundComponent bound = stream.Bound;
            OpProgram program = bound.Program;
            workspace.Fit(program, packed.Stride, downward: false);
            RunSource source = new()
            {
                Component = bound,
                Weights = weights.Floats,
                Codes = packed.Codes,
                Reals = packed.Reals,
                Hidden = packed.Hidden,
                Stride = packed.Stride,
                Packed = packed,
                ValueTables = valueTable.Floats,
                Parameters = inputValues,
                MostLog = InputRunner<L, F, I>.MostLog(plan.Variables),
            };
            for (int i = 0; i < program.Ops.Length; i++)
            {
                if (postOrder && stream.MadeBefore[i] is { } group) Make(group, stream.Target[i]);
                Op op = program.Ops[i];
                foreach (Op input in op.Inputs)
                {
                    if (InputRunner<L, F, I>.PreparedFloats(input.Family!) == 0) continue;
                    int offset = bound.Inputs[input.Place].Offset;
                    InputRunner<L, F, I>.Prepare(input.Family!, inputValues.AsSpan(offset, input.Family!.ParameterCount), InputRunner<L, F, I>.MostLog(plan.Variables),
                        valueTable.Floats + bound.ValueTables[input.Place]);
                }
                OpRunner<L, F, I>.Forward(program, op, source, workspace, packed.Stride);
            }
            root.Keep(bound, workspace, 0, packed.Stride);
        }
        root.Forward(weights.Floats, rows.Length, WorkerPool.Of(1), logLikelihoods, suspect);
        for (int i = 0; i < rows.Length; i++)
        {
            if (suspect[i] == 0) continue;
            if (logSpace is null) (logSpace = new LogSpacePass(plan)).SetParameters(parameters);
            logSpace.Upward(evidence, rows[i]);
            logSpace.Values(plan.Regions.Root).CopyTo(logLikelihoods[(i * plan.Classes)..]);
        }
    }

    public void Dispose()
    {
        workspace.Dispose();
        packed.Dispose();
        root.Dispose();
        foreach (NativeBuffer b in new[] { theta, weights, scratch, valueTable }) b.Dispose();
    }

    private void Make(WeightGroup group, int target)
    {
        if (makers.Serves(group.Program)) makers.Make([group], theta.Floats, weights.Floats + target, scratch.Floats);
    }

    /// <summary>Weights of programs without a fast maker are made once and kept.</summary>
    private void MakeOtherWeights(int[] programOfBlock)
    {
        for (int p = 0; p < plan.Programs.Count; p++)
        {
            if (makers.Serves(p)) continue;
            var plain = new double[plan.Blocks.Total];
            plan.Programs[p].Forward(plan.Blocks, Array.ConvertAll(parameters, v => (double)v), plain);
            int rootBlock = plan.Regions.Block(plan.Regions.Root);
            if (programOfBlock[rootBlock] == p) Copy(rootBlock, 0);
            foreach (Stream stream in streams)
                for (int i = 0; i < stream.Bound.Blocks.Length; i++)
                    if (programOfBlock[stream.Bound.Blocks[i]] == p) Copy(stream.Bound.Blocks[i], stream.Bound.Weights[i]);

            void Copy(int block, int to)
            {
                (int rows, int columns, int offset) = plan.Blocks[block];
                int stride = WeightLayout.StrideOf(plan.Programs[p], rows, columns);
                for (int e = 0; e < rows * columns; e++) weights.Floats[to + e * stride] = (float)plain[offset + e];
            }
        }
    }

    /// <summary>Gives weights their places: with the post-order schedule one group of sixteen for each shape, made again and again.</summary>
    private sealed class Places(Plan plan, WeightMakers<L, F, I> makers, int[] programOfBlock, int[] placeOfBlock, bool reuse, int start)
    {
        private readonly Dictionary<(int, int, int), int> ring = [];

        public int Floats { get; private set; } = start;

        /// <summary>Room for what is made of the parameters of one step.</summary>
        public long ValueTableFloats { get; private set; }

        public Stream Bind(Component component, OpProgram program)
        {
            var madeBefore = new WeightGroup?[program.Ops.Length];
            var target = new int[program.Ops.Length];
            var weightOf = new int[component.Sums.Length];
            var open = new Dictionary<(int, int, int), (int Step, List<int> Members, int Target)>();
            for (int i = 0; i < program.Ops.Length; i++)
            {
                if (program.Ops[i].Inputs.Length > 0 || program.Ops[i].Kind == OpKind.Product) continue;
                int block = plan.Regions.Block(component.Sums[program.Ops[i].Place]);
                (int rows, int columns, _) = plan.Blocks[block];
                (int, int, int) key = (programOfBlock[block], rows, columns);
                if (!open.TryGetValue(key, out var group) || group.Members.Count == Stride(key))
                {
                    Close(key);
                    open[key] = group = (i, [], Place(key));
                }
                weightOf[program.Ops[i].Place] = group.Target + group.Members.Count;
                group.Members.Add(placeOfBlock[block]);
            }
            foreach ((int, int, int) key in open.Keys.ToList()) Close(key);
            return new Stream(new BoundComponent(plan, component, program, weightOf) { ValueTables = PlaceValueTables(component, program) }, madeBefore, target);

            void Close((int, int, int) key)
            {
                if (!open.TryGetValue(key, out var group)) return;
                int[] members = [.. group.Members];
                madeBefore[group.Step] = new WeightGroup(key.Item1, key.Item2, key.Item3, members.Length, Stride(key), 0) { Places = WeightGroup.PlacesOf(plan.Programs[key.Item1], members, Stride(key)) };
                target[group.Step] = group.Target;
            }
        }

        private int[] PlaceValueTables(Component component, OpProgram program)
        {
            var places = new int[component.Inputs.Length];
            foreach (Op op in program.Ops)
            {
                int next = 0;
                foreach (Op input in op.Inputs)
                {
                    places[input.Place] = next;
                    next += InputRunner<L, F, I>.PreparedFloats(input.Family!);
                }
                ValueTableFloats = Math.Max(ValueTableFloats, next);
            }
            return places;
        }

        private int Stride((int Program, int Rows, int Columns) key) => WeightLayout.StrideOf(plan.Programs[key.Program], key.Rows, key.Columns);

        /// <summary>Programs that run by their definition keep all their weights, since they cannot make a few.</summary>
        private int Place((int Program, int Rows, int Columns) key)
        {
            bool again = reuse && makers.Serves(key.Program);
            if (again && ring.TryGetValue(key, out int known)) return known;
            int own = Floats;
            Floats = checked(Floats + WeightGroup.FloatsOf(key.Rows, key.Columns, Stride(key)));
            if (again) ring[key] = own;
            return own;
        }
    }
}
