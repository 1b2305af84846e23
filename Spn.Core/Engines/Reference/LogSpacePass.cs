using Spn.Core.Plans;

namespace Spn.Core.Engines.Reference;

/// <summary>One sample, region by region, in double precision log space: the definition of correct.</summary>
internal sealed class LogSpacePass
{
    private readonly Plan plan;
    private readonly int[] first;      // first unit of a region
    private readonly double[] value;   // log of each unit
    private readonly double[] slope;   // log of d log S / d (linear value) of each unit
    private double[] parameters = [];
    private double[] weights = [];
    private double[] logWeights = [];
    private double[] sumTerms = [];

    public LogSpacePass(Plan plan)
    {
        this.plan = plan;
        RegionTable regions = plan.Regions;
        first = new int[regions.Count + 1];
        for (int r = 0; r < regions.Count; r++) first[r + 1] = first[r] + regions.Channels(r);
        value = new double[first[^1]];
        slope = new double[first[^1]];
    }

    public ReadOnlySpan<double> Weights => weights;

    public ReadOnlySpan<double> InputParameters => parameters;

    /// <summary>Products that are set to 0 on the way up, with the row of the call that is at hand; null sets none.</summary>
    public (Dropout Which, int Row)? Dropped { get; set; }

    /// <summary>What downward passes add up at inputs.</summary>
    public InputGathering Gathering { get; set; }

    public void SetParameters(ReadOnlySpan<float> theta) => SetParameters(Array.ConvertAll(theta.ToArray(), p => (double)p));

    public void SetParameters(ReadOnlySpan<double> theta)
    {
        parameters = theta.ToArray();
        weights = new double[plan.Blocks.Total];
        foreach (WeightProgram program in plan.Programs) program.Forward(plan.Blocks, parameters, weights);
        logWeights = Array.ConvertAll(weights, Math.Log);
    }

    /// <summary>Logarithms of a region's units after <see cref="Upward"/>.</summary>
    public Span<double> Values(int region) => value.AsSpan(first[region]..first[region + 1]);

    /// <summary>An upward pass over a row.</summary>
    /// <param name="evidence">The batch.</param>
    /// <param name="row">The row.</param>
    /// <param name="max">Sums keep their largest term, hidden variables their likeliest value.</param>
    public void Upward(Evidence evidence, int row, bool max = false)
    {
        RegionTable regions = plan.Regions;
        for (int r = 0; r < regions.Count; r++)
            switch (regions.Kind(r))
            {
                case RegionKind.Input: Input(r, evidence, row, max); break;
                case RegionKind.Product: Product(r); break;
                default: Sum(r, max); break;
            }
    }

    private void Input(int region, Evidence evidence, int row, bool max)
    {
        InputPlace input = plan.Regions.Input(region);
        Span<double> own = Values(region);
        bool hidden = evidence.IsHidden(row, input.Variable);
        ValueSet? set = evidence.SetOf(row, input.Variable);
        float x = evidence.Row(row)[input.Variable];
        ReadOnlySpan<double> theta = Parameters(input);
        for (int k = 0; k < own.Length; k++)
            own[k] = !hidden ? input.Family.LogDensity(k, x, theta)
                : max ? input.Family.LogPeak(k, set, theta)
                : set is null ? 0 : input.Family.LogValue(k, set, theta);
    }

    private ReadOnlySpan<double> Parameters(InputPlace input) => parameters.AsSpan(input.Offset, input.Family.ParameterCount);

    private void Product(int region)
    {
        ChannelTable table = plan.Regions.Table(region);
        ReadOnlySpan<int> children = plan.Regions.Children(region);
        Span<double> own = Values(region);
        for (int o = 0; o < own.Length; o++)
        {
            double sum = 0;
            for (int t = 0; t < children.Length; t++) sum += Values(children[t])[table[t, o]];
            own[o] = Dropped is (var dropout, var row) && dropout.Drops(region, o, own.Length, row) ? double.NegativeInfinity : sum;
        }
    }

    private void Sum(int region, bool max)
    {
        (int rows, int columns, int offset) = plan.Blocks[plan.Regions.Block(region)];
        Span<double> own = Values(region);
        if (sumTerms.Length < columns) sumTerms = new double[columns];
        Span<double> terms = sumTerms.AsSpan(0, columns);
        for (int i = 0; i < rows; i++)
        {
            int c = 0;
            foreach (int child in plan.Regions.Children(region))
                foreach (double v in Values(child))
                {
                    terms[c] = logWeights[offset + i * columns + c] + v;
                    c++;
                }
            own[i] = max ? LogSum.Largest(terms) : LogSum.Of(terms);
        }
    }

