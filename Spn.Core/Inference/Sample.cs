using Spn.Core.Engines;
using Spn.Core.Inference;
using Spn.Core.Plans;

namespace Spn.Core;

/// <content>Samples, with and without evidence.</content>
public sealed partial class Circuit
{
    /// <summary>Ways down that are kept at a time.</summary>
    private const int BlockWays = 1 << 13;

    /// <summary>The same for circuits of very many variables, of which each way keeps a number.</summary>
    private int WaysOfBlock => Math.Clamp((1 << 26) / Variables, 1, BlockWays);

    /// <summary>Independent samples of all variables.</summary>
    /// <param name="count">How many.</param>
    /// <param name="seed">The same seed gives the same samples, on any number of threads.</param>
    /// <param name="cancellation">Stops between blocks of samples.</param>
    /// <returns>A fully observed batch; with several classes, classes are drawn with equal probability.</returns>
    public Evidence Sample(int count, long seed = 1, CancellationToken cancellation = default) =>
        Sample(Evidence.Unknown(1, Variables), count, seed, cancellation);

    /// <summary>Samples of the hidden variables given the evidence, exactly from the conditional distribution.</summary>
    /// <remarks>One upward pass for each sample of the batch, however many are drawn from it, then a way down for each draw.</remarks>
    /// <param name="evidence">What is known.</param>
    /// <param name="draws">Draws for each sample of the batch.</param>
    /// <param name="seed">The same seed gives the same samples, on any number of threads.</param>
    /// <param name="cancellation">Stops between blocks of samples.</param>
    /// <returns>[sample, draw]: the batch with every hidden entry filled in.</returns>
    /// <exception cref="EvidenceException">The evidence does not fit, or has probability 0.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of draws is negative, or so large that a batch cannot hold the values.</exception>
    public Evidence Sample(Evidence evidence, int draws = 1, long seed = 1, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        ArgumentOutOfRangeException.ThrowIfNegative(draws);
        return Draw(evidence, 0, 0, draws, seed, cancellation);
    }

    /// <summary>Samples of the hidden variables given one sample of evidence, some at a time: never more than one block is held.</summary>
    /// <remarks>The blocks together are what <see cref="Sample(Evidence, int, long, CancellationToken)"/> gives.</remarks>
    /// <param name="evidence">One sample of what is known.</param>
    /// <param name="draws">How many.</param>
    /// <param name="seed">The same seed gives the same samples, on any number of threads and in blocks of any size.</param>
    /// <param name="drawsPerBlock">Most draws of a block, at least 1.</param>
    /// <param name="cancellation">Stops between blocks.</param>
    /// <exception cref="EvidenceException">The evidence does not fit, has probability 0, or is more than one sample.</exception>
    public IEnumerable<Evidence> SampleBlocks(
        Evidence evidence, int draws, long seed = 1, int drawsPerBlock = BlockWays, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        ArgumentOutOfRangeException.ThrowIfNegative(draws);
        ArgumentOutOfRangeException.ThrowIfLessThan(drawsPerBlock, 1);
        if (evidence.Count != 1) throw new EvidenceException($"Samples in blocks are those given one sample of evidence; {evidence.Count} were given.");
        return Blocks();

        IEnumerable<Evidence> Blocks()
        {
            for (int first = 0; first < draws; first += Math.Min(drawsPerBlock, draws - first))
                yield return Draw(evidence, 0, first, Math.Min(drawsPerBlock, draws - first), seed, cancellation);
        }
    }

