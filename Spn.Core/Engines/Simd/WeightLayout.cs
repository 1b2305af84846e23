using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>
/// Sixteen small blocks of one shape and one program, interleaved: weight e of block lane at Offset + 16 e + lane; or one large block,
/// its weights side by side.
/// </summary>
/// <param name="Program">The program that makes them, by index in the plan.</param>
/// <param name="Rows">Outputs of a block.</param>
/// <param name="Columns">Inputs of a block.</param>
/// <param name="Count">Number of blocks, at most <paramref name="Stride"/>.</param>
/// <param name="Stride">Distance between neighbouring weights of a block: 16 or 1.</param>
/// <param name="Offset">First float.</param>
internal sealed record WeightGroup(int Program, int Rows, int Columns, int Count, int Stride, int Offset)
{
    public const int Lanes = 16;

    /// <summary>For each lane where the parameters of its block start; lanes without a block repeat the last.</summary>
    public int[] Places { get; init; } = [];

    public int Elements => Rows * Columns;

    /// <summary>Floats that it takes, whole vectors.</summary>
    public int Floats => FloatsOf(Rows, Columns, Stride);

    /// <summary>First float after it.</summary>
    public int End => Offset + Floats;

    public static int FloatsOf(int rows, int columns, int stride) => checked(rows * columns * stride + Lanes - 1) / Lanes * Lanes;

    /// <summary>See <see cref="Places"/>; members are blocks by index among the program's.</summary>
    public static int[] PlacesOf(WeightProgram program, int[] members, int stride)
    {
        Func<int, int>? place = program switch
        {
            SoftmaxProgram softmax => i => softmax.Logits[i],
            AccumulatorProgram accumulators => i => accumulators.Places[i],
            HyperProgram hyper => i => hyper.Embeddings[i],
            _ => null,
        };
        return place is null ? [] : [.. Enumerable.Range(0, stride).Select(lane => place(members[Math.Min(lane, members.Length - 1)]))];
    }
}

/// <summary>Consecutive groups of one shape, which one work item makes together.</summary>
/// <param name="First">First group.</param>
/// <param name="Count">Number of groups.</param>
internal readonly record struct WeightChunk(int First, int Count);

/// <summary>Where the engine keeps each weight: small blocks interleaved by sixteen, so that making weights and softmax need no transposition; large blocks plain.</summary>
internal sealed class WeightLayout
{
    /// <summary>Groups made together; odd, so that neighbouring rows of a chunk do not fall on the same cache sets.</summary>
    public const int ChunkGroups = 31;

    private const int LargeBlock = 256;

    private readonly int[] strides;

    /// <summary>Places all blocks: first groups that are asked for, then the rest in the order of the plan.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="programOfBlock">For each block the program that makes it.</param>
    /// <param name="wanted">Blocks that must be the lanes of one group: one program, one shape, at most 16.</param>
    public WeightLayout(Plan plan, int[] programOfBlock, IEnumerable<int[]> wanted)
    {
        BlockOffset = new int[plan.Blocks.Count];
        strides = new int[plan.Blocks.Count];
        Array.Fill(BlockOffset, -1);
        var place = new int[plan.Blocks.Count];
        foreach (WeightProgram program in plan.Programs)
            for (int i = 0; i < program.Blocks.Count; i++) place[program.Blocks[i]] = i;

        List<WeightGroup> groups = [];
        int next = 0;
        foreach (int[] blocks in wanted.OrderBy(g => Key(g[0]))) AddGroup(blocks);
        WantedFloats = next;
        foreach (var alike in Enumerable.Range(0, plan.Blocks.Count).Where(b => BlockOffset[b] < 0).GroupBy(Key).ToList())
            foreach (int[] blocks in alike.Chunk(StrideOf(plan.Programs[alike.Key.Item1], alike.Key.Item2, alike.Key.Item3))) AddGroup(blocks);
        Groups = [.. groups];
        Floats = next;
        Chunks = [.. MakeChunks()];

        (int, int, int) Key(int block) => (programOfBlock[block], plan.Blocks[block].Rows, plan.Blocks[block].Columns);

        void AddGroup(int[] blocks)
        {
            (int program, int rows, int columns) = Key(blocks[0]);
            int stride = StrideOf(plan.Programs[program], rows, columns);
            int[] members = [.. blocks.Select(b => place[b])];
            groups.Add(new WeightGroup(program, rows, columns, members.Length, stride, next) { Places = WeightGroup.PlacesOf(plan.Programs[program], members, stride) });
            for (int lane = 0; lane < blocks.Length; lane++) (BlockOffset[blocks[lane]], strides[blocks[lane]]) = (next + lane, stride);
            next = checked(next + WeightGroup.FloatsOf(rows, columns, stride));
        }
    }

    /// <summary>Distance between neighbouring weights of blocks of a shape.</summary>
    public static int StrideOf(WeightProgram program, int rows, int columns) =>
        program is HyperProgram { GroupSize: 0 } || rows * columns < LargeBlock ? WeightGroup.Lanes : 1;

    /// <summary>For each block the place of its first weight.</summary>
    public int[] BlockOffset { get; }

    /// <summary>Distance between neighbouring weights of a block.</summary>
    public int Stride(int block) => strides[block];

    public WeightGroup[] Groups { get; }

    public WeightChunk[] Chunks { get; }

    public int Floats { get; }

    /// <summary>Floats of the groups that were asked for, which stand first.</summary>
    public int WantedFloats { get; }

    private IEnumerable<WeightChunk> MakeChunks()
    {
        for (int i = 0; i < Groups.Length;)
        {
            int end = i + 1;
            while (end < Groups.Length && end - i < ChunkGroups && Groups[end].Program == Groups[i].Program
                   && Groups[end].Rows == Groups[i].Rows && Groups[end].Columns == Groups[i].Columns) end++;
            yield return new WeightChunk(i, end - i);
            i = end;
        }
    }
}
