using Spn.Core.Inference;
using Spn.Core.Plans;

namespace Spn.Core;

/// <content>Exact marginals of all variables at once, and moments.</content>
public sealed partial class Circuit
{
    /// <summary>The exact distribution of every variable given the evidence: one upward and one downward pass for all of them.</summary>
    /// <remarks>With several classes, the mixture of them by their prior.</remarks>
    /// <param name="evidence">The samples.</param>
    /// <param name="cancellation">Stops between blocks of samples.</param>
    /// <exception cref="EvidenceException">The evidence does not fit, or has probability 0.</exception>
    public Posterior Posterior(Evidence evidence, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        int width = Plan.ExpectationsOf[^1];
        var result = new double[(long)evidence.Count * width];
        double[] centres = Centres(), values = InDouble(Parameters), prior = Prior();
        Use(evidence, (session, block) =>
        {
            int[] rows = Rows(block);
            var logLikelihoods = new double[rows.Length];
            session.Expectations(evidence, rows, prior, centres, logLikelihoods, result.AsSpan(rows[0] * width, rows.Length * width));
            RefuseImpossible(logLikelihoods, rows[0]);
            for (int v = 0; v < Variables; v++)
                if (Plan.InputOf[v] is { Domain.HasCodes: false }) CountAfresh(session, evidence, rows, v, values, centres[v], result);
        }, cancellation: cancellation);
        const int Chunk = 64;
        WorkerPool.Of(engine.Threads).Run((evidence.Count + Chunk - 1) / Chunk, (chunk, _) =>
        {
            for (int row = chunk * Chunk; row < Math.Min(evidence.Count, (chunk + 1) * Chunk); row++) Settle(evidence, row, centres, result.AsSpan(row * width, width));
        });
        return new Posterior(Plan, evidence, result);
    }

    /// <summary>The exact distribution of one variable given the evidence, as a mixture of inputs: all there is to say of a real variable or a count.</summary>
    /// <param name="evidence">The samples; what they say of the variable itself counts, unless it is its value.</param>
    /// <param name="variable">Index of the variable, from 0.</param>
    /// <param name="cancellation">Stops between blocks of samples.</param>
    /// <returns>[sample]</returns>
    /// <exception cref="EvidenceException">The evidence does not fit, or has probability 0.</exception>
    /// <exception cref="ArgumentException">The variable is observed in a sample.</exception>
    public VariableMixture[] Mixture(Evidence evidence, int variable, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        ArgumentOutOfRangeException.ThrowIfNegative(variable);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(variable, Variables);
        if (Enumerable.Range(0, evidence.Count).FirstOrDefault(row => !evidence.IsHidden(row, variable), -1) is >= 0 and int observed)
            throw new ArgumentException($"Row {observed}: {NameOf(variable)} is observed, so it has no mixture. Hide it.", nameof(variable));
        InputUnit[] units = UnitsOf(variable);
        var flows = new double[(long)evidence.Count * units.Length];
        double[] prior = Prior();
        Use(evidence, (session, block) =>
        {
            int[] rows = Rows(block);
            var logLikelihoods = new double[rows.Length];
            session.InputFlows(evidence, rows, variable, prior, logLikelihoods, flows.AsSpan(rows[0] * units.Length, rows.Length * units.Length));
            RefuseImpossible(logLikelihoods, rows[0]);
        }, cancellation: cancellation);
        double[] values = InDouble(Parameters);
        return [.. flows.Chunk(units.Length).Select((own, row) =>
        {
            double total = own.Sum();
            return new VariableMixture(Plan, values, units, [.. own.Select(w => w / total)], evidence.SetOf(row, variable));
        })];
    }

