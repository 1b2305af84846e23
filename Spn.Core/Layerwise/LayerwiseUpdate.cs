using Spn.Core.Engines.Simd;

namespace Spn.Core.Layerwise;

/// <summary>Steps of plain gradient ascent on the loss of one mixture layer.</summary>
/// <remarks>
/// The gradient of the annealed loss max_k sum_i g_k(i) score_i needs only the number, sum and sum of squares of the patches that each
/// component won: component i's gradient is that of its score on the patches of k, weighted by g_k(i). So a step needs far fewer operations than
/// the way up. Under the full loss components share patches instead of winning them.
/// </remarks>
internal sealed unsafe class LayerwiseUpdate : IDisposable
{
    /// <summary>Patches of fewer inputs than this are gathered before they are added.</summary>
    private const int Few = 64;

    private static readonly MixtureKernels Kernels = MixtureKernels.Best;

    private readonly MixtureStage stage;
    private readonly LayerwiseOptions options;
    private readonly int index, padded, cuts;
    private readonly NativeBuffer moments, counts;

    public LayerwiseUpdate(LayerwisePlan plan, MixtureStage stage, LayerwiseOptions options)
    {
        this.stage = stage;
        this.options = options;
        index = plan.StageIndex(stage);
        padded = MixtureKernels.Padded(stage.Inputs);
        // Long runs are cut, so that threads have about the same to do.
        cuts = stage.Table.Runs >= 8 ? 1 : Math.Clamp(stage.Table.RunLength / 32, 1, 4);
        Annealing = new Annealing(stage.Components, options);
        int shared = stage.Layer.Independent ? 0 : 2 * stage.Components * padded + MixtureKernels.LaneMultiple;
        int factored = stage.Layer.Factors == 0 ? 0 : stage.Components * (2 + stage.Layer.Factors) * stage.Inputs * stage.Sets;
        moments = new NativeBuffer(Math.Max(shared, (long)factored) * sizeof(float));
        counts = new NativeBuffer((long)stage.Sets * stage.Components * sizeof(float));
    }

    /// <summary>The mixture layer.</summary>
    public MixtureStage Stage => stage;

    /// <summary>How far training has come.</summary>
    public Annealing Annealing { get; }

    /// <summary>Items of work of the first part of a step; see <see cref="Begin"/>.</summary>
    public int Beginnings => Factored ? stage.Sets * stage.Components : stage.Layer.Independent ? stage.Sets : stage.Table.Runs * cuts;

    /// <summary>Items of work of the second part of a step; see <see cref="End"/>.</summary>
    public int Ends => Factored || stage.Layer.Independent ? 0 : stage.Components;

    private bool Factored => stage.Layer.Factors > 0;

    /// <summary>Prepares a step by the batch that a workspace holds, whose way up must have been gone.</summary>
    public void Prepare(LayerwiseWorkspace work)
    {
        moments.Clear();
        if (!stage.Layer.Independent) Count(work, 0, stage.Output.Cells, counts.Floats);
    }

    /// <summary>An item of the first part: the step of a cell of its own parameters, or sums over all cells.</summary>
    public void Begin(LayerwiseNumbers numbers, LayerwiseWorkspace work, int item, int worker)
    {
        if (Factored) SumFactors(numbers, work, item, worker);
        else if (stage.Layer.Independent) StepCell(numbers, work, item, work.Scratch(worker));
        else
        {
            // Threads share the inputs, so that each sum is made by one of them, in one order.
            (int run, int cut) = Math.DivRem(item, cuts);
            int length = stage.Table.RunLength;
            for (int cell = 0; cell < stage.Output.Cells; cell++)
                Gather(work, cell, run, run + 1, length * cut / cuts, length * (cut + 1) / cuts, moments.Floats, moments.Floats + stage.Components * padded, padded);
        }
    }

    /// <summary>An item of the second part: a component whose sums are complete.</summary>
    public void End(LayerwiseNumbers numbers, LayerwiseWorkspace work, int k, int worker)
    {
        int components = stage.Components;
        float* sum = moments.Floats + k * padded, square = sum + components * padded;
        float count = Filtered(counts.Floats, k);
        if (!Annealing.IsIdentity)
        {
            float* to = work.Scratch(worker);
            Kernels.Multiply(Annealing.Filter + k, components, components, 1, components, moments.Floats, to, padded);
            Kernels.Multiply(Annealing.Filter + k, components, components, 1, components, moments.Floats + components * padded, to + padded, padded);
            sum = to;
            square = to + padded;
        }
        Move(numbers, 0, k, sum, square, count, Scale(work));
    }

    /// <summary>Ends a step, when all items are done.</summary>
    public void Finish(LayerwiseNumbers numbers, LayerwiseWorkspace work)
    {
        if (Factored) MoveFactors(numbers, work);
        else if (!stage.Layer.Independent) Finish(numbers, 0, counts.Floats, Scale(work));
    }

