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
/// one <see cref="Backward"/> for the same rows (another one needs another <see cref="Forward"/>) or any number of
/// <see cref="Route"/>, then <see cref="Gradient"/> or <see cref="Step"/>, or <see cref="WeightFlows"/> and <see cref="InputStatistics"/>,
/// for the statistics gathered since.
/// </remarks>
public interface ISession : IDisposable
{
    /// <summary>Takes new parameters and forgets gathered statistics.</summary>
    /// <param name="parameters">The flat parameter vector.</param>
    void SetParameters(ReadOnlySpan<float> parameters);

    /// <summary>Sets products to 0 at random in the calls of <see cref="Forward"/> and <see cref="Backward"/> that follow.</summary>
    /// <remarks>
    /// Each channel of each product region in each row on its own, without rescaling; of a region whose channels would all be 0 the one
    /// with the largest random number stays. Source: van de Wolfshaar and Pronobis 2020, section 5.
    /// </remarks>
    /// <param name="share">Probability of 0, at least 0 and below 1; 0 ends it.</param>
    /// <param name="seed">Seed; the same seed sets the same products to 0 in every engine, rows counted from the first of the call.</param>
    void DropProducts(double share, long seed);

    /// <summary>Says what the calls of <see cref="Backward"/> that follow add up at inputs; at first derivatives.</summary>
    /// <param name="what">What to add up; with anything but derivatives <see cref="Gradient"/> says nothing of inputs.</param>
    void GatherAtInputs(InputGathering what);

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

    /// <summary>Changes the parameters by a rule and the derivatives from the gathered statistics, then forgets these; as <see cref="Gradient"/>, the rule and <see cref="SetParameters"/> would in turn.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="byClassLogits">Derivatives by the logits of a learned class prior, which log p(x | class) does not depend on; empty without one.</param>
    /// <returns>False, with everything as it was, when a derivative is not finite.</returns>
    bool Step(IUpdateRule rule, ReadOnlySpan<float> byClassLogits);

    /// <summary>Copies the parameters as they stand.</summary>
    /// <param name="first">Place of the first in the flat parameter vector.</param>
    /// <param name="parameters">Receives them.</param>
    void GetParameters(int first, Span<float> parameters);

    /// <summary>The flow of every edge, weight times derivative: the expected number of times the edge is used (papers: soft EM statistic).</summary>
    /// <param name="flows">Receives the flows, laid out as the plan's weight blocks.</param>
    void WeightFlows(Span<float> flows);

    /// <summary>The sufficient statistics of every input that learns, each sample weighed by its flow into the component.</summary>
    /// <remarks>Hidden variables add nothing, sets of values what the component expects within them. Gathered under <see cref="InputGathering.Statistics"/> only.</remarks>
    /// <param name="statistics">Receives them, [input region that learns, statistic], <see cref="Plan.StatisticCount"/> long, laid out by <see cref="InputFamily.AddStatistics(int, float, double, ReadOnlySpan{double}, Span{double})"/>.</param>
    void InputStatistics(Span<double> statistics);

    /// <summary>One upward pass and, for every row and class that counts, one way down that chooses one child at every sum; each edge on it counts. On its own, without <see cref="Forward"/>.</summary>
    /// <remarks>Under <see cref="InputGathering.Statistics"/> the inputs where a way ends count the row's values too, with all of its count.</remarks>
    /// <param name="evidence">The batch; it must fit the plan.</param>
    /// <param name="rows">The samples to take, in order.</param>
    /// <param name="winner">Which child a sum chooses.</param>
    /// <param name="counts">How much the way from a class counts, [row, class], at least 0; empty means 1 each.</param>
    /// <param name="logLikelihoods">Receives log p(observed | class) in nats, [row, class]; an impossible one has no way down.</param>
    void Count(Evidence evidence, ReadOnlySpan<int> rows, Winner winner, ReadOnlySpan<double> counts, Span<double> logLikelihoods);

    /// <summary>Adds the counts gathered since <see cref="SetParameters"/> to the accumulators among the parameters, which are the session's from then on.</summary>
    /// <param name="parameters">The flat parameter vector that the session has; changed in place.</param>
    void AddCounts(Span<float> parameters);

    /// <summary>One upward pass in which every sum keeps its largest term and every hidden variable its likeliest value.</summary>
    /// <param name="evidence">The batch; it must fit the plan.</param>
    /// <param name="rows">The samples to take, in order.</param>
    /// <param name="logValues">Receives the logarithm of the largest product along one way down, [row, class], in nats.</param>
    void ForwardMax(Evidence evidence, ReadOnlySpan<int> rows, Span<double> logValues);

