namespace Spn.Core.Engines;

/// <summary>How parameters follow a gradient: the part of a training step that an engine can do piece by piece, while a piece is in the cache.</summary>
public interface IUpdateRule
{
    /// <summary>Changes neighbouring parameters. Called once a step for each learned parameter, for different ones from several threads at the same time.</summary>
    /// <param name="first">Place of the first in the flat parameter vector.</param>
    /// <param name="gradient">Derivatives by them, all finite.</param>
    /// <param name="parameters">The parameters; changed in place.</param>
    void Apply(int first, ReadOnlySpan<float> gradient, Span<float> parameters);
}
