namespace Spn.Core;

/// <content>Batches from matrices and from rows.</content>
public sealed partial class Evidence
{
    /// <summary>A batch from a matrix; NaN means hidden.</summary>
    /// <param name="values">[sample, variable], of at least one variable.</param>
    public static Evidence From(float[,] values)
    {
        ArgumentNullException.ThrowIfNull(values);
        int rows = values.GetLength(0), columns = values.GetLength(1);
        var flat = new float[rows * columns];
        if (flat.Length > 0) System.Runtime.InteropServices.MemoryMarshal.CreateReadOnlySpan(ref values[0, 0], flat.Length).CopyTo(flat);
        return From(flat, columns);
    }

    /// <summary>A batch from a matrix, kept as 32-bit floats; NaN means hidden.</summary>
    /// <inheritdoc cref="From(float[,])"/>
    public static Evidence From(double[,] values) => FromMatrix(values, v => (float)v);

    /// <summary>A fully observed batch from a matrix of discrete codes.</summary>
    /// <inheritdoc cref="From(float[,])"/>
    public static Evidence From(int[,] values) => FromMatrix(values, v => v);

    /// <summary>A fully observed batch from a matrix of discrete codes.</summary>
    /// <inheritdoc cref="From(float[,])"/>
    public static Evidence From(byte[,] values) => FromMatrix(values, v => v);

    /// <summary>A batch from rows; NaN means hidden.</summary>
    /// <param name="rows">[sample][variable], at least one, all of one length.</param>
    /// <exception cref="ArgumentException">There is no row, so that the number of variables is not known.</exception>
    /// <exception cref="EvidenceException">A row is null or of another length than the first.</exception>
    public static Evidence From(float[][] rows) => FromJagged(rows, v => v);

    /// <summary>A batch from rows, kept as 32-bit floats; NaN means hidden.</summary>
    /// <inheritdoc cref="From(float[][])"/>
    public static Evidence From(double[][] rows) => FromJagged(rows, v => (float)v);

    /// <summary>A fully observed batch from rows of discrete codes.</summary>
    /// <inheritdoc cref="From(float[][])"/>
    public static Evidence From(int[][] rows) => FromJagged(rows, v => v);

    /// <summary>A fully observed batch from rows of discrete codes.</summary>
    /// <inheritdoc cref="From(float[][])"/>
    public static Evidence From(byte[][] rows) => FromJagged(rows, v => v);

    private static Evidence FromMatrix<T>(T[,] values, Func<T, float> toValue)
    {
        ArgumentNullException.ThrowIfNull(values);
        int rows = values.GetLength(0), columns = values.GetLength(1);
        var flat = new float[rows * columns];
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++) flat[r * columns + c] = toValue(values[r, c]);
        return From(flat, columns);
    }

    private static Evidence FromJagged<T>(T[][] rows, Func<T, float> toValue)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (rows.Length == 0) throw new ArgumentException("There are no rows to take the number of variables from; Evidence.Unknown(0, variables) is an empty batch.", nameof(rows));
        int columns = rows[0]?.Length ?? 0;
        for (int r = 0; r < rows.Length; r++)
            if (rows[r] is null || rows[r].Length != columns)
                throw new EvidenceException($"Row {r} has {(rows[r] is null ? "no values" : $"{rows[r].Length} values")}, row 0 has {columns}.", r);
        return From([.. rows.SelectMany(row => row, (_, value) => toValue(value))], columns);
    }
}
