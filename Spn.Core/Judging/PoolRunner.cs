using Spn.Core.Engines.Simd.Kernels;

namespace Spn.Core.Judging;

/// <summary>Runs a pool of two by two cells.</summary>
/// <param name="layer">The layer.</param>
/// <param name="stride">Floats from cell to cell.</param>
internal sealed unsafe class PoolRunner<L, F, I>(PoolLayer layer, int stride) : LayerRunner(layer.In.Cells * stride, layer.Out.Cells * stride)
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <inheritdoc/>
    public override void Forward(Tile tile, float* x, float* y)
    {
        float** four = stackalloc float*[4];
        for (int cell = 0; cell < tile.Count * layer.Out.Cells; cell++, y += stride)
        {
            Square(x, cell, four);
            ImageKernel<L, F, I>.Pool(four[0], four[1], four[2], four[3], y, stride);
        }
    }

    /// <inheritdoc/>
    public override void Backward(Tile tile, float* x, float* y, float* dy, float* dx, float* gradient)
    {
        if (dx == null) return;
        // An odd last row or column is in no square.
        new Span<float>(dx, tile.Count * InFloats).Clear();
        float** four = stackalloc float*[4], slopes = stackalloc float*[4];
        for (int cell = 0; cell < tile.Count * layer.Out.Cells; cell++, y += stride, dy += stride)
        {
            Square(x, cell, four);
            Square(dx, cell, slopes);
            ImageKernel<L, F, I>.PoolBackward(four, y, dy, slopes, stride);
        }
    }

    /// <summary>The four cells that a cell of a tile is the largest of.</summary>
    private void Square(float* x, int cell, float** four)
    {
        int image = cell / layer.Out.Cells, row = cell % layer.Out.Cells / layer.Out.Width, column = cell % layer.Out.Width;
        float* corner = x + (long)image * InFloats + PoolLayer.Size * (row * layer.In.Width + column) * stride;
        four[0] = corner;
        four[1] = corner + stride;
        four[2] = corner + layer.In.Width * stride;
        four[3] = four[2] + stride;
    }
}