    /// <summary>Covariance matrix of all variables given one sample's evidence, exact: a pass up and down for each hidden variable.</summary>
    /// <param name="evidence">One sample; null knows nothing.</param>
    /// <param name="cancellation">Stops between blocks of passes.</param>
    /// <returns>[variable, variable]; rows and columns of observed variables are 0. Discrete variables count by their codes.</returns>
    /// <exception cref="EvidenceException">The evidence does not fit, has probability 0, is more than one sample, or leaves a variable without a variance.</exception>
    public double[,] Covariance(Evidence? evidence = null, CancellationToken cancellation = default)
    {
        evidence ??= Evidence.Unknown(1, Variables);
        if (evidence.Count != 1) throw new EvidenceException($"A covariance matrix is that of one sample; {evidence.Count} were given.");
        for (int v = 0; v < Math.Min(Variables, evidence.Variables); v++)
            if (evidence.IsHidden(0, v) && Plan.InputOf[v]?.NoMoments(evidence.SetOf(0, v)) is { } why)
                throw new EvidenceException($"Row 0, {NameOf(v)}: {why}. Observe it or bound it with Evidence.Where.", 0, v);
        Posterior alone = Posterior(evidence, cancellation);
        double[] values = InDouble(Parameters);
        int[] hidden = [.. Enumerable.Range(0, Variables).Where(v => evidence.IsHidden(0, v))];
        // Weighing every value of variable i by its distance from a low point makes the means of the others those under x_i p / E x_i.
        double[] low = [.. hidden.Select(v => Below(v, evidence.SetOf(0, v), values))];
        Evidence tilted = evidence.Rows(new int[hidden.Length]).Where((row, v) => v == hidden[row] ? new Tilt(low[row], evidence.SetOf(0, v)) : null);
        Posterior weighed = Posterior(tilted, cancellation);
        var result = new double[Variables, Variables];
        for (int i = 0; i < hidden.Length; i++)
            foreach (int j in hidden)
                result[hidden[i], j] = j == hidden[i]
                    ? alone.Variance(0, j)
                    : (alone.Mean(0, hidden[i]) - low[i]) * (weighed.Mean(i, j) - alone.Mean(0, j));
        return result;
    }

    /// <summary>
    /// Moments of a variable where they lie so far from where they were counted from that the variance lost its digits: once more
    /// from the flows into the variable's units, about the mean.
    /// </summary>
    private void CountAfresh(Engines.ISession session, Evidence evidence, int[] rows, int variable, double[] values, double centre, double[] result)
    {
        const double LeastShare = 1e-3; // of the second moment
        int width = Plan.ExpectationsOf[^1], at = Plan.ExpectationsOf[variable];
        int[] chosen = [.. rows.Where(row => evidence.IsHidden(row, variable) && result[row * width + at] is var mean && result[row * width + at + 1] is var square
            && square - mean * mean < LeastShare * square)];
        if (chosen.Length == 0) return;
        int[] regions = Plan.InputsOf(variable);
        int units = regions.Sum(Plan.Regions.Channels);
        var flows = new double[chosen.Length * units];
        session.InputFlows(evidence, chosen, variable, Prior(), new double[chosen.Length], flows);
        Span<double> own = stackalloc double[2];
        for (int i = 0; i < chosen.Length; i++)
        {
            ref double mean = ref result[chosen[i] * width + at], square = ref result[chosen[i] * width + at + 1];
            ValueSet? set = evidence.SetOf(chosen[i], variable);
            double origin = InputFamily.CentreWithin(set, centre), about = origin + mean, total = 0, first = 0, second = 0;
            int next = i * units;
            foreach (int region in regions)
                for (int k = 0; k < Plan.Regions.Channels(region); k++)
                {
                    double flow = flows[next++];
                    if (flow == 0) continue;
                    InputPlace place = Plan.Regions.Input(region);
                    place.Family.Expect(k, set, values.AsSpan(place.Offset, place.Family.ParameterCount), about, own);
                    (total, first, second) = (total + flow, first + flow * own[0], second + flow * own[1]);
                }
            if (total == 0) continue;
            (first, second) = (first / total, second / total);
            mean = about - origin + first;
            square = mean * mean + Math.Max(second - first * first, 0);
        }
    }

