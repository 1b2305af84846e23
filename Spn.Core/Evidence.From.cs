namespace Spn.Core;

/// <content>Batches from arrays.</content>
public sealed partial class Evidence
{
    /// <summary>A batch from values in row order; NaN means hidden.</summary>
    /// <param name="values">[sample, variable], row by row; the array is taken over, not copied.</param>
    /// <param name="variables">Number of variables of a sample, at least 1.</param>
    /// <exception cref="ArgumentException">The length is no multiple of the number of variables.</exception>
    public static Evidence From(float[] values, int variables)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentOutOfRangeException.ThrowIfLessThan(variables, 1);
        if (values.Length % variables != 0)
            throw new ArgumentException($"{values.Length} values do not fill rows of {variables} variables.", nameof(values));
        var batch = new Evidence(values, null, null, values.Length / variables, variables);
        return Array.Exists(values, float.IsNaN) ? batch.Hide((s, v) => float.IsNaN(values[s * variables + v])) : batch;
    }

    /// <summary>A batch from values in row order, which are copied; NaN means hidden.</summary>
    /// <param name="values">[sample, variable], row by row.</param>
    /// <param name="variables">Number of variables of a sample, at least 1.</param>
    /// <exception cref="ArgumentException">The length is no multiple of the number of variables.</exception>
    public static Evidence From(ReadOnlySpan<float> values, int variables) => From(values.ToArray(), variables);

    /// <summary>A batch from values in row order, kept as 32-bit floats; NaN means hidden.</summary>
    /// <inheritdoc cref="From(ReadOnlySpan{float}, int)"/>
    public static Evidence From(double[] values, int variables)
    {
        ArgumentNullException.ThrowIfNull(values);
        return From(Array.ConvertAll(values, v => (float)v), variables);
    }

    /// <summary>A fully observed batch of discrete codes in row order.</summary>
    /// <inheritdoc cref="From(ReadOnlySpan{float}, int)"/>
    public static Evidence From(int[] values, int variables)
    {
        ArgumentNullException.ThrowIfNull(values);
        return From(Array.ConvertAll(values, v => (float)v), variables);
    }

    /// <summary>A fully observed batch of discrete codes in row order.</summary>
    /// <inheritdoc cref="From(ReadOnlySpan{float}, int)"/>
    public static Evidence From(byte[] values, int variables)
    {
        ArgumentNullException.ThrowIfNull(values);
        return From(Array.ConvertAll(values, v => (float)v), variables);
    }

    /// <summary>A batch in which nothing is known.</summary>
    /// <param name="count">Number of samples.</param>
    /// <param name="variables">Number of variables of a sample, at least 1.</param>
    public static Evidence Unknown(int count, int variables)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return From(new float[(long)count * variables], variables).Hide((_, _) => true);
    }
}