    /// <summary>A whole downward pass for the row of the upward pass, from the root.</summary>
    /// <param name="evidence">The batch of the upward pass.</param>
    /// <param name="row">The row of the upward pass.</param>
    /// <param name="seeds">Factor of each class's log-likelihood, or empty for 1; a class that is impossible is left out.</param>
    /// <param name="byWeights">Derivatives by the weights, added; empty when they are not asked for.</param>
    /// <param name="atInputs">What is gathered at inputs, laid out as the parameters or as the statistics, added; empty when nothing is.</param>
    public void DownwardFromRoot(Evidence evidence, int row, ReadOnlySpan<double> seeds, Span<double> byWeights, Span<double> atInputs)
    {
        int root = plan.Regions.Root;
        for (int c = 0; c < plan.Classes; c++)
        {
            double seed = seeds.IsEmpty ? 1 : seeds[c];
            if (seed == 0 || double.IsNegativeInfinity(Values(root)[c])) continue;
            ClearSlopes();
            Seed(root, c, -Values(root)[c]);
            Downward(evidence, row, root, seed, byWeights, atInputs);
        }
    }

    /// <summary>Starts a downward pass with no slope anywhere.</summary>
    public void ClearSlopes() => Array.Fill(slope, double.NegativeInfinity);

    /// <summary>Sets the log of d log S / d (linear value) of one unit, as the start of a downward pass.</summary>
    public void Seed(int region, int channel, double logSlope) => slope[first[region] + channel] = logSlope;

    /// <summary>Carries slopes down from the regions up to the given one and adds factor times the derivatives.</summary>
    /// <param name="evidence">The batch of the upward pass.</param>
    /// <param name="row">The row of the upward pass.</param>
    /// <param name="top">The highest region with a slope.</param>
    /// <param name="factor">Factor of everything added.</param>
    /// <param name="byWeights">Derivatives by the weights, laid out as the plan's blocks.</param>
    /// <param name="atInputs">What is gathered at inputs, laid out as the parameters or as the statistics.</param>
    public void Downward(Evidence evidence, int row, int top, double factor, Span<double> byWeights, Span<double> atInputs)
    {
        RegionTable regions = plan.Regions;
        for (int r = top; r >= 0; r--)
            switch (regions.Kind(r))
            {
                case RegionKind.Input: InputDown(r, evidence, row, factor, atInputs); break;
                case RegionKind.Product: ProductDown(r); break;
                default: SumDown(r, factor, byWeights); break;
            }
    }

    private Span<double> Slopes(int region) => slope.AsSpan(first[region]..first[region + 1]);

    private void InputDown(int region, Evidence evidence, int row, double factor, Span<double> atInputs)
    {
        InputPlace input = plan.Regions.Input(region);
        ValueSet? set = evidence.SetOf(row, input.Variable);
        if (atInputs.IsEmpty || !input.Family.Learns || (evidence.IsHidden(row, input.Variable) && set is null)) return;
        float x = evidence.Row(row)[input.Variable];
        bool statistics = Gathering == InputGathering.Statistics;
        Span<double> values = Values(region), slopes = Slopes(region);
        Span<double> to = statistics ? atInputs.Slice(plan.FirstStatistic[region], input.Family.StatisticCount) : atInputs.Slice(input.Offset, input.Family.ParameterCount);
        for (int k = 0; k < values.Length; k++)
        {
            double flow = factor * Math.Exp(slopes[k] + values[k]);
            if (flow == 0) continue;
            switch (statistics, set)
            {
                case (false, null): input.Family.AddGradient(k, x, flow, Parameters(input), to); break;
                case (false, _): input.Family.AddGradient(k, set, flow, Parameters(input), to); break;
                case (true, null): input.Family.AddStatistics(k, x, flow, Parameters(input), to); break;
                case (true, _): input.Family.AddStatistics(k, set, flow, Parameters(input), to); break;
            }
        }
    }

    private void ProductDown(int region)
    {
        ChannelTable table = plan.Regions.Table(region);
        ReadOnlySpan<int> children = plan.Regions.Children(region);
        Span<double> slopes = Slopes(region);
        for (int o = 0; o < slopes.Length; o++)
        {
            if (double.IsNegativeInfinity(slopes[o]) || (Dropped is (var dropout, var row) && dropout.Drops(region, o, slopes.Length, row))) continue;
            for (int t = 0; t < children.Length; t++)
            {
                double others = slopes[o];
                for (int u = 0; u < children.Length; u++)
                    if (u != t) others += Values(children[u])[table[u, o]];
                ref double target = ref Slopes(children[t])[table[t, o]];
                target = LogSum.Of(target, others);
            }
        }
    }

