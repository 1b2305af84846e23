namespace Spn.Core.Judging;

/// <summary>Cells of channels, kept as [row, column, channel].</summary>
internal sealed record Grid(int Height, int Width, int Channels)
{
    public int Cells => Height * Width;
}

/// <summary>One layer of a judge: what it reads and what it makes of it.</summary>
internal abstract record JudgeLayer(Grid In, Grid Out);

/// <summary>A valid convolution at unit stride; with a kernel as large as the grid a dense layer.</summary>
/// <remarks>Parameters: weights [kernel row, kernel column, channel in, channel out], then biases [channel out].</remarks>
/// <param name="In">What it reads.</param>
/// <param name="KernelHeight">Rows of its kernel.</param>
/// <param name="KernelWidth">Columns of its kernel.</param>
/// <param name="Channels">Channels it makes.</param>
/// <param name="Relu">Whether numbers below 0 become 0.</param>
/// <param name="Offset">Where its parameters start.</param>
internal sealed record ConvolutionLayer(Grid In, int KernelHeight, int KernelWidth, int Channels, bool Relu, int Offset)
    : JudgeLayer(In, new Grid(In.Height - KernelHeight + 1, In.Width - KernelWidth + 1, Channels))
{
    /// <summary>Numbers that a cell is made of.</summary>
    public int Patch => KernelHeight * KernelWidth * In.Channels;

    public int Weights => Patch * Channels;

    public int Parameters => Weights + Channels;
}

/// <summary>The largest number of each square of two by two cells; an odd last row or column is left out.</summary>
internal sealed record PoolLayer(Grid In) : JudgeLayer(In, new Grid(In.Height / Size, In.Width / Size, In.Channels))
{
    public const int Size = 2;
}

/// <summary>In training, sets numbers to 0 at random and scales the others up.</summary>
/// <param name="In">What it reads.</param>
/// <param name="Number">Tells this layer's random numbers from another's.</param>
internal sealed record DropoutLayer(Grid In, int Number) : JudgeLayer(In, In);

/// <summary>The layers of a judge.</summary>
/// <remarks>
/// Dropout, two convolutions of 3 x 3 and a pool, twice one convolution and a pool, a dense layer, dropout, two dense layers, one
/// output a class; ReLU after all but the last. Where the image is small, convolutions and pools end before the first that does not
/// fit: 8 x 8 pixels get the first two convolutions and their pool.
/// Source: the DCGMM paper, Table VII.
/// </remarks>
internal sealed class JudgeNetwork
{
    private const int KernelSize = 3;

    private JudgeNetwork(Grid image, List<JudgeLayer> layers)
    {
        Image = image;
        Layers = layers;
    }

    /// <summary>What the first layer reads.</summary>
    public Grid Image { get; }

    /// <summary>The layers, in order.</summary>
    public IReadOnlyList<JudgeLayer> Layers { get; }

    public IEnumerable<ConvolutionLayer> Convolutions => Layers.OfType<ConvolutionLayer>();

    public int Classes => Layers[^1].Out.Channels;

    public int ParameterCount => Convolutions.Sum(c => c.Parameters);

    /// <summary>Multiply-adds of one image.</summary>
    public long MultiplyAdds => Convolutions.Sum(c => (long)c.Weights * c.Out.Cells);

    /// <param name="image">Size of an image.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="filters">Channels of a convolution.</param>
    /// <param name="units">Numbers of a dense layer.</param>
    public static JudgeNetwork For(Grid image, int classes, int filters = 64, int units = 350)
    {
        List<JudgeLayer> layers = [new DropoutLayer(image, 0)];
        Grid grid = image;
        int parameters = 0;
        foreach (int convolutions in (int[])[2, 1, 1])
        {
            int done = 0;
            for (; done < convolutions && Math.Min(grid.Height, grid.Width) >= KernelSize; done++) Convolve(KernelSize, KernelSize, filters, relu: true);
            if (done < convolutions || Math.Min(grid.Height, grid.Width) < PoolLayer.Size) break;
            Add(new PoolLayer(grid));
        }
        Dense(units, relu: true);
        Add(new DropoutLayer(grid, 1));
        Dense(units, relu: true);
        Dense(units, relu: true);
        Dense(classes, relu: false);
        return new JudgeNetwork(image, layers);

        void Dense(int channels, bool relu) => Convolve(grid.Height, grid.Width, channels, relu);

        void Convolve(int height, int width, int channels, bool relu)
        {
            var layer = new ConvolutionLayer(grid, height, width, channels, relu, parameters);
            parameters += layer.Parameters;
            Add(layer);
        }

        void Add(JudgeLayer layer)
        {
            layers.Add(layer);
            grid = layer.Out;
        }
    }

    /// <summary>Random first parameters: normal weights whose variance keeps that of what they read (He, Zhang, Ren and Sun 2015), biases of 0.</summary>
    public float[] FirstParameters(long seed)
    {
        var parameters = new float[ParameterCount];
        foreach ((int number, ConvolutionLayer layer) in Convolutions.Index())
        {
            var random = new RandomStream(seed, "judge weights", number);
            double scale = Math.Sqrt((layer.Relu ? 2.0 : 1.0) / layer.Patch);
            foreach (ref float weight in parameters.AsSpan(layer.Offset, layer.Weights)) weight = (float)(scale * random.NextNormal());
        }
        return parameters;
    }
}
