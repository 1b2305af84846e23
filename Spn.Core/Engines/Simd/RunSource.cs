using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>Where a run of a program finds its weights, evidence and tables.</summary>
internal unsafe ref struct RunSource
{
    public BoundComponent Component;

    /// <summary>Weights and statistics in the engine's layout.</summary>
    public float* Weights;
    public float* Statistics;

    /// <summary>Evidence of the first lane, [variable, lane].</summary>
    public byte* Codes;
    public float* Reals;
    public byte* Hidden;
    public int Stride;

    /// <summary>State tables of the component, and the slopes gathered for them.</summary>
    public float* Tables;
    public float* TableSlopes;

    /// <summary>Value tables of all discrete inputs.</summary>
    public float* ValueTables;

    /// <summary>The evidence whose first lane is <see cref="Start"/>, for sets of values.</summary>
    public PackedEvidence Packed;
    public int Start;

    /// <summary>What each input adds to the numbers of the rows on the way down, instead of statistics; null gathers statistics.</summary>
    public InputReadOut[]? ReadOuts;

    /// <summary>The numbers of the rows, [number, lane].</summary>
    public float* Numbers;

    /// <summary>For each variable whether a lane of the tile hides it; null when that was not looked for.</summary>
    public bool[]? HiddenVariables;

    /// <summary>Whether a lane of the tile hides a variable.</summary>
    public readonly bool Hides(int variable) => HiddenVariables is null || HiddenVariables[variable];

    /// <summary>For each variable where moments are counted from.</summary>
    public ReadOnlySpan<double> Centres;

    /// <summary>Sums keep their largest term, hidden variables their likeliest value.</summary>
    public bool Max;

    /// <summary>Where the largest column of each lane of a sum goes, <see cref="None"/> where no column is positive; null does not look for it.</summary>
    public ushort* Winners;

    /// <summary>For each row of the call the random numbers that choose among equal columns.</summary>
    public RandomStream[] Draws;

    public const ushort None = ushort.MaxValue;

    /// <summary>Products that are set to 0, or null.</summary>
    public Dropout? Dropout;

    /// <summary>Parameters in double precision, and where derivatives by input parameters are added.</summary>
    public ReadOnlySpan<double> Parameters;
    public Span<double> InputGradient;

    /// <summary>What is added up at inputs, and where statistics are added; those of a region stand where the plan says.</summary>
    public InputGathering Gathering;
    public Span<double> InputStatistics;

    /// <summary>Largest |log-density| of an input that is kept; the exponents of all variables together must fit 32 bits.</summary>
    public double MostLog;

    public readonly byte* Values(Op op) => Codes + (long)Component.Inputs[op.Place].Variable * Stride;
}

/// <summary>What the flows into an input region are added up to.</summary>
/// <param name="Offset">First number of the row, or -1 to leave the region out.</param>
/// <param name="Matrix">Address of [number, channel], or 0 for the flows themselves.</param>
/// <param name="Count">Numbers of the region's variable.</param>
/// <param name="HiddenOnly">Leaves the region out where no lane hides its variable.</param>
internal readonly record struct InputReadOut(int Offset, nint Matrix, int Count, bool HiddenOnly);