    private void SumDown(int region, double factor, Span<double> byWeights)
    {
        (int rows, int columns, int offset) = plan.Blocks[plan.Regions.Block(region)];
        Span<double> slopes = Slopes(region);
        for (int i = 0; i < rows; i++)
        {
            if (double.IsNegativeInfinity(slopes[i])) continue;
            int c = 0;
            foreach (int child in plan.Regions.Children(region))
            {
                Span<double> values = Values(child), childSlopes = Slopes(child);
                for (int k = 0; k < values.Length; k++, c++)
                {
                    int edge = offset + i * columns + c;
                    if (!byWeights.IsEmpty) byWeights[edge] += factor * Math.Exp(slopes[i] + values[k]);
                    childSlopes[k] = LogSum.Of(childSlopes[k], slopes[i] + logWeights[edge]);
                }
            }
        }
    }

    /// <summary>What the evidence says of the classes after an upward pass: their shares, all 0 where it is impossible.</summary>
    public double[] ClassShares(ReadOnlySpan<double> prior, out double logLikelihood)
    {
        var shares = new double[plan.Classes];
        for (int c = 0; c < shares.Length; c++) shares[c] = Values(plan.Regions.Root)[c] + Math.Log(prior[c]);
        logLikelihood = LogSum.Of(shares);
        for (int c = 0; c < shares.Length; c++) shares[c] = double.IsNegativeInfinity(logLikelihood) ? 0 : Math.Exp(shares[c] - logLikelihood);
        return shares;
    }

    /// <summary>Adds the expectations of all variables, [expectation], from one class's downward pass.</summary>
    /// <param name="evidence">The batch of the upward pass.</param>
    /// <param name="row">The row of the upward pass.</param>
    /// <param name="seeds">Share of each class, or empty for 1.</param>
    /// <param name="centres">For each variable where moments are counted from.</param>
    /// <param name="expectations">Receives them; see <see cref="ISession.Expectations"/>.</param>
    public void Expectations(Evidence evidence, int row, ReadOnlySpan<double> seeds, ReadOnlySpan<double> centres, Span<double> expectations)
    {
        var own = new double[plan.InputOf.Max(f => f?.Expectations ?? 0)];
        foreach ((int region, double share) in InputShares(evidence, row, seeds))
        {
            InputPlace input = plan.Regions.Input(region);
            Span<double> to = expectations[plan.ExpectationsOf[input.Variable]..], values = Values(region), slopes = Slopes(region);
            ValueSet? set = evidence.SetOf(row, input.Variable);
            for (int k = 0; k < values.Length; k++)
            {
                double flow = share * Math.Exp(slopes[k] + values[k]);
                if (flow == 0) continue;
                input.Family.Expect(k, set, Parameters(input), InputFamily.CentreWithin(set, centres[input.Variable]), own);
                for (int j = 0; j < input.Family.Expectations; j++) to[j] += flow * own[j];
            }
        }
    }

    /// <summary>Adds how a variable is divided among its input units, [unit]; see <see cref="ISession.InputFlows"/>.</summary>
    public void InputFlows(Evidence evidence, int row, int variable, ReadOnlySpan<double> seeds, Span<double> flows)
    {
        int[] readers = plan.InputsOf(variable), offsets = new int[plan.Regions.Count];
        for (int i = 1; i < readers.Length; i++) offsets[readers[i]] = offsets[readers[i - 1]] + plan.Regions.Channels(readers[i - 1]);
        foreach ((int region, double share) in InputShares(evidence, row, seeds))
        {
            if (plan.Regions.Input(region).Variable != variable) continue;
            Span<double> values = Values(region), slopes = Slopes(region);
            for (int k = 0; k < values.Length; k++) flows[offsets[region] + k] += share * Math.Exp(slopes[k] + values[k]);
        }
    }

    /// <summary>All input regions, once a class, with the slopes of that class at hand while it is enumerated.</summary>
    private IEnumerable<(int Region, double Share)> InputShares(Evidence evidence, int row, ReadOnlySpan<double> seeds)
    {
        double[] shares = seeds.IsEmpty ? [.. Enumerable.Repeat(1.0, plan.Classes)] : seeds.ToArray();
        return Each();

        IEnumerable<(int, double)> Each()
        {
            for (int c = 0; c < plan.Classes; c++)
            {
                double only = Values(plan.Regions.Root)[c];
                if (shares[c] == 0 || double.IsNegativeInfinity(only)) continue;
                ClearSlopes();
                Seed(plan.Regions.Root, c, -only);
                Downward(evidence, row, plan.Regions.Root, 1, [], []);
                for (int r = 0; r < plan.Regions.Count; r++)
                    if (plan.Regions.Kind(r) == RegionKind.Input) yield return (r, shares[c]);
            }
        }
    }

