using Spn.Core.Lowering;

namespace Spn.Core.Layerwise;

/// <summary>Which cells of a grid make each patch: the region table of folding and pooling layers.</summary>
/// <remarks>A patch is read in runs of neighbouring cells of one row, whose channels lie side by side.</remarks>
internal sealed class PatchTable
{
    private PatchTable(LayerShape input, int rows, int columns, GridAxis.Patches down, GridAxis.Patches across)
    {
        Input = input;
        Patches = down.Outputs * across.Outputs;
        Runs = rows;
        RunCells = columns;
        Starts = new int[Patches * Runs];
        for (int patch = 0; patch < Patches; patch++)
            for (int run = 0; run < Runs; run++)
                Starts[patch * Runs + run] = (down.Cell(patch / across.Outputs, run) * input.Width + across.Cell(patch % across.Outputs, 0)) * input.Channels;
        Copies = new int[input.Cells];
        foreach (int start in Starts)
            for (int cell = 0; cell < columns; cell++) Copies[start / input.Channels + cell]++;
    }

    /// <summary>The grid that is read.</summary>
    public LayerShape Input { get; }

    /// <summary>Number of patches.</summary>
    public int Patches { get; }

    /// <summary>Runs of a patch.</summary>
    public int Runs { get; }

    /// <summary>Cells of a run.</summary>
    public int RunCells { get; }

    /// <summary>Numbers of a run.</summary>
    public int RunLength => RunCells * Input.Channels;

    /// <summary>Numbers of a patch.</summary>
    public int Length => Runs * RunLength;

    /// <summary>Where runs start, in numbers from the first of a sample, [patch, run].</summary>
    public int[] Starts { get; }

    /// <summary>How many patches hold a cell, [cell].</summary>
    public int[] Copies { get; }

    /// <summary>Patches of a folding layer.</summary>
    public static PatchTable Folding(LayerShape input, FoldingSpec folding) => new(input, folding.Kernel, folding.Kernel,
        LayerwiseSpec.Lay(input.Height, folding.Kernel, folding.Stride)!.Value, LayerwiseSpec.Lay(input.Width, folding.Kernel, folding.Stride)!.Value);

    /// <summary>Every cell a patch of its own.</summary>
    public static PatchTable Cells(LayerShape input) => Folding(input, new FoldingSpec(1));
}
