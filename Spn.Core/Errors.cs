namespace Spn.Core;

/// <summary>One thing that is wrong with a circuit description: where, which rule, a witness and the way out.</summary>
/// <param name="Layer">The layer, by position and name, or the part of the structure concerned.</param>
/// <param name="Property">The rule that is broken, for example "not decomposable".</param>
/// <param name="Witness">The concrete regions and variables that break it.</param>
/// <param name="Advice">What to change.</param>
public sealed record CircuitFinding(string Layer, string Property, string Witness, string Advice)
{
    /// <summary>The finding as one sentence group for a person.</summary>
    public override string ToString() => $"{Layer}: {Property}. {Witness} {Advice}".TrimEnd();
}

/// <summary>A circuit description that cannot be compiled; carries every finding.</summary>
public sealed class CircuitException : Exception
{
    /// <summary>Reports findings, at least one.</summary>
    /// <param name="findings">What is wrong, in the order of the layers.</param>
    public CircuitException(IReadOnlyList<CircuitFinding> findings)
        : base(string.Join(Environment.NewLine, findings)) => Findings = findings;

    /// <summary>Reports one finding.</summary>
    /// <param name="layer">See <see cref="CircuitFinding.Layer"/>.</param>
    /// <param name="property">See <see cref="CircuitFinding.Property"/>.</param>
    /// <param name="witness">See <see cref="CircuitFinding.Witness"/>.</param>
    /// <param name="advice">See <see cref="CircuitFinding.Advice"/>.</param>
    public CircuitException(string layer, string property, string witness, string advice)
        : this([new CircuitFinding(layer, property, witness, advice)]) { }

    /// <summary>Everything that is wrong.</summary>
    public IReadOnlyList<CircuitFinding> Findings { get; }
}

/// <summary>Evidence that does not fit a circuit: the wrong width or a value outside a variable's domain.</summary>
public sealed class EvidenceException : Exception
{
    /// <summary>Reports an entry that does not fit.</summary>
    /// <param name="message">What does not fit, with the values given and expected.</param>
    /// <param name="row">The sample, from 0, or null when it concerns the whole batch.</param>
    /// <param name="variable">The variable, from 0, or null.</param>
    public EvidenceException(string message, int? row = null, int? variable = null)
        : base(message)
    {
        Row = row;
        Variable = variable;
    }

    /// <summary>The sample, from 0, or null when the whole batch is concerned.</summary>
    public int? Row { get; }

    /// <summary>The variable, from 0, or null when the whole batch is concerned.</summary>
    public int? Variable { get; }

    /// <summary>The character, from 1, of a text of conditions that cannot be read, or null.</summary>
    public int? Position { get; init; }
}