    /// <summary>A number below the mean of every component of a variable, about as far as they lie apart.</summary>
    private double Below(int variable, ValueSet? within, double[] values)
    {
        double least = double.PositiveInfinity, most = double.NegativeInfinity;
        foreach (int region in Plan.InputsOf(variable))
        {
            InputPlace place = Plan.Regions.Input(region);
            for (int k = 0; k < place.Family.Components; k++)
            {
                ReadOnlySpan<double> own = values.AsSpan(place.Offset, place.Family.ParameterCount);
                if (within is not null && double.IsNegativeInfinity(place.Family.LogProbability(k, within, own))) continue;
                double mean = place.Family.Mean(k, within, own);
                (least, most) = (Math.Min(least, mean), Math.Max(most, mean));
            }
        }
        return least - Math.Max(most - least, Math.Max(1e-3, 1e-3 * Math.Abs(least)));
    }

    /// <summary>The input units that read a variable, in the order of their flows.</summary>
    private InputUnit[] UnitsOf(int variable) =>
        [.. Plan.InputsOf(variable).SelectMany(r => Enumerable.Range(0, Plan.Regions.Channels(r)).Select(k => new InputUnit(r, k)))];

    private static void RefuseImpossible(double[] logLikelihoods, int firstRow)
    {
        if (Array.IndexOf(logLikelihoods, double.NegativeInfinity) is >= 0 and int row) throw Impossible(firstRow + row);
    }

    /// <summary>An upward pass; gives the shares of the class roots.</summary>
    private double[] Forward(Engines.ISession session, Evidence evidence, int[] rows)
    {
        var logLikelihoods = new double[rows.Length * Classes];
        session.Forward(evidence, rows, logLikelihoods);
        return ClassShares(logLikelihoods, null, rows[0]);
    }

    /// <summary>For each variable that is no code the middle of its components' means.</summary>
    private double[] Centres()
    {
        var centres = new double[Variables];
        if (Plan.InputOf.All(f => f is null or { Domain.HasCodes: true })) return centres;
        double[] values = InDouble(Parameters);
        var counts = new int[Variables];
        foreach (InputUnit unit in Plan.InputUnits)
        {
            InputPlace place = Plan.Regions.Input(unit.Region);
            if (place.Family.Domain.HasCodes) continue;
            centres[place.Variable] += place.Family.Mean(unit.Component, null, values.AsSpan(place.Offset, place.Family.ParameterCount));
            counts[place.Variable]++;
        }
        for (int v = 0; v < centres.Length; v++) centres[v] /= Math.Max(counts[v], 1);
        return centres;
    }

    /// <summary>Turns moments into mean and variance, makes probabilities add to 1, and puts in what is observed.</summary>
    private void Settle(Evidence evidence, int row, double[] centres, Span<double> expectations)
    {
        for (int v = 0; v < Variables; v++)
        {
            Span<double> own = expectations[Plan.ExpectationsOf[v]..Plan.ExpectationsOf[v + 1]];
            bool discrete = Plan.InputOf[v] is { Domain.HasCodes: true };
            if (own.IsEmpty) continue;
            if (!evidence.IsHidden(row, v))
            {
                own.Clear();
                float value = evidence.Row(row)[v];
                if (discrete) own[(int)value] = 1;
                else own[0] = value;
            }
            else if (discrete)
            {
                double total = 0;
                foreach (double p in own) total += p;
                for (int s = 0; total > 0 && s < own.Length; s++) own[s] /= total;
            }
            else
            {
                own[1] = Math.Max(own[1] - own[0] * own[0], 0);
                own[0] += InputFamily.CentreWithin(evidence.SetOf(row, v), centres[v]);
            }
        }
    }

    private static double[] InDouble(ReadOnlySpan<float> values)
    {
        var result = new double[values.Length];
        for (int i = 0; i < result.Length; i++) result[i] = values[i];
        return result;
    }
}
