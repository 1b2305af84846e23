using Spn.Core.Plans;

namespace Spn.Core.Engines;

/// <summary>Runs plans. The seam is a whole plan, so that an engine decides order, tiles and memory by itself.</summary>
public interface IEngine
{
    /// <summary>Short name for summaries.</summary>
    string Name { get; }

    /// <summary>Number of threads that it keeps busy.</summary>
    int Threads { get; }

    /// <summary>Prepares a plan for running; the session is used by one caller at a time.</summary>
    ISession Bind(Plan plan);
}

/// <summary>A plan with parameters, ready to run.</summary>
/// <remarks>
/// The order of calls is <see cref="SetParameters"/>, then any number of <see cref="Forward"/>, each of which may be followed by
/// <see cref="Backward"/> for the same rows, then <see cref="Gradient"/> or <see cref="WeightFlows"/> for the statistics gathered since.
/// </remarks>
public interface ISession : IDisposable
{
    /// <summary>Takes new parameters and forgets gathered statistics.</summary>
    /// <param name="parameters">The flat parameter vector.</param>
    void SetParameters(ReadOnlySpan<float> parameters);

    /// <summary>One upward pass.</summary>
    /// <param name="evidence">The batch; it must fit the plan.</param>
    /// <param name="rows">The samples to take, in order.</param>
    /// <param name="logLikelihoods">Receives log p(observed | class) in nats, [row, class].</param>
    void Forward(Evidence evidence, ReadOnlySpan<int> rows, Span<double> logLikelihoods);

    /// <summary>One downward pass over the rows of the last <see cref="Forward"/>; statistics are added to those gathered before.</summary>
    /// <param name="routing">How a sum passes its count on.</param>
    /// <param name="seeds">Factor of each log-likelihood, [row, class]; empty means 1 each.</param>
    void Backward(Routing routing, ReadOnlySpan<double> seeds);

    /// <summary>The derivative of the seeded sum of log-likelihoods by the parameters, from the gathered statistics.</summary>
    /// <param name="gradient">Receives it, laid out as the parameters.</param>
    void Gradient(Span<float> gradient);

    /// <summary>The flow of every edge, weight times derivative: the expected number of times the edge is used (papers: soft EM statistic).</summary>
    /// <param name="flows">Receives the flows, laid out as the plan's weight blocks.</param>
    void WeightFlows(Span<float> flows);
}

/// <summary>How a sum passes the count that arrives at it on to its children (one downward pass, several meanings).</summary>
public enum Routing
{
    /// <summary>In proportion to w_c v_c: gradients, soft EM, posterior marginals.</summary>
    Soft,
}
