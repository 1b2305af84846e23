using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>Sixteen blocks of one shape and one program, interleaved: weight e of block lane at Offset + 16 e + lane.</summary>
/// <param name="Program">The program that makes them, by index in the plan.</param>
/// <param name="Rows">Outputs of a block.</param>
/// <param name="Columns">Inputs of a block.</param>
/// <param name="Count">Number of blocks, at most 16.</param>
/// <param name="Offset">First float.</param>
internal sealed record WeightGroup(int Program, int Rows, int Columns, int Count, int Offset)
{
    public const int Lanes = 16;

    /// <summary>For each lane where the parameters of its block start; lanes without a block repeat the last.</summary>
    public int[] Places { get; init; } = [];

    public int Elements => Rows * Columns;

    /// <summary>See <see cref="Places"/>; members are blocks by index among the program's.</summary>
    public static int[] PlacesOf(WeightProgram program, int[] members) => program switch
    {
        SoftmaxProgram softmax => [.. Enumerable.Range(0, Lanes).Select(lane => softmax.Logits[members[Math.Min(lane, members.Length - 1)]])],
        HyperProgram hyper => [.. Enumerable.Range(0, Lanes).Select(lane => hyper.Embeddings[members[Math.Min(lane, members.Length - 1)]])],
        _ => [],
    };
}

/// <summary>Consecutive groups of one shape, which one work item makes together.</summary>
/// <param name="First">First group.</param>
/// <param name="Count">Number of groups.</param>
internal readonly record struct WeightChunk(int First, int Count);

/// <summary>Where the engine keeps each weight: interleaved by sixteen, so that making weights and softmax need no transposition.</summary>
internal sealed class WeightLayout
{
    /// <summary>Groups made together; odd, so that neighbouring rows of a chunk do not fall on the same cache sets.</summary>
    public const int ChunkGroups = 31;

    /// <summary>Places all blocks: first groups that are asked for, then the rest in the order of the plan.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="programOfBlock">For each block the program that makes it.</param>
    /// <param name="wanted">Blocks that must be the lanes of one group: one program, one shape, at most 16.</param>
    public WeightLayout(Plan plan, int[] programOfBlock, IEnumerable<int[]> wanted)
    {
        BlockOffset = new int[plan.Blocks.Count];
        Array.Fill(BlockOffset, -1);
        var place = new int[plan.Blocks.Count];
        foreach (WeightProgram program in plan.Programs)
            for (int i = 0; i < program.Blocks.Count; i++) place[program.Blocks[i]] = i;

        List<WeightGroup> groups = [];
        int next = 0;
        foreach (int[] blocks in wanted.OrderBy(g => Key(g[0]))) AddGroup(blocks);
        WantedFloats = next;
        foreach (var alike in Enumerable.Range(0, plan.Blocks.Count).Where(b => BlockOffset[b] < 0).GroupBy(Key).ToList())
            foreach (int[] blocks in alike.Chunk(WeightGroup.Lanes)) AddGroup(blocks);
        Groups = [.. groups];
        Floats = next;
        Chunks = [.. MakeChunks()];

        (int, int, int) Key(int block) => (programOfBlock[block], plan.Blocks[block].Rows, plan.Blocks[block].Columns);

        void AddGroup(int[] blocks)
        {
            (int program, int rows, int columns) = Key(blocks[0]);
            int[] members = [.. blocks.Select(b => place[b])];
            groups.Add(new WeightGroup(program, rows, columns, members.Length, next) { Places = WeightGroup.PlacesOf(plan.Programs[program], members) });
            for (int lane = 0; lane < blocks.Length; lane++) BlockOffset[blocks[lane]] = next + lane;
            next = checked(next + rows * columns * WeightGroup.Lanes);
        }
    }

    /// <summary>For each block the place of its first weight; weight e of the block is 16 e further.</summary>
    public int[] BlockOffset { get; }

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
