namespace Spn.Core;

/// <summary>A part of an image that is hidden: a half or a rectangle. Compared by value.</summary>
/// <remarks>Where the extent is odd, a half is the larger part: Left hides 3 of 5 columns.</remarks>
public sealed record Occlusion
{
    private enum Part
    {
        Left,
        Right,
        Top,
        Bottom,
        Rectangle,
    }

    private readonly Part part;
    private readonly int top, left, height, width;

    private Occlusion(Part part, int top = 0, int left = 0, int height = 0, int width = 0) =>
        (this.part, this.top, this.left, this.height, this.width) = (part, top, left, height, width);

    /// <summary>The left half.</summary>
    public static Occlusion Left { get; } = new(Part.Left);

    /// <summary>The right half.</summary>
    public static Occlusion Right { get; } = new(Part.Right);

    /// <summary>The upper half.</summary>
    public static Occlusion Top { get; } = new(Part.Top);

    /// <summary>The lower half.</summary>
    public static Occlusion Bottom { get; } = new(Part.Bottom);

    /// <summary>A rectangle of pixels.</summary>
    /// <param name="top">Its first row, from 0.</param>
    /// <param name="left">Its first column, from 0.</param>
    /// <param name="height">Number of rows, at least 1.</param>
    /// <param name="width">Number of columns, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is too small.</exception>
    public static Occlusion Rectangle(int top, int left, int height, int width)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(top);
        ArgumentOutOfRangeException.ThrowIfNegative(left);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        return new(Part.Rectangle, top, left, height, width);
    }

    /// <summary>The hidden pixels of an image.</summary>
    /// <param name="height">Height of the image in pixels, at least 1.</param>
    /// <param name="width">Width of the image in pixels, at least 1.</param>
    /// <returns>[row, column], true for a hidden pixel.</returns>
    /// <exception cref="ArgumentException">The rectangle does not lie inside the image.</exception>
    public bool[,] Mask(int height, int width)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        (int firstRow, int rows, int firstColumn, int columns) = part switch
        {
            Part.Left => (0, height, 0, (width + 1) / 2),
            Part.Right => (0, height, width / 2, (width + 1) / 2),
            Part.Top => (0, (height + 1) / 2, 0, width),
            Part.Bottom => (height / 2, (height + 1) / 2, 0, width),
            _ => (top, this.height, left, this.width),
        };
        if (firstRow > height - rows || firstColumn > width - columns)
            throw new ArgumentException($"The rectangle of {rows} x {columns} pixels at row {firstRow}, column {firstColumn} does not lie inside an image of {height} x {width}.");
        var mask = new bool[height, width];
        for (int r = firstRow; r < firstRow + rows; r++)
            for (int c = firstColumn; c < firstColumn + columns; c++) mask[r, c] = true;
        return mask;
    }

    /// <inheritdoc/>
    public override string ToString() => part == Part.Rectangle ? $"{height} x {width} pixels at row {top}, column {left}" : $"{part} half";
}
