using Spn.Core.Engines.Simd;

namespace Spn.Core.Layerwise;

/// <summary>Steps of plain gradient ascent on the loss of one mixture layer.</summary>
/// <remarks>
/// The gradient of the annealed loss max_k sum_i g_k(i) score_i needs only the number, sum and sum of squares of the patches that each
/// component won: component i's gradient is that of its score on the patches of k, weighted by g_k(i). So a step costs a few percent of
/// the way up. Under the full loss components share patches instead of winning them.
/// </remarks>
internal sealed unsafe class LayerwiseUpdate : IDisposable
{
    private static readonly MixtureKernels Kernels = MixtureKernels.Best;

    private readonly MixtureStage stage;
    private readonly LayerwiseOptions options;
    private readonly int index, padded;
    private readonly NativeBuffer moments, counts;

    public LayerwiseUpdate(LayerwisePlan plan, MixtureStage stage, LayerwiseOptions options)
    {
        this.stage = stage;
        this.options = options;
        index = plan.StageIndex(stage);
        padded = MixtureKernels.Padded(stage.Inputs);
        Annealing = new Annealing(stage.Components, options);
        int shared = stage.Layer.Independent ? 0 : 2 * stage.Components * padded;
        int factored = stage.Layer.Factors == 0 ? 0 : stage.Components * (2 + stage.Layer.Factors) * stage.Inputs * stage.Sets;
        moments = new NativeBuffer(Math.Max(shared, (long)factored) * sizeof(float));
        counts = new NativeBuffer(2L * stage.Sets * stage.Components * sizeof(float));
    }

    /// <summary>How far training has come.</summary>
    public Annealing Annealing { get; }

    /// <summary>One step by the batch that a workspace holds, whose way up must have been gone.</summary>
    public void Step(LayerwiseNumbers numbers, LayerwiseWorkspace work, WorkerPool pool)
    {
        if (stage.Layer.Factors > 0) StepFactors(numbers, work, pool);
        else if (stage.Layer.Independent)
            LayerwisePass.Share(pool, stage.Sets, (cell, worker) => StepCell(numbers, work, cell, work.Scratch(worker)));
        else StepShared(numbers, work, pool);
    }

    public void Dispose()
    {
        moments.Dispose();
        counts.Dispose();
        Annealing.Dispose();
    }

    private void StepCell(LayerwiseNumbers numbers, LayerwiseWorkspace work, int cell, float* scratch)
    {
        int components = stage.Components, block = components * padded;
        float* sums = scratch, squares = sums + block, filteredSums = squares + block, filteredSquares = filteredSums + block;
        new Span<float>(sums, 2 * block).Clear();
        Gather(work, cell, 0, stage.Table.Runs, 0, stage.Table.RunLength, sums, squares);
        float* own = counts.Floats + 2L * cell * components;
        Count(work, cell, cell + 1, own);
        if (!Annealing.IsIdentity)
        {
            Kernels.Multiply(Annealing.Filter, 1, components, components, components, sums, filteredSums, padded);
            Kernels.Multiply(Annealing.Filter, 1, components, components, components, squares, filteredSquares, padded);
            sums = filteredSums;
            squares = filteredSquares;
        }
        own = Filtered(own);
        float scale = (float)(Annealing.Rate / work.Count);
        for (int k = 0; k < components; k++) Move(numbers, cell, k, sums + k * padded, squares + k * padded, own[k], scale);
        Finish(numbers, cell, own, scale);
    }

    private void StepShared(LayerwiseNumbers numbers, LayerwiseWorkspace work, WorkerPool pool)
    {
        int components = stage.Components, block = components * padded, cells = stage.Output.Cells, runs = stage.Table.Runs;
        float* sums = moments.Floats, squares = sums + block;
        moments.Clear();
        // Threads share the inputs, so that each sum is made by one of them, in one order. Long runs are cut for balance.
        int cuts = runs >= 4 * pool.Threads ? 1 : Math.Clamp(stage.Table.RunLength / 32, 1, 4), length = stage.Table.RunLength;
        LayerwisePass.Share(pool, runs * cuts, (item, _) =>
        {
            (int run, int cut) = Math.DivRem(item, cuts);
            for (int cell = 0; cell < cells; cell++) Gather(work, cell, run, run + 1, length * cut / cuts, length * (cut + 1) / cuts, sums, squares);
        });
        Count(work, 0, cells, counts.Floats);
        float* own = Filtered(counts.Floats);
        float scale = (float)(Annealing.Rate / ((double)work.Count * cells));
        LayerwisePass.Share(pool, components, (k, worker) =>
        {
            float* sum = sums + k * padded, square = squares + k * padded;
            if (!Annealing.IsIdentity)
            {
                float* to = work.Scratch(worker);
                Kernels.Multiply(Annealing.Filter + k, components, components, 1, components, sums, to, padded);
                Kernels.Multiply(Annealing.Filter + k, components, components, 1, components, squares, to + padded, padded);
                sum = to;
                square = to + padded;
            }
            Move(numbers, 0, k, sum, square, own[k], scale);
        });
        Finish(numbers, 0, own, scale);
    }