    public void Dispose()
    {
        moments.Dispose();
        counts.Dispose();
        Annealing.Dispose();
    }

    /// <summary>Step size over the number of patches that a set of parameters sees.</summary>
    private float Scale(LayerwiseWorkspace work) => (float)(Annealing.Rate / ((double)work.Count * (stage.Layer.Independent ? 1 : stage.Output.Cells)));

    private void StepCell(LayerwiseNumbers numbers, LayerwiseWorkspace work, int cell, float* scratch)
    {
        int components = stage.Components, inputs = stage.Inputs;
        float scale = Scale(work);
        // Patches of a few inputs are stepped for all components at once.
        bool together = Annealing.IsIdentity && inputs < Few;
        int spacing = together ? inputs : padded, block = components * padded;
        float* sums = scratch, squares = sums + block, filteredSums = squares + block, filteredSquares = filteredSums + block;
        new Span<float>(sums, 2 * block).Clear();
        Gather(work, cell, 0, stage.Table.Runs, 0, stage.Table.RunLength, sums, squares, spacing);
        float* own = counts.Floats + (long)cell * components;
        Count(work, cell, cell + 1, own);
        if (together)
        {
            float* numbersOfPatches = filteredSums;
            for (int k = 0, i = 0; k < components; k++)
                for (int end = i + inputs; i < end; i++) numbersOfPatches[i] = own[k];
            Kernels.Step(numbers.Centres(stage, cell), numbers.Deviations(stage, cell), numbers.Shifts(stage, cell), sums, squares, numbersOfPatches,
                (float)(scale * options.CentreRate), (float)(scale * options.DeviationRate), (float)options.LeastDeviation, (float)Math.Sqrt(options.LargestPrecision), components * inputs);
        }
        else
        {
            if (!Annealing.IsIdentity)
            {
                Kernels.Multiply(Annealing.Filter, 1, components, components, components, sums, filteredSums, padded);
                Kernels.Multiply(Annealing.Filter, 1, components, components, components, squares, filteredSquares, padded);
                sums = filteredSums;
                squares = filteredSquares;
            }
            for (int k = 0; k < components; k++) Move(numbers, cell, k, sums + k * padded, squares + k * padded, Filtered(own, k), scale);
        }
        Finish(numbers, cell, own, scale);
    }

    /// <summary>Adds the patches of a cell to the sums of the components that won them, between two places of some runs.</summary>
    private void Gather(LayerwiseWorkspace work, int cell, int firstRun, int endRun, int from, int to, float* sums, float* squares, int spacing)
    {
        int each = work.InputCount(index), length = stage.Table.RunLength, runs = stage.Table.Runs, components = stage.Components, lanes = work.Lanes;
        float* winner = work.Winners(index) + (long)cell * lanes, weights = work.Weights(index);
        if (weights != null) weights += (long)cell * components * lanes;
        bool whole = endRun - firstRun == runs && to - from == length && runs * length < Few;
        float* patch = stackalloc float[Few];
        new Span<float>(patch, Few).Clear();
        fixed (int* starts = &stage.Table.Starts[cell * runs])
            for (int lane = 0; lane < work.Count; lane++)
            {
                float* row = work.InputRows(index) + (long)lane * each;
                if (whole)
                {
                    for (int run = 0, i = 0; run < runs; run++)
                        for (int j = 0; j < length; j++) patch[i++] = row[starts[run] + j];
                    // What is added beyond the patch is 0.
                    Add(patch, 0, MixtureKernels.Padded(runs * length), lane);
                }
                else
                    for (int run = firstRun; run < endRun; run++) Add(row + starts[run] + from, run * length + from, to - from, lane);
            }

        void Add(float* x, int at, int count, int lane)
        {
            if (weights == null)
            {
                at += (int)winner[lane] * spacing;
                Kernels.AddMoments(x, sums + at, squares + at, count);
                return;
            }
            for (int k = 0; k < components; k++, at += spacing)
                if (weights[k * lanes + lane] > 0) Kernels.AddMoments(weights[k * lanes + lane], x, sums + at, squares + at, count);
        }
    }

    /// <summary>How many patches of some cells each component won.</summary>
    private void Count(LayerwiseWorkspace work, int first, int end, float* to)
    {
        int components = stage.Components, lanes = work.Lanes;
        new Span<float>(to, components).Clear();
        for (int cell = first; cell < end; cell++)
        {
            float* winner = work.Winners(index) + (long)cell * lanes, weights = work.Weights(index);
            if (weights == null)
                for (int lane = 0; lane < work.Count; lane++) to[(int)winner[lane]]++;
            else
                for (int k = 0; k < components; k++)
                    for (int lane = 0; lane < work.Count; lane++) to[k] += weights[((long)cell * components + k) * lanes + lane];
        }
    }

