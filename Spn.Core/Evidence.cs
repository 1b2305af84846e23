namespace Spn.Core;

/// <summary>A batch of samples, each variable observed or hidden.</summary>
/// <remarks>
/// Values are kept row by row, [sample, variable], as 32-bit floats; discrete variables hold their integer code.
/// Hidden entries are marked in a bit set beside the values, never by a special value, and are summed out by every query.
/// A batch is immutable; the methods that change something return a new batch.
/// </remarks>
public sealed class Evidence
{
    private readonly float[] values;
    private readonly ulong[]? hidden;

    private Evidence(float[] values, ulong[]? hidden, int count, int variables)
    {
        this.values = values;
        this.hidden = hidden;
        Count = count;
        Variables = variables;
    }

    /// <summary>Number of samples.</summary>
    public int Count { get; }

    /// <summary>Number of variables of a sample.</summary>
    public int Variables { get; }

    /// <summary>True when at least one entry is marked as hidden.</summary>
    public bool HasHidden => hidden is not null;

    /// <summary>The values of all samples, [sample, variable]; entries that are hidden hold arbitrary numbers.</summary>
    public ReadOnlySpan<float> Values => values;

    /// <summary>The values of one sample, [variable].</summary>
    /// <param name="sample">Index of the sample, from 0.</param>
    public ReadOnlySpan<float> Row(int sample) => values.AsSpan(sample * Variables, Variables);

    /// <summary>Whether a variable of a sample is hidden (summed out).</summary>
    /// <param name="sample">Index of the sample, from 0.</param>
    /// <param name="variable">Index of the variable, from 0.</param>
    public bool IsHidden(int sample, int variable)
    {
        if (hidden is null) return false;
        long bit = (long)sample * Variables + variable;
        return (hidden[bit >> 6] >> (int)(bit & 63) & 1) != 0;
    }

    /// <summary>Whether any variable of a sample is hidden.</summary>
    /// <param name="sample">Index of the sample, from 0.</param>
    public bool AnyHidden(int sample)
    {
        if (hidden is null) return false;
        for (int v = 0; v < Variables; v++)
            if (IsHidden(sample, v)) return true;
        return false;
    }

    /// <summary>A fully observed batch from values in row order.</summary>
    /// <param name="values">[sample, variable], row by row; the array is taken over, not copied.</param>
    /// <param name="variables">Number of variables of a sample, at least 1.</param>
    /// <exception cref="ArgumentException">The length is no multiple of the number of variables.</exception>
    public static Evidence From(float[] values, int variables)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentOutOfRangeException.ThrowIfLessThan(variables, 1);
        if (values.Length % variables != 0)
            throw new ArgumentException($"{values.Length} values do not fill rows of {variables} variables.", nameof(values));
        return new Evidence(values, null, values.Length / variables, variables);
    }

    /// <summary>A fully observed batch from a matrix.</summary>
    /// <param name="values">[sample, variable]</param>
    public static Evidence From(float[,] values)
    {
        ArgumentNullException.ThrowIfNull(values);
        int rows = values.GetLength(0), columns = values.GetLength(1);
        var flat = new float[rows * columns];
        Buffer.BlockCopy(values, 0, flat, 0, flat.Length * sizeof(float));
        return From(flat, columns);
    }

    /// <summary>A fully observed batch of discrete codes in row order.</summary>
    /// <param name="values">[sample, variable], row by row.</param>
    /// <param name="variables">Number of variables of a sample, at least 1.</param>
    public static Evidence From(byte[] values, int variables)
    {
        ArgumentNullException.ThrowIfNull(values);
        return From(Array.ConvertAll(values, v => (float)v), variables);
    }

    /// <summary>The same samples with further entries hidden.</summary>
    /// <param name="isHidden">Says for (sample, variable) whether the entry is to be hidden as well.</param>
    public Evidence Hide(Func<int, int, bool> isHidden)
    {
        ArgumentNullException.ThrowIfNull(isHidden);
        var mask = hidden is null ? new ulong[((long)Count * Variables + 63) / 64] : (ulong[])hidden.Clone();
        bool any = hidden is not null;
        for (int s = 0; s < Count; s++)
            for (int v = 0; v < Variables; v++)
                if (isHidden(s, v))
                {
                    long bit = (long)s * Variables + v;
                    mask[bit >> 6] |= 1UL << (int)(bit & 63);
                    any = true;
                }
        return new Evidence(values, any ? mask : null, Count, Variables);
    }

    /// <summary>The same samples with the given variables hidden in all of them.</summary>
    /// <param name="variables">Indices of the variables, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">An index names no variable.</exception>
    public Evidence Hide(params int[] variables)
    {
        ArgumentNullException.ThrowIfNull(variables);
        var chosen = new bool[Variables];
        foreach (int v in variables)
        {
            if (v < 0 || v >= Variables)
                throw new ArgumentOutOfRangeException(nameof(variables), v, $"There are {Variables} variables, 0 to {Variables - 1}.");
            chosen[v] = true;
        }
        return Hide((_, v) => chosen[v]);
    }

    /// <summary>Some of the samples, in the given order; an index may occur more than once.</summary>
    /// <param name="samples">Indices of the samples, from 0.</param>
    public Evidence Rows(ReadOnlySpan<int> samples)
    {
        var picked = new float[(long)samples.Length * Variables];
        for (int i = 0; i < samples.Length; i++)
            Row(samples[i]).CopyTo(picked.AsSpan(i * Variables));
        var batch = new Evidence(picked, null, samples.Length, Variables);
        if (hidden is null) return batch;
        var order = samples.ToArray();
        return batch.Hide((s, v) => IsHidden(order[s], v));
    }
}
