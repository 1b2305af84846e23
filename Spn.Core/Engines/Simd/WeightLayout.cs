using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>Sixteen blocks of one shape and one program, interleaved: weight e of block lane at Offset + 16 e + lane.</summary>
/// <param name="Program">The program that makes them, by index in the plan.</param>
/// <param name="Rows">Outputs of a block.</param>
/// <param name="Columns">Inputs of a block.</param>
/// <param name="Members">The blocks, by index among the program's, at most 16.</param>
/// <param name="Offset">First float.</param>
internal sealed record WeightGroup(int Program, int Rows, int Columns, int[] Members, int Offset)
{
    public const int Lanes = 16;

    public int Elements => Rows * Columns;
}

/// <summary>Consecutive groups of one shape, which one work item makes together.</summary>
/// <param name="First">First group.</param>
/// <param name="Count">Number of groups.</param>
internal readonly record struct WeightChunk(int First, int Count);

/// <summary>Where the engine keeps each weight: interleaved by sixteen, so that making weights and softmax need no transposition.</summary>
internal sealed class WeightLayout
{
    public const int ChunkGroups = 16;

    public WeightLayout(Plan plan) : this(plan, Enumerable.Range(0, plan.Programs.Count).Select(p => Enumerable.Range(0, plan.Programs[p].Blocks.Count))) { }

    /// <summary>A layout of chosen blocks in a chosen order.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="order">For each program the indices among its blocks, in the order of use.</param>
    public WeightLayout(Plan plan, IEnumerable<IEnumerable<int>> order)
    {
        BlockOffset = new int[plan.Blocks.Count];
        Array.Fill(BlockOffset, -1);
        List<WeightGroup> groups = [];
        int next = 0, program = 0;
        foreach (IEnumerable<int> members in order)
        {
            IReadOnlyList<int> blocks = plan.Programs[program].Blocks;
            foreach (var shape in members.GroupBy(m => (plan.Blocks[blocks[m]].Rows, plan.Blocks[blocks[m]].Columns)))
                foreach (int[] sixteen in shape.Chunk(WeightGroup.Lanes))
                {
                    var group = new WeightGroup(program, shape.Key.Rows, shape.Key.Columns, sixteen, next);
                    for (int lane = 0; lane < sixteen.Length; lane++) BlockOffset[blocks[sixteen[lane]]] = next + lane;
                    groups.Add(group);
                    next = checked(next + group.Elements * WeightGroup.Lanes);
                }
            program++;
        }
        Groups = [.. groups];
        Floats = next;
        Chunks = [.. MakeChunks()];
    }

    /// <summary>For each block the place of its first weight; weight e of the block is 16 e further. -1 when it has none.</summary>
    public int[] BlockOffset { get; }

    public WeightGroup[] Groups { get; }

    public WeightChunk[] Chunks { get; }

    public int Floats { get; }

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