    /// <summary>One way down that chooses a child at every sum; see <see cref="ISession.Route"/>.</summary>
    /// <param name="routing">How it chooses.</param>
    /// <param name="top">The class root.</param>
    /// <param name="draws">Number r decides at region r.</param>
    /// <param name="units">Receives the input unit of each variable.</param>
    public void Route(Routing routing, int top, RandomStream draws, Span<int> units)
    {
        int[] chosen = Way(top, (region, unit) =>
        {
            double[] terms = Terms(region, unit, weighted: true);
            double most = terms.Max();
            return routing == Routing.Max || double.IsNegativeInfinity(most)
                ? Math.Max(Array.IndexOf(terms, most), 0) : Drawn(terms, most, draws.DoubleAt((ulong)region));
        });
        for (int r = 0; r < chosen.Length; r++)
            if (chosen[r] >= 0 && plan.Regions.Kind(r) == RegionKind.Input) units[plan.Regions.Input(r).Variable] = plan.FirstUnit[r] + chosen[r];
    }

    /// <summary>One way down for hard expectation maximisation; see <see cref="ISession.Count"/>.</summary>
    /// <param name="winner">How sums choose.</param>
    /// <param name="top">The class root.</param>
    /// <param name="draws">Number r decides at region r.</param>
    /// <param name="count">Added to every edge on the way.</param>
    /// <param name="edges">Counts, laid out as the plan's blocks.</param>
    /// <returns>The unit of each region on the way, or -1; none where the evidence is impossible.</returns>
    public int[] Count(Winner winner, int top, RandomStream draws, double count, double[] edges)
    {
        if (double.IsNegativeInfinity(Values(plan.Regions.Root)[top])) return [];
        return Way(top, (region, unit) =>
        {
            double[] terms = Terms(region, unit, winner.Weighted);
            double most = terms.Max(), uniform = draws.DoubleAt((ulong)region);
            int column = uniform < winner.DrawShare
                ? Drawn(terms, most, uniform / winner.DrawShare)
                : AmongEqual(terms, most, (uniform - winner.DrawShare) / (1 - winner.DrawShare));
            (_, int columns, int offset) = plan.Blocks[plan.Regions.Block(region)];
            edges[offset + unit * columns + column] += count;
            return column;
        });
    }

    /// <summary>The unit of each region through which a way down goes, or -1.</summary>
    /// <param name="top">The class root.</param>
    /// <param name="choose">From region and unit to the column chosen there.</param>
    private int[] Way(int top, Func<int, int, int> choose)
    {
        RegionTable regions = plan.Regions;
        var chosen = new int[regions.Count];
        Array.Fill(chosen, -1);
        chosen[regions.Root] = top;
        for (int r = regions.Root; r >= 0; r--)
        {
            if (chosen[r] < 0) continue;
            ReadOnlySpan<int> children = regions.Children(r);
            if (regions.Kind(r) == RegionKind.Product)
                for (int t = 0; t < children.Length; t++) chosen[children[t]] = regions.Table(r)[t, chosen[r]];
            else if (regions.Kind(r) == RegionKind.Sum)
            {
                int column = choose(r, chosen[r]), child = 0;
                while (column >= regions.Channels(children[child])) column -= regions.Channels(children[child++]);
                chosen[children[child]] = column;
            }
        }
        return chosen;
    }

    /// <summary>Logarithms of what a unit of a sum adds up, or of its inputs alone, [column].</summary>
    private double[] Terms(int region, int unit, bool weighted)
    {
        (_, int columns, int offset) = plan.Blocks[plan.Regions.Block(region)];
        var terms = new double[columns];
        int c = 0;
        foreach (int child in plan.Regions.Children(region))
            foreach (double v in Values(child))
            {
                terms[c] = weighted ? logWeights[offset + unit * columns + c] + v : v;
                c++;
            }
        return terms;
    }

    private static int Drawn(double[] terms, double most, double uniform)
    {
        double left = uniform * terms.Sum(t => Math.Exp(t - most));
        int last = 0;
        for (int c = 0; c < terms.Length; c++)
        {
            double own = Math.Exp(terms[c] - most);
            if (own == 0) continue;
            last = c;
            if ((left -= own) < 0) break;
        }
        return last;
    }

    private static int AmongEqual(double[] terms, double most, double uniform)
    {
        int[] best = [.. Enumerable.Range(0, terms.Length).Where(c => terms[c] == most)];
        return best[Math.Min((int)(uniform * best.Length), best.Length - 1)];
    }

    /// <summary>Pulls derivatives by the weights back to the parameters, added.</summary>
    public void PullBack(ReadOnlySpan<double> byWeights, Span<double> byParameters)
    {
        foreach (WeightProgram program in plan.Programs) program.Backward(plan.Blocks, parameters, weights, byWeights, byParameters);
    }
}
