using Spn.Core.Engines.Simd;
using Spn.Core.Engines.Simd.Kernels;

namespace Spn.Core.Judging;

/// <summary>Runs a convolution as matrix products of patches and weights; patches are read where they lie.</summary>
/// <remarks>
/// A row of a patch is one run of numbers. Forward, six cells times a panel of channels are summed over such a run; the derivatives by
/// the cells' input are summed over the channels out, for one place in the patch; the derivatives by the weights over a row of cells.
/// Each product uses a block of weights, or of their derivatives, that stays in the first cache while the others pass.
/// </remarks>
internal sealed unsafe class ConvolutionRunner<L, F, I> : LayerRunner
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <summary>Cells that share a block of weights while it is in the first cache.</summary>
    private const int Together = 48;

    private const int Rows = PanelKernel<L, F, I>.Rows;

    private readonly ConvolutionLayer layer;
    private readonly int inStride, outStride; // floats of a cell
    private readonly int rowFloats; // floats of a row of cells that are read
    private readonly int run; // floats of a row of a patch
    private readonly int panels, panelsBack;
    private readonly int[] patches; // where the patch of each cell of a tile starts
    private readonly NativeBuffer forward; // [panel, kernel row, kernel column and channel in, lane]
    private readonly NativeBuffer back; // [kernel row, kernel column, panel of channels in, channel out, lane]
    private readonly NativeBuffer biases; // [channel out]

    /// <param name="layer">The layer.</param>
    /// <param name="inStride">Floats from cell to cell of what it reads.</param>
    /// <param name="passesBack">Whether derivatives by what it reads will be asked for; then the stride is a multiple of a panel.</param>
    public ConvolutionRunner(ConvolutionLayer layer, int inStride, bool passesBack)
        : base(layer.In.Cells * inStride, layer.Out.Cells * Padded(layer.Channels))
    {
        this.layer = layer;
        this.inStride = inStride;
        outStride = Padded(layer.Channels);
        rowFloats = layer.In.Width * inStride;
        run = layer.KernelWidth * inStride;
        panels = outStride / Lanes;
        panelsBack = passesBack ? inStride / Lanes : 0;
        forward = new NativeBuffer(sizeof(float) * (long)panels * layer.KernelHeight * run * Lanes);
        back = new NativeBuffer(sizeof(float) * (long)layer.KernelHeight * layer.KernelWidth * panelsBack * layer.Channels * Lanes);
        biases = new NativeBuffer(sizeof(float) * (long)outStride);
        patches = [.. from image in Enumerable.Range(0, Tile.Most)
                      from row in Enumerable.Range(0, layer.Out.Height)
                      from column in Enumerable.Range(0, layer.Out.Width)
                      select image * InFloats + row * rowFloats + column * inStride];
    }

    /// <inheritdoc/>
    public override int GradientFloats => panels * layer.KernelHeight * run * Lanes + outStride;

    private static int Lanes => PanelKernel<L, F, I>.Lanes;

    /// <summary>Channels up to a whole panel.</summary>
    public static int Padded(int channels) => (channels + Lanes - 1) / Lanes * Lanes;

    /// <inheritdoc/>
    public override void SetParameters(ReadOnlySpan<float> parameters)
    {
        ReadOnlySpan<float> weights = parameters.Slice(layer.Offset, layer.Weights);
        parameters.Slice(layer.Offset + layer.Weights, layer.Channels).CopyTo(new Span<float>(biases.Floats, layer.Channels));
        for (int j = 0; j < layer.Patch; j++)
            for (int panel = 0; panel < panels; panel++)
                Part(weights, j, panel).CopyTo(new Span<float>(forward.Floats + Place(j, panel), Lanes));
        int channels = layer.In.Channels;
        for (int tap = 0; tap < layer.KernelHeight * layer.KernelWidth && panelsBack > 0; tap++)
            for (int c = 0; c < channels; c++)
            {
                ReadOnlySpan<float> from = weights.Slice((tap * channels + c) * layer.Channels, layer.Channels);
                float* to = BackBlock(tap, c / Lanes) + c % Lanes;
                for (int k = 0; k < from.Length; k++) to[k * Lanes] = from[k];
            }
    }

    /// <inheritdoc/>
    public override void Forward(Tile tile, float* x, float* y)
    {
        float** xs = stackalloc float*[Rows], ys = stackalloc float*[Rows];
        float* spare = stackalloc float[Lanes];
        int cells = tile.Count * layer.Out.Cells;
        for (int first = 0; first < cells; first += Together)
        {
            int end = Math.Min(first + Together, cells);
            float* own = y + (long)first * outStride;
            ImageKernel<L, F, I>.Fill(biases.Floats, own, end - first, outStride);
            for (int panel = 0; panel < panels; panel++)
                for (int row = 0; row < layer.KernelHeight; row++)
                {
                    float* w = forward.Floats + ((long)panel * layer.KernelHeight + row) * run * Lanes;
                    for (int cell = first; cell < end; cell += Rows)
                    {
                        for (int i = 0; i < Rows; i++)
                        {
                            bool wanted = cell + i < end;
                            xs[i] = x + patches[wanted ? cell + i : cell] + row * rowFloats;
                            ys[i] = wanted ? y + (long)(cell + i) * outStride + panel * Lanes : spare;
                        }
                        PanelKernel<L, F, I>.Add(xs, 1, run, w, Lanes, ys);
                    }
                }
            if (layer.Relu) ImageKernel<L, F, I>.Relu(own, (end - first) * outStride);
        }
    }

    /// <inheritdoc/>
    public override void Backward(Tile tile, float* x, float* y, float* dy, float* dx, float* gradient)
    {
        int cells = tile.Count * layer.Out.Cells;
        if (layer.Relu) ImageKernel<L, F, I>.MaskByRelu(y, dy, cells * outStride);
        ImageKernel<L, F, I>.AddCells(gradient + GradientFloats - outStride, dy, cells, outStride);
        AddWeightGradient(tile, x, dy, gradient);
        if (dx != null) InputGradient(tile, dy, dx);
    }

    /// <inheritdoc/>
    public override void Reduce(float* first, long distance, int tiles, Span<float> gradient)
    {
        for (int tile = 1; tile < tiles; tile++) ImageKernel<L, F, I>.AddAll(first, first + tile * distance, GradientFloats);
        for (int j = 0; j < layer.Patch; j++)
            for (int panel = 0; panel < panels; panel++)
            {
                Span<float> to = Part(gradient.Slice(layer.Offset, layer.Weights), j, panel);
                new ReadOnlySpan<float>(first + Place(j, panel), to.Length).CopyTo(to);
            }
        new ReadOnlySpan<float>(first + GradientFloats - outStride, layer.Channels).CopyTo(gradient.Slice(layer.Offset + layer.Weights, layer.Channels));
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        forward.Dispose();
        back.Dispose();
        biases.Dispose();
    }

    /// <summary>Sums over a row of cells; of a dense layer, over the images.</summary>
    private void AddWeightGradient(Tile tile, float* x, float* dy, float* gradient)
    {
        float** xs = stackalloc float*[Rows], ys = stackalloc float*[Rows];
        float* spare = stackalloc float[Lanes];
        bool dense = layer.Out.Cells == 1;
        int images = dense ? 1 : tile.Count, columns = dense ? tile.Count : layer.Out.Width, stride = dense ? InFloats : inStride;
        for (int image = 0; image < images; image++)
            for (int panel = 0; panel < panels; panel++)
                for (int row = 0; row < layer.KernelHeight; row++)
                {
                    float* sums = gradient + ((long)panel * layer.KernelHeight + row) * run * Lanes;
                    for (int line = 0; line < layer.Out.Height; line++)
                    {
                        float* from = x + (long)image * InFloats + (line + row) * rowFloats;
                        float* slopes = dy + ((long)image * layer.Out.Cells + line * layer.Out.Width) * outStride + panel * Lanes;
                        for (int j = 0; j < run; j += Rows)
                        {
                            for (int i = 0; i < Rows; i++)
                            {
                                bool wanted = j + i < run;
                                xs[i] = from + (wanted ? j + i : j);
                                ys[i] = wanted ? sums + (j + i) * Lanes : spare;
                            }
                            PanelKernel<L, F, I>.Add(xs, stride, columns, slopes, outStride, ys);
                        }
                    }
                }
    }

    /// <summary>Each cell hands its derivatives to the cells of its patch, one place in the patch after another.</summary>
    private void InputGradient(Tile tile, float* dy, float* dx)
    {
        float** xs = stackalloc float*[Rows], ys = stackalloc float*[Rows];
        float* spare = stackalloc float[Lanes];
        int cells = tile.Count * layer.Out.Cells;
        new Span<float>(dx, tile.Count * InFloats).Clear();
        for (int first = 0; first < cells; first += Together)
        {
            int end = Math.Min(first + Together, cells);
            for (int tap = 0; tap < layer.KernelHeight * layer.KernelWidth; tap++)
                for (int panel = 0; panel < panelsBack; panel++)
                {
                    float* to = dx + tap / layer.KernelWidth * rowFloats + tap % layer.KernelWidth * inStride + panel * Lanes;
                    for (int cell = first; cell < end; cell += Rows)
                    {
                        for (int i = 0; i < Rows; i++)
                        {
                            bool wanted = cell + i < end;
                            xs[i] = dy + (long)(wanted ? cell + i : cell) * outStride;
                            ys[i] = wanted ? to + patches[cell + i] : spare;
                        }
                        PanelKernel<L, F, I>.Add(xs, 1, layer.Channels, BackBlock(tap, panel), Lanes, ys);
                    }
                }
        }
    }

    /// <summary>The weights of a number of the patch that lie in a panel.</summary>
    private Span<float> Part(Span<float> weights, int j, int panel) =>
        weights.Slice(j * layer.Channels + panel * Lanes, Math.Min(Lanes, layer.Channels - panel * Lanes));

    private ReadOnlySpan<float> Part(ReadOnlySpan<float> weights, int j, int panel) =>
        weights.Slice(j * layer.Channels + panel * Lanes, Math.Min(Lanes, layer.Channels - panel * Lanes));

    /// <summary>Where those weights stand in the layout of the products.</summary>
    private long Place(int j, int panel)
    {
        int channels = layer.In.Channels, numbers = layer.KernelWidth * channels;
        (int row, int within) = (j / numbers, j % numbers);
        return (((long)panel * layer.KernelHeight + row) * run + within / channels * inStride + within % channels) * Lanes;
    }

    private float* BackBlock(int tap, int panel) => back.Floats + ((long)tap * panelsBack + panel) * layer.Channels * Lanes;
}
