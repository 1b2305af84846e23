namespace Spn.Core.Inference;

/// <summary>Whether an answer is exact, and why.</summary>
/// <param name="IsExact">True when only rounding stands between the answer and the truth.</param>
/// <param name="Reason">Why it is exact, or a witness of why it is not.</param>
public sealed record Exactness(bool IsExact, string Reason)
{
    /// <inheritdoc/>
    public override string ToString() => $"{(IsExact ? "exact" : "approximate")}: {Reason}";
}
