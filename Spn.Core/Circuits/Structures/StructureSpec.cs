using Spn.Core.Circuits.Structures;

namespace Spn.Core;

/// <summary>Which regions a circuit has: a recipe for a region graph, compared by value.</summary>
public abstract record StructureSpec
{
    /// <summary>How the structure is called in summaries and errors.</summary>
    public abstract string Name { get; }

    /// <summary>Number of variables of the model.</summary>
    public abstract int VariableCount { get; }

    /// <summary>Makes the regions.</summary>
    /// <exception cref="CircuitException">The settings make no region graph.</exception>
    public abstract RegionGraph Build();
}