    /// <summary>Number of patches that count for a component, as the annealing filter spreads them.</summary>
    private float Filtered(float* own, int component)
    {
        if (Annealing.IsIdentity) return own[component];
        float sum = 0;
        for (int k = 0; k < stage.Components; k++) sum += Annealing.Filter[k * stage.Components + component] * own[k];
        return sum;
    }

    private void Move(LayerwiseNumbers numbers, int set, int k, float* sum, float* square, float count, float scale)
    {
        if (count == 0) return;
        long at = (long)k * stage.Inputs;
        Kernels.Step(numbers.Centres(stage, set) + at, numbers.Deviations(stage, set) + at, numbers.Shifts(stage, set) + at, sum, square, count,
            (float)(scale * options.CentreRate), (float)(scale * options.DeviationRate), (float)options.LeastDeviation, (float)Math.Sqrt(options.LargestPrecision), stage.Inputs);
    }

    /// <summary>Steps the logits and brings constants in line.</summary>
    /// <param name="numbers">Parameters.</param>
    /// <param name="set">The set of parameters.</param>
    /// <param name="own">Number of patches that each component won.</param>
    /// <param name="scale">Step size over the number of patches.</param>
    private void Finish(LayerwiseNumbers numbers, int set, float* own, float scale)
    {
        float* logits = numbers.Logits(stage, set), shares = numbers.Shares(stage, set);
        float rate = (float)(scale * options.WeightRate), total = 0;
        for (int k = 0; k < stage.Components; k++) total += own[k];
        for (int k = 0; rate > 0 && k < stage.Components; k++) logits[k] += rate * (Filtered(own, k) - shares[k] * total);
        numbers.Normalise(stage, set);
    }

    private void SumFactors(LayerwiseNumbers numbers, LayerwiseWorkspace work, int item, int worker)
    {
        (int set, int k) = Math.DivRem(item, stage.Components);
        int inputs = stage.Inputs;
        float* byCentre = moments.Floats + (long)item * (2 + stage.Layer.Factors) * inputs, weights = stackalloc float[work.Lanes];
        int first = stage.Layer.Independent ? set : 0, end = stage.Layer.Independent ? set + 1 : stage.Output.Cells;
        for (int cell = first; cell < end; cell++)
        {
            LaneWeights(work, cell, k, weights);
            new FactorScores(numbers, work, index, stage, cell, k, worker).AddGradient(weights, byCentre, byCentre + inputs, byCentre + 2 * inputs);
        }
    }

    private void MoveFactors(LayerwiseNumbers numbers, LayerwiseWorkspace work)
    {
        int components = stage.Components, inputs = stage.Inputs, factors = stage.Layer.Factors;
        float scale = Scale(work), most = (float)Math.Sqrt(options.LargestPrecision);
        for (int set = 0; set < stage.Sets; set++)
        {
            float* own = counts.Floats + (long)set * components;
            if (stage.Layer.Independent) Count(work, set, set + 1, own);
            for (int k = 0; k < components; k++)
            {
                long at = (long)k * inputs;
                float* mu = numbers.Centres(stage, set) + at, s = numbers.Deviations(stage, set) + at, m = numbers.Shifts(stage, set) + at;
                float* w = numbers.Loadings(stage, set) + at * factors, byCentre = moments.Floats + ((long)set * components + k) * (2 + factors) * inputs;
                float count = Filtered(own, k);
                for (int i = 0; i < inputs; i++)
                {
                    mu[i] += scale * (float)options.CentreRate * byCentre[i];
                    s[i] = Math.Clamp(s[i] + scale * (float)options.DeviationRate * (count / s[i] + byCentre[inputs + i]), (float)options.LeastDeviation, most);
                    m[i] = -mu[i] * s[i];
                }
                for (int i = 0; i < factors * inputs; i++) w[i] += scale * (float)options.LoadingRate * byCentre[2 * inputs + i];
            }
            Finish(numbers, set, own, scale);
        }
    }

    /// <summary>How much of each image's patch counts for a component; 0 for lanes without an image.</summary>
    private void LaneWeights(LayerwiseWorkspace work, int cell, int component, float* to)
    {
        int components = stage.Components, lanes = work.Lanes;
        float* winner = work.Winners(index) + (long)cell * lanes, weights = work.Weights(index);
        for (int lane = 0; lane < lanes; lane++)
        {
            to[lane] = 0;
            if (lane >= work.Count) continue;
            if (weights == null) to[lane] = Share((int)winner[lane]);
            else
                for (int k = 0; k < components; k++) to[lane] += Share(k) * weights[((long)cell * components + k) * lanes + lane];
        }

        float Share(int k) => Annealing.IsIdentity ? (k == component ? 1 : 0) : Annealing.Filter[k * components + component];
    }
}