    /// <summary>Adds the patches of a cell to the sums of the components that won them, between two places of some runs.</summary>
    private void Gather(LayerwiseWorkspace work, int cell, int firstRun, int endRun, int from, int to, float* sums, float* squares)
    {
        int each = work.InputCount(index), length = stage.Table.RunLength, components = stage.Components, lanes = work.Lanes;
        float* winner = work.Winners(index) + (long)cell * lanes, weights = work.Weights(index);
        if (weights != null) weights += (long)cell * components * lanes;
        for (int lane = 0; lane < work.Count; lane++)
            for (int run = firstRun; run < endRun; run++)
            {
                float* x = work.InputRows(index) + (long)lane * each + stage.Table.Starts[cell * stage.Table.Runs + run] + from;
                long at = run * length + from;
                if (weights == null)
                {
                    at += (long)winner[lane] * padded;
                    Kernels.AddMoments(x, sums + at, squares + at, to - from);
                }
                else
                    for (int k = 0; k < components; k++, at += padded)
                        if (weights[k * lanes + lane] > 0) Kernels.AddMoments(weights[k * lanes + lane], x, sums + at, squares + at, to - from);
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

    /// <summary>Numbers of patches as the annealing filter spreads them.</summary>
    private float* Filtered(float* own)
    {
        if (Annealing.IsIdentity) return own;
        int components = stage.Components;
        float* to = own + components;
        for (int i = 0; i < components; i++)
        {
            to[i] = 0;
            for (int k = 0; k < components; k++) to[i] += Annealing.Filter[k * components + i] * own[k];
        }
        return to;
    }

    private void Move(LayerwiseNumbers numbers, int set, int k, float* sum, float* square, float count, float scale)
    {
        if (count == 0) return;
        long at = (long)k * stage.Inputs;
        Kernels.Step(numbers.Centres(stage, set) + at, numbers.Deviations(stage, set) + at, numbers.Shifts(stage, set) + at, sum, square, count,
            (float)(scale * options.CentreRate), (float)(scale * options.DeviationRate), (float)options.LeastDeviation, (float)Math.Sqrt(options.LargestPrecision), stage.Inputs);
    }

    /// <summary>Steps the logits and brings constants in line.</summary>
    private void Finish(LayerwiseNumbers numbers, int set, float* counts, float scale)
    {
        float* logits = numbers.Logits(stage, set), shares = numbers.Shares(stage, set);
        float total = 0;
        for (int k = 0; k < stage.Components; k++) total += counts[k];
        for (int k = 0; k < stage.Components; k++) logits[k] += (float)(scale * options.WeightRate) * (counts[k] - shares[k] * total);
        numbers.Normalise(stage, set);
    }

    private void StepFactors(LayerwiseNumbers numbers, LayerwiseWorkspace work, WorkerPool pool)
    {
        int components = stage.Components, inputs = stage.Inputs, factors = stage.Layer.Factors, parts = (2 + factors) * inputs, lanes = work.Lanes;
        moments.Clear();
        LayerwisePass.Share(pool, stage.Sets * components, (item, worker) =>
        {
            (int set, int k) = Math.DivRem(item, components);
            float* byCentre = moments.Floats + (long)item * parts, weights = stackalloc float[lanes];
            for (int cell = stage.Layer.Independent ? set : 0; cell < (stage.Layer.Independent ? set + 1 : stage.Output.Cells); cell++)
            {
                LaneWeights(work, cell, k, weights);
                new FactorScores(numbers, work, index, stage, cell, k, worker).AddGradient(weights, byCentre, byCentre + inputs, byCentre + 2 * inputs);
            }
        });
        float scale = (float)(Annealing.Rate / ((double)work.Count * (stage.Layer.Independent ? 1 : stage.Output.Cells)));
        for (int set = 0; set < stage.Sets; set++)
        {
            float* own = counts.Floats + 2L * set * components;
            if (stage.Layer.Independent) Count(work, set, set + 1, own);
            else Count(work, 0, stage.Output.Cells, own);
            own = Filtered(own);
            for (int k = 0; k < components; k++)
            {
                long at = (long)k * inputs;
                float* mu = numbers.Centres(stage, set) + at, s = numbers.Deviations(stage, set) + at, m = numbers.Shifts(stage, set) + at;
                float* w = numbers.Loadings(stage, set) + at * factors, byCentre = moments.Floats + ((long)set * components + k) * parts;
                for (int i = 0; i < inputs; i++)
                {
                    mu[i] += scale * (float)options.CentreRate * byCentre[i];
                    float stepped = s[i] + scale * (float)options.DeviationRate * (own[k] / s[i] + byCentre[inputs + i]);
                    s[i] = Math.Clamp(stepped, (float)options.LeastDeviation, (float)Math.Sqrt(options.LargestPrecision));
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
