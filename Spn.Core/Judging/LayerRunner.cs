using Spn.Core.Engines;

namespace Spn.Core.Judging;

/// <summary>Some images of a batch that go through the layers together.</summary>
/// <param name="First">The first one's place in the batch.</param>
/// <param name="Count">How many.</param>
/// <param name="Dropout">What dropout layers drop, or null for nothing.</param>
internal readonly record struct Tile(int First, int Count, Dropout? Dropout)
{
    /// <summary>Most images of a tile.</summary>
    public const int Most = 10;
}

/// <summary>Runs one layer on tiles of images; channels lie at distances that are multiples of a panel, with zeros between.</summary>
/// <remarks>What is written depends on the tile only, so several threads run tiles of their own at once.</remarks>
/// <param name="inFloats">Floats of an image that it reads.</param>
/// <param name="outFloats">Floats of an image that it makes.</param>
internal abstract unsafe class LayerRunner(int inFloats, int outFloats) : IDisposable
{
    /// <summary>Floats of an image that it reads.</summary>
    public int InFloats { get; } = inFloats;

    /// <summary>Floats of an image that it makes.</summary>
    public int OutFloats { get; } = outFloats;

    /// <summary>Floats of a gradient by its parameters, in the layout of <see cref="Backward"/>.</summary>
    public virtual int GradientFloats => 0;

    /// <summary>Takes its parameters from those of the network.</summary>
    public virtual void SetParameters(ReadOnlySpan<float> parameters) { }

    /// <param name="tile">The images.</param>
    /// <param name="x">What it reads, [image, cell, channel].</param>
    /// <param name="y">Receives what it makes of it, [image, cell, channel].</param>
    public abstract void Forward(Tile tile, float* x, float* y);

    /// <param name="tile">The images.</param>
    /// <param name="x">What it read.</param>
    /// <param name="y">What it made of it.</param>
    /// <param name="dy">Derivatives by y; overwritten.</param>
    /// <param name="dx">Receives the derivatives by x; null where nobody asks.</param>
    /// <param name="gradient">The derivatives by the parameters are added to these.</param>
    public abstract void Backward(Tile tile, float* x, float* y, float* dy, float* dx, float* gradient);

    /// <summary>Adds up gradients of tiles, which are overwritten, and writes the sum to its place in the gradient of the network.</summary>
    /// <param name="first">The first tile's.</param>
    /// <param name="distance">Floats from one tile's to the next one's.</param>
    /// <param name="tiles">Number of tiles.</param>
    /// <param name="gradient">The network's.</param>
    public virtual void Reduce(float* first, long distance, int tiles, Span<float> gradient) { }

    /// <inheritdoc/>
    public virtual void Dispose() { }
}

/// <summary>Runs a dropout layer; which numbers are dropped is a fixed function of seed, layer, image and place.</summary>
internal sealed unsafe class DropoutRunner(DropoutLayer layer, int floats) : LayerRunner(floats, floats)
{
    /// <inheritdoc/>
    public override void Forward(Tile tile, float* x, float* y)
    {
        int count = tile.Count * InFloats;
        if (tile.Dropout is not { } dropout)
        {
            new Span<float>(x, count).CopyTo(new Span<float>(y, count));
            return;
        }
        float scale = (float)(1 / (1 - dropout.Share));
        for (int image = tile.First; image < tile.First + tile.Count; image++)
            for (int at = 0; at < InFloats; at++) *y++ = *x++ * (dropout.Noise(layer.Number, image, at) < dropout.Threshold ? 0 : scale);
    }

    /// <inheritdoc/>
    public override void Backward(Tile tile, float* x, float* y, float* dy, float* dx, float* gradient)
    {
        if (dx != null) Forward(tile, dy, dx);
    }
}
