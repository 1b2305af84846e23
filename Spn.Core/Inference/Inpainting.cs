using System.Diagnostics;
using Spn.Core.Data;
using Spn.Core.Inference;
using Spn.Core.Plans;

namespace Spn.Core.Inference
{
    /// <summary>Settings of <see cref="Circuit.Inpaint"/>.</summary>
    public sealed record InpaintOptions
    {
        /// <summary>How images are brought to the unit that the circuit was trained in; <see cref="StandardScore.None"/> for circuits of images as they are.</summary>
        public StandardScore Score { get; init; } = StandardScore.VisibleOnly();

        /// <summary>The same images with nothing hidden, which <see cref="StandardScore.FullImage"/> takes its statistics from; null elsewhere.</summary>
        public Evidence? Full { get; init; }

        /// <summary>How hidden pixels are filled in.</summary>
        /// <remarks>
        /// Mean is the sum of the components' means weighted by their posteriors (the expected code of a discrete pixel): the least squared
        /// error a pixel. Component is the mode of the pixel's most probable component. Sample draws all hidden pixels of an image
        /// together, so that they fit each other. Mpe is the most probable explanation of all together.
        /// </remarks>
        public Completion By { get; init; } = Completion.Mean;

        /// <summary>Seed of <see cref="Completion.Sample"/>.</summary>
        public long Seed { get; init; } = 1;

        /// <summary>Images at a time, at least 1; of no influence on the result.</summary>
        public int BatchSize { get; init; } = 256;
    }

    /// <summary>Where a long query stands.</summary>
    /// <param name="Done">Samples done.</param>
    /// <param name="Count">Samples asked for.</param>
    /// <param name="Elapsed">Time since the start.</param>
    /// <param name="Remaining">Expected time to the last sample.</param>
    public sealed record QueryProgress(int Done, int Count, TimeSpan Elapsed, TimeSpan Remaining);
}

namespace Spn.Core
{
    /// <content>Images completed.</content>
    public sealed partial class Circuit
    {
        /// <summary>Fills in the hidden pixels of images, in the images' own unit; visible pixels are copied as they are.</summary>
        /// <remarks>
        /// The images are standardised, completed by the posterior marginals of the hidden pixels (one pass up and one down for all of
        /// them), and brought back. Results may lie outside the range of grey values.
        /// Source: Darwiche 2003 on posterior marginals; Poon and Domingos 2011, section 5; van de Wolfshaar and Pronobis 2020, section 5.
        /// </remarks>
        /// <param name="images">The images with what is to be filled in hidden, for example by <see cref="Evidence.Occlude(int, int, Occlusion, int)"/>.</param>
        /// <param name="options">Settings; null takes the defaults.</param>
        /// <param name="progress">Told after each batch how things stand.</param>
        /// <param name="cancellation">Stops between blocks of images.</param>
        /// <exception cref="EvidenceException">The images do not fit, or have probability 0.</exception>
        /// <exception cref="ArgumentException">A setting is out of range, a score is given to a circuit of discrete variables, or the full images are needed and not given.</exception>
        public Evidence Inpaint(
            Evidence images, InpaintOptions? options = null, IProgress<QueryProgress>? progress = null, CancellationToken cancellation = default)
        {
            ArgumentNullException.ThrowIfNull(images);
            options ??= new InpaintOptions();
            ArgumentOutOfRangeException.ThrowIfLessThan(options.BatchSize, 1, nameof(options.BatchSize));
            if (options.Score != StandardScore.None && Plan.InputOf.Any(family => family is not null && family.Domain != ValueDomain.Real))
                throw new ArgumentException("A variable of the circuit is discrete or bounded, and standard scores are not. Set Score to StandardScore.None, and give values of the variables' domains.", nameof(options));
            StandardisedImages standard = options.Score.Apply(images, options.Full);
            var clock = Stopwatch.StartNew();
            var filled = new float[(long)images.Count * Variables];
            for (int first = 0; first < images.Count; first += options.BatchSize)
            {
                int[] rows = Rows(first..Math.Min(first + options.BatchSize, images.Count));
                Completed(standard.Images.Rows(rows), options, first, cancellation).CopyTo(filled.AsSpan(first * Variables));
                int done = first + rows.Length;
                progress?.Report(new QueryProgress(done, images.Count, clock.Elapsed, clock.Elapsed * ((double)(images.Count - done) / done)));
            }
            return standard.Undo(Evidence.From(filled, images.Variables));
        }

        private ReadOnlySpan<float> Completed(Evidence batch, InpaintOptions options, int firstRow, CancellationToken cancellation)
        {
            if (options.By != Completion.Mean) return Complete(batch, options.By, options.Seed, firstRow, cancellation).Values;
            Posterior posterior = Posterior(batch, cancellation);
            var means = new float[batch.Count * Variables];
            for (int i = 0; i < means.Length; i++)
            {
                (int row, int variable) = Math.DivRem(i, Variables);
                means[i] = posterior.HasMoments(row, variable) ? (float)posterior.Mean(row, variable) : posterior.Guess(row, variable);
            }
            return means;
        }
    }
}