    /// <summary>Draws for a batch that continues another.</summary>
    /// <param name="evidence">What is known.</param>
    /// <param name="firstRow">Rows before the batch.</param>
    /// <param name="firstDraw">Draws for each row before these.</param>
    /// <param name="draws">Draws for each row.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="cancellation">Stops between blocks.</param>
    private Evidence Draw(Evidence evidence, long firstRow, int firstDraw, int draws, long seed, CancellationToken cancellation)
    {
        double numbers = (double)evidence.Count * draws * Variables;
        if (numbers > Array.MaxLength)
            throw new ArgumentOutOfRangeException(nameof(draws), draws, $"{draws} draws for each of {evidence.Count} samples are {numbers:E2} values, more than a batch holds ({Array.MaxLength}); SampleBlocks gives them in parts.");
        var filled = new float[(long)evidence.Count * draws * Variables];
        double[] values = InDouble(Parameters);
        int waysOfBlock = Math.Min(draws, WaysOfBlock), rowsOfBlock = Math.Max(1, WaysOfBlock / Math.Max(draws, 1));
        var units = new int[Math.Min(rowsOfBlock, evidence.Count) * waysOfBlock * Variables];
        Use(evidence, (session, block) =>
        {
            int[] rows = Rows(block);
            double[] shares = Forward(session, evidence, rows);
            for (int first = 0; first < draws; first += waysOfBlock)
            {
                cancellation.ThrowIfCancellationRequested();
                int ways = Math.Min(waysOfBlock, draws - first);
                long firstWay = Draws.First(firstRow, firstDraw + first);
                var classes = new int[rows.Length * ways];
                for (int item = 0; Classes > 1 && item < classes.Length; item++)
                    classes[item] = DrawnClass(shares.AsSpan(item / ways * Classes, Classes), Draws.Stream(seed, rows[item / ways], firstWay + item % ways));
                session.Route(Routing.Draw, classes, firstWay, seed, units);
                Fill(evidence, rows, ways, item => (rows[item / ways] * draws + first + item % ways) * Variables, units, values, filled,
                    (place, component, set, variable, item) => place.Family.Quantile(component, set,
                        Draws.Stream(seed, rows[item / ways], firstWay + item % ways).DoubleAt((ulong)(Plan.Regions.Count + variable)),
                        values.AsSpan(place.Offset, place.Family.ParameterCount)));
            }
        }, rowsOfBlock, cancellation);
        return Evidence.From(filled, Variables);
    }

    /// <summary>Expected value of a function of the variables, estimated from samples; the answer carries its standard error.</summary>
    /// <param name="function">The function of one sample's values.</param>
    /// <param name="evidence">One sample of what is known; null knows nothing.</param>
    /// <param name="samples">Number of samples, at least 2.</param>
    /// <param name="seed">Seed of the samples.</param>
    /// <exception cref="EvidenceException">The evidence does not fit, has probability 0, or is more than one sample.</exception>
    public Estimate Expectation(Func<float[], double> function, Evidence? evidence = null, int samples = 10_000, long seed = 1)
    {
        ArgumentNullException.ThrowIfNull(function);
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 2);
        if (evidence is { Count: not 1 }) throw new EvidenceException($"An expectation is that given one sample of evidence; {evidence.Count} were given.");
        Evidence drawn = evidence is null ? Sample(samples, seed) : Sample(evidence, samples, seed);
        var values = new double[samples];
        for (int i = 0; i < samples; i++) values[i] = function(drawn.Row(i).ToArray());
        return Estimate.Of(values);
    }

    private delegate float ValueOf(InputPlace place, int component, ValueSet? set, int variable, int item);

    /// <summary>Fills the hidden entries in by the input units that ways down ended in.</summary>
    private void Fill(Evidence evidence, int[] rows, int ways, Func<int, int> placeOf, int[] units, double[] values, float[] filled, ValueOf valueOf)
    {
        const int Chunk = 256;
        // The workers are in this mode already; the caller works beside them.
        using FlushToZero flush = FlushToZero.Here();
        int items = rows.Length * ways;
        WorkerPool.Of(engine.Threads).Run((items + Chunk - 1) / Chunk, (chunk, _) =>
        {
            for (int item = chunk * Chunk; item < Math.Min(items, (chunk + 1) * Chunk); item++)
            {
                int row = rows[item / ways];
                Span<float> to = filled.AsSpan(placeOf(item), Variables);
                evidence.Row(row).CopyTo(to);
                for (int v = 0; v < to.Length; v++)
                {
                    if (!evidence.IsHidden(row, v)) continue;
                    InputUnit unit = Plan.InputUnits[units[item * Variables + v]];
                    to[v] = valueOf(Plan.Regions.Input(unit.Region), unit.Component, evidence.SetOf(row, v), v, item);
                }
            }
        });
    }

    private int DrawnClass(ReadOnlySpan<double> shares, RandomStream draws)
    {
        double left = draws.DoubleAt((ulong)(Plan.Regions.Count + Variables));
        int last = 0;
        for (int c = 0; c < shares.Length; c++)
        {
            if (shares[c] == 0) continue;
            last = c;
            if ((left -= shares[c]) < 0) break;
        }
        return last;
    }
}