    /// <summary>Expectations of every variable given evidence, by one pass up and one soft pass down; on its own, without <see cref="Forward"/>.</summary>
    /// <param name="evidence">The batch; it must fit the plan.</param>
    /// <param name="rows">The samples to take, in order.</param>
    /// <param name="prior">p(class), by which the classes are mixed.</param>
    /// <param name="centres">For each variable where moments are counted from; in a row that gives it an interval, from the nearest point of that.</param>
    /// <param name="logLikelihoods">Receives log p(observed) of the mixture, [row], in nats, to single precision.</param>
    /// <param name="expectations">Receives [row, expectation]: of each variable the probability of every value, or first and second moment; meaningless where a variable is observed, 0 where the evidence is impossible.</param>
    void Expectations(Evidence evidence, ReadOnlySpan<int> rows, ReadOnlySpan<double> prior, ReadOnlySpan<double> centres, Span<double> logLikelihoods, Span<double> expectations);

    /// <summary>How evidence divides a variable among its input units; as <see cref="Expectations"/>.</summary>
    /// <param name="evidence">The batch; it must fit the plan.</param>
    /// <param name="rows">The samples to take, in order.</param>
    /// <param name="variable">The variable.</param>
    /// <param name="prior">p(class), by which the classes are mixed.</param>
    /// <param name="logLikelihoods">Receives log p(observed) of the mixture, [row], in nats, to single precision.</param>
    /// <param name="flows">Receives [row, unit], units in the order of the plan's input regions that read the variable; 0 where the evidence is impossible.</param>
    void InputFlows(Evidence evidence, ReadOnlySpan<int> rows, int variable, ReadOnlySpan<double> prior, Span<double> logLikelihoods, Span<double> flows);

    /// <summary>Ways down from the root that choose one child at every sum and so end in one input unit for every variable.</summary>
    /// <param name="routing"><see cref="Routing.Draw"/> after <see cref="Forward"/>, <see cref="Routing.Max"/> after <see cref="ForwardMax"/>.</param>
    /// <param name="classes">Class root of each way, [row, way]; its length says how many ways each row gets.</param>
    /// <param name="firstWay">Number of the first way; a way draws the same numbers in whatever call it is asked for.</param>
    /// <param name="seed">Seed of the draws.</param>
    /// <param name="units">Receives [row, way, variable]: an input unit by the plan's numbering.</param>
    void Route(Routing routing, ReadOnlySpan<int> classes, long firstWay, long seed, Span<int> units);
}

/// <summary>A session that can take parameters and give derivatives in double precision.</summary>
public interface IPreciseSession : ISession
{
    /// <summary>As <see cref="ISession.SetParameters"/>.</summary>
    /// <param name="parameters">The flat parameter vector.</param>
    void SetParameters(ReadOnlySpan<double> parameters);

    /// <summary>As <see cref="ISession.Gradient"/>.</summary>
    /// <param name="gradient">Receives it, laid out as the parameters.</param>
    void Gradient(Span<double> gradient);

    /// <summary>The derivative of the seeded sum of log-likelihoods by the weights, each taken as free, from the gathered statistics.</summary>
    /// <param name="byWeights">Receives it, laid out as the plan's weight blocks.</param>
    void WeightGradient(Span<double> byWeights);
}

/// <summary>How a sum passes the count that arrives at it on to its children (one downward pass, several meanings).</summary>
public enum Routing
{
    /// <summary>In proportion to w_c v_c: gradients, soft EM, posterior marginals.</summary>
    Soft,

    /// <summary>All to one child, drawn in proportion to w_c v_c: samples.</summary>
    Draw,

    /// <summary>All to the child with the largest w_c v_c of a max upward pass: the most probable explanation.</summary>
    Max,
}

/// <summary>What a downward pass adds up at inputs.</summary>
public enum InputGathering
{
    /// <summary>Derivatives by their parameters.</summary>
    Gradient,

    /// <summary>Sufficient statistics, for expectation maximisation.</summary>
    Statistics,

    /// <summary>Nothing: inputs stay as they are.</summary>
    Nothing,
}

/// <summary>The child to which a sum passes all its count in hard expectation maximisation.</summary>
/// <remarks>Source: van de Wolfshaar and Pronobis 2020, section 5: the upward pass sums, only the way down chooses.</remarks>
/// <param name="Weighted">True: the largest w_c v_c. False: the largest v_c (unweighted sum inputs), so that all sums of a region agree.</param>
/// <param name="DrawShare">Share of choices that are drawn in proportion to these values instead, 0 to 1.</param>
/// <param name="Seed">Seed of the draws, and of the choice among equal values.</param>
public readonly record struct Winner(bool Weighted, double DrawShare, long Seed);
