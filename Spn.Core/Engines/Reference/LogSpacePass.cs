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

    public void SetParameters(ReadOnlySpan<float> theta)
    {
        parameters = new double[theta.Length];
        for (int i = 0; i < theta.Length; i++) parameters[i] = theta[i];
        weights = new double[plan.Blocks.Total];
        foreach (WeightProgram program in plan.Programs) program.Forward(plan.Blocks, parameters, weights);
    }

    /// <summary>Logarithms of a region's units after <see cref="Upward"/>.</summary>
    public Span<double> Values(int region) => value.AsSpan(first[region]..first[region + 1]);

    public void Upward(Evidence evidence, int row)
    {
        RegionTable regions = plan.Regions;
        for (int r = 0; r < regions.Count; r++)
            switch (regions.Kind(r))
            {
                case RegionKind.Input: Input(r, evidence, row); break;
                case RegionKind.Product: Product(r); break;
                default: Sum(r); break;
            }
    }

    private void Input(int region, Evidence evidence, int row)
    {
        InputPlace input = plan.Regions.Input(region);
        Span<double> own = Values(region);
        if (evidence.IsHidden(row, input.Variable))
        {
            own.Clear();
            return;
        }
        float x = evidence.Row(row)[input.Variable];
        ReadOnlySpan<double> theta = parameters.AsSpan(input.Offset, input.Family.ParameterCount);
        for (int k = 0; k < own.Length; k++) own[k] = input.Family.LogDensity(k, x, theta);
    }

    private void Product(int region)
    {
        ChannelTable table = plan.Regions.Table(region);
        ReadOnlySpan<int> children = plan.Regions.Children(region);
        Span<double> own = Values(region);
        for (int o = 0; o < own.Length; o++)
        {
            double sum = 0;
            for (int t = 0; t < children.Length; t++) sum += Values(children[t])[table[t, o]];
            own[o] = sum;
        }
    }

    private void Sum(int region)
    {
        (int rows, int columns, int offset) = plan.Blocks[plan.Regions.Block(region)];
        Span<double> own = Values(region);
        var terms = new double[columns];
        for (int i = 0; i < rows; i++)
        {
            int c = 0;
            foreach (int child in plan.Regions.Children(region))
                foreach (double v in Values(child))
                {
                    terms[c] = Math.Log(weights[offset + i * columns + c]) + v;
                    c++;
                }
            own[i] = LogSum.Of(terms);
        }
    }

    /// <summary>A whole downward pass for the row of the upward pass, from the root.</summary>
    /// <param name="evidence">The batch of the upward pass.</param>
    /// <param name="row">The row of the upward pass.</param>
    /// <param name="seeds">Factor of each class's log-likelihood, or empty for 1; a class that is impossible is left out.</param>
    /// <param name="byWeights">Derivatives by the weights, added.</param>
    /// <param name="byParameters">Derivatives by the inputs' parameters, added.</param>
    public void DownwardFromRoot(Evidence evidence, int row, ReadOnlySpan<double> seeds, Span<double> byWeights, Span<double> byParameters)
    {
        int root = plan.Regions.Root;
        for (int c = 0; c < plan.Classes; c++)
        {
            double seed = seeds.IsEmpty ? 1 : seeds[c];
            if (seed == 0 || double.IsNegativeInfinity(Values(root)[c])) continue;
            ClearSlopes();
            Seed(root, c, -Values(root)[c]);
            Downward(evidence, row, root, seed, byWeights, byParameters);
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
    /// <param name="byParameters">Derivatives by the inputs' parameters.</param>
    public void Downward(Evidence evidence, int row, int top, double factor, Span<double> byWeights, Span<double> byParameters)
    {
        RegionTable regions = plan.Regions;
        for (int r = top; r >= 0; r--)
            switch (regions.Kind(r))
            {
                case RegionKind.Input: InputDown(r, evidence, row, factor, byParameters); break;
                case RegionKind.Product: ProductDown(r); break;
                default: SumDown(r, factor, byWeights); break;
            }
    }

    private Span<double> Slopes(int region) => slope.AsSpan(first[region]..first[region + 1]);

    private void InputDown(int region, Evidence evidence, int row, double factor, Span<double> byParameters)
    {
        InputPlace input = plan.Regions.Input(region);
        if (input.Family.ParameterCount == 0 || evidence.IsHidden(row, input.Variable)) return;
        float x = evidence.Row(row)[input.Variable];
        Span<double> values = Values(region), slopes = Slopes(region);
        for (int k = 0; k < values.Length; k++)
        {
            double flow = Math.Exp(slopes[k] + values[k]);
            if (flow > 0)
                input.Family.AddGradient(k, x, factor * flow, parameters.AsSpan(input.Offset, input.Family.ParameterCount),
                    byParameters.Slice(input.Offset, input.Family.ParameterCount));
        }
    }

    private void ProductDown(int region)
    {
        ChannelTable table = plan.Regions.Table(region);
        ReadOnlySpan<int> children = plan.Regions.Children(region);
        Span<double> slopes = Slopes(region);
        for (int o = 0; o < slopes.Length; o++)
        {
            if (double.IsNegativeInfinity(slopes[o])) continue;
            for (int t = 0; t < children.Length; t++)
            {
                double others = slopes[o];
                for (int u = 0; u < children.Length; u++)
                    if (u != t) others += Values(children[u])[table[u, o]];
                ref double target = ref Slopes(children[t])[table[t, o]];
                target = Add(target, others);
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
                    byWeights[edge] += factor * Math.Exp(slopes[i] + values[k]);
                    childSlopes[k] = Add(childSlopes[k], slopes[i] + Math.Log(weights[edge]));
                }
            }
        }
    }

    /// <summary>Pulls derivatives by the weights back to the parameters, added.</summary>
    public void PullBack(ReadOnlySpan<double> byWeights, Span<double> byParameters)
    {
        foreach (WeightProgram program in plan.Programs) program.Backward(plan.Blocks, parameters, weights, byWeights, byParameters);
    }

    private static double Add(double a, double b)
    {
        double max = Math.Max(a, b);
        return double.IsNegativeInfinity(max) ? max : max + Math.Log(Math.Exp(a - max) + Math.Exp(b - max));
    }
}
