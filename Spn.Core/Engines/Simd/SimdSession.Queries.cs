namespace Spn.Core.Engines.Simd;

internal sealed unsafe partial class SimdSession<L, F, I>
{
    public void ForwardMax(Evidence evidence, ReadOnlySpan<int> rows, Span<double> logValues) => throw new NotSupportedException();

    public void Expectations(ReadOnlySpan<double> seeds, Span<double> expectations) => throw new NotSupportedException();

    public void InputFlows(int variable, ReadOnlySpan<double> seeds, Span<double> flows) => throw new NotSupportedException();

    public void Route(Routing routing, ReadOnlySpan<int> classes, int ways, long seed, Span<int> units) => throw new NotSupportedException();
}
