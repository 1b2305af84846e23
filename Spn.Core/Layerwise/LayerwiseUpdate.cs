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
    /// <summary>Most slices of the cells of shared parameters; the same on every machine, so that sums are made in one order.</summary>
    private const int MostSlices = 8;

    /// <summary>Most items of work that sets of parameters make.</summary>
    private const int MostSets = 128;

    private static readonly MixtureKernels Kernels = MixtureKernels.Best;

    private readonly MixtureStage stage;
    private readonly LayerwiseOptions options;
    private readonly int index, padded, slices, cuts, together;
    private readonly NativeBuffer moments, counts;

    public LayerwiseUpdate(LayerwisePlan plan, MixtureStage stage, LayerwiseOptions options)
    {
        this.stage = stage;
        this.options = options;
        index = plan.StageIndex(stage);
        padded = MixtureKernels.Padded(stage.Inputs);
        slices = Math.Clamp(stage.Output.Cells / 2, 1, MostSlices);
        // Where cells are too few for a slice each thread, long patches are cut.
        cuts = slices > 1 ? 1 : Math.Clamp(stage.Inputs / 128, 1, MostSlices);
        together = Math.Max(1, stage.Sets / MostSets);
        Annealing = new Annealing(stage.Components, options);
        long shared = Apart ? 0 : slices * SliceFloats, factored = Factored ? (long)stage.Components * (2 + stage.Layer.Factors) * stage.Inputs * stage.Sets : 0;
        moments = new NativeBuffer(Math.Max(shared, factored) * sizeof(float));
        counts = new NativeBuffer((long)stage.Sets * stage.Components * sizeof(float));
    }

    /// <summary>The mixture layer.</summary>
    public MixtureStage Stage => stage;

    /// <summary>How far training has come.</summary>
    public Annealing Annealing { get; }

    /// <summary>Items of work of the first part of a step; see <see cref="Begin"/>.</summary>
    public int Beginnings => Factored ? stage.Sets * stage.Components : Apart ? (stage.Sets + together - 1) / together : slices * cuts;

    /// <summary>Items of work of the second part of a step; see <see cref="Join"/>.</summary>
    public int Joins => Factored || Apart || slices == 1 ? 0 : stage.Components;

    /// <summary>Items of work of the third part of a step; see <see cref="End"/>.</summary>
    public int Ends => Factored || Apart ? 0 : stage.Components;

    private bool Factored => stage.Layer.Factors > 0;

    /// <summary>Whether each cell has parameters of its own.</summary>
    private bool Apart => stage.Sets > 1;

    /// <summary>Sums, sums of squares and numbers of the patches of a slice of the cells.</summary>
    private long SliceFloats => 2L * stage.Components * padded + MixtureKernels.Padded(stage.Components);

    /// <summary>Prepares a step by the batch that a workspace holds, whose way up must have been gone.</summary>
    public void Prepare(LayerwiseWorkspace work)
    {
        if (!Factored) return;
        moments.Clear();
        if (!Apart) Count(work, 0, stage.Output.Cells, counts.Floats);
    }

    /// <summary>An item of the first part: the step of some cells of their own parameters, or sums over a slice of the cells.</summary>
    public void Begin(LayerwiseNumbers numbers, LayerwiseWorkspace work, int item, int worker)
    {
        if (Factored) SumFactors(numbers, work, item, worker);
        else if (Apart)
            for (int cell = item * together, end = Math.Min(stage.Sets, cell + together); cell < end; cell++) StepCell(numbers, work, cell, work.Scratch(worker));
        else
        {
            (int slice, int cut) = Math.DivRem(item, cuts);
            // Each sum is made by one thread, in one order, and threads share no line of memory.
            int lines = padded / MixtureKernels.LaneMultiple;
            int from = lines * cut / cuts * MixtureKernels.LaneMultiple, to = lines * (cut + 1) / cuts * MixtureKernels.LaneMultiple;
            int cells = stage.Output.Cells, first = cells * slice / slices, last = cells * (slice + 1) / slices;
            float* sums = moments.Floats + slice * SliceFloats, squares = sums + stage.Components * padded;
            for (int row = 0; row < 2 * stage.Components; row++) new Span<float>(sums + row * padded + from, to - from).Clear();
            if (cut == 0) Count(work, first, last, squares + stage.Components * padded);
            for (int cell = first; cell < last; cell++) Gather(work, cell, from, Math.Min(to, stage.Inputs), sums, squares, padded);
        }
    }

    /// <summary>An item of the second part: adds up the slices of a component.</summary>
    public void Join(int k)
    {
        float* sum = moments.Floats + k * padded, square = sum + stage.Components * padded, count = moments.Floats + 2 * stage.Components * padded + k;
        for (int slice = 1; slice < slices; slice++)
        {
            long at = slice * SliceFloats;
            Kernels.Add(1, sum + at, sum, padded);
            Kernels.Add(1, square + at, square, padded);
            *count += count[at];
        }
    }

    /// <summary>An item of the third part: a component whose sums are complete.</summary>
    public void End(LayerwiseNumbers numbers, LayerwiseWorkspace work, int k, int worker)
    {
        int components = stage.Components;
        float* sum = moments.Floats + k * padded, square = sum + components * padded;
        float count = Filtered(Won, k);
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
        else if (!Apart) Finish(numbers, 0, Won, Scale(work));
    }

    public void Dispose()
    {
        moments.Dispose();
        counts.Dispose();
        Annealing.Dispose();
    }

    /// <summary>How many patches of all cells each component won, where cells share parameters and the slices are added up.</summary>
    private float* Won => moments.Floats + 2 * stage.Components * padded;

    /// <summary>Step size over the number of patches that a set of parameters sees.</summary>
    private float Scale(LayerwiseWorkspace work) => (float)(Annealing.Rate / ((double)work.Count * (Apart ? 1 : stage.Output.Cells)));

    private void StepCell(LayerwiseNumbers numbers, LayerwiseWorkspace work, int cell, float* scratch)
    {
        int components = stage.Components, inputs = stage.Inputs;
        float scale = Scale(work);
        // Patches of a few inputs are stepped for all components at once.
        bool atOnce = Annealing.IsIdentity && inputs <= MixtureKernels.MostFew;
        int spacing = atOnce ? inputs : padded, block = components * padded;
        float* sums = scratch, squares = sums + block, filteredSums = squares + block, filteredSquares = filteredSums + block;
        new Span<float>(sums, 2 * block).Clear();
        Gather(work, cell, 0, inputs, sums, squares, spacing);
        float* own = counts.Floats + (long)cell * components;
        Count(work, cell, cell + 1, own);
        if (atOnce)
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

    /// <summary>Adds the patches of a cell, or some of their inputs, to the sums of the components that won them.</summary>
    private void Gather(LayerwiseWorkspace work, int cell, int from, int to, float* sums, float* squares, int spacing)
    {
        int length = stage.Table.RunLength, runs = stage.Table.Runs, components = stage.Components, lanes = work.Lanes, stride = stage.Input.Width * stage.Input.Channels;
        float** starts = stackalloc float*[runs];
        for (int run = 0; run < runs; run++) starts[run] = work.InputRow(index, stage.Table.Starts[cell * runs + run]);
        float* winner = work.Winners(index) + (long)cell * lanes, weights = work.Weights(index);
        if (weights == null)
        {
            if (stage.Inputs <= MixtureKernels.MostFew) Kernels.AddFew(starts, runs, length, stride, work.Count, winner, sums, squares, spacing);
            else Kernels.AddPatches(starts, length, stride, work.Count, from, to, winner, sums, squares, spacing);
            return;
        }
        weights += (long)cell * components * lanes;
        for (int lane = 0; lane < work.Count; lane++)
            for (int k = 0; k < components; k++)
            {
                if (weights[k * lanes + lane] == 0) continue;
                for (int run = from / length, at = from; at < to; run++)
                {
                    int first = at;
                    at = Math.Min(to, (run + 1) * length);
                    Kernels.AddMoments(weights[k * lanes + lane], starts[run] + (long)lane * stride + first - run * length, sums + k * spacing + first, squares + k * spacing + first, at - first);
                }
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
        int first = Apart ? set : 0, end = Apart ? set + 1 : stage.Output.Cells;
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
            if (Apart) Count(work, set, set + 1, own);
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
