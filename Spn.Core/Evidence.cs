namespace Spn.Core;

/// <summary>A batch of samples: of each variable the value is known (observed), or not (hidden), or only a set that it lies in.</summary>
/// <remarks>
/// Values are kept row by row, [sample, variable], as 32-bit floats; discrete variables hold their integer code.
/// Hidden entries are marked in a bit set beside the values and are summed out by every query; a hidden entry with a
/// <see cref="ValueSet"/> is summed over that set. NaN among given values means hidden.
/// A batch is immutable; the methods that change something return a new batch.
/// </remarks>
public sealed partial class Evidence
{
    private readonly float[] values;
    private readonly ulong[]? hidden;
    private readonly Dictionary<long, ValueSet>? sets;

    private Evidence(float[] values, ulong[]? hidden, Dictionary<long, ValueSet>? sets, int count, int variables)
    {
        this.values = values;
        this.hidden = hidden;
        this.sets = sets is { Count: 0 } ? null : sets;
        Count = count;
        Variables = variables;
    }

    /// <summary>Number of samples.</summary>
    public int Count { get; }

    /// <summary>Number of variables of a sample.</summary>
    public int Variables { get; }

    /// <summary>True when at least one entry is marked as hidden.</summary>
    public bool HasHidden => hidden is not null;

    /// <summary>True when at least one hidden entry is known to lie in a set.</summary>
    public bool HasSets => sets is not null;

    /// <summary>The values of all samples, [sample, variable]; entries that are hidden hold arbitrary numbers.</summary>
    public ReadOnlySpan<float> Values => values;

    /// <summary>The values of one sample, [variable].</summary>
    /// <param name="sample">Index of the sample, from 0.</param>
    public ReadOnlySpan<float> Row(int sample) => values.AsSpan(sample * Variables, Variables);

    /// <summary>Whether the value of a variable of a sample is not known.</summary>
    /// <param name="sample">Index of the sample, from 0.</param>
    /// <param name="variable">Index of the variable, from 0.</param>
    public bool IsHidden(int sample, int variable)
    {
        if (hidden is null) return false;
        long bit = (long)sample * Variables + variable;
        return (hidden[bit >> 6] >> (int)(bit & 63) & 1) != 0;
    }

    /// <summary>Writes the observed values of some variables, each to a column of its own, in the order of the samples.</summary>
    /// <param name="variables">Indices of the variables, in ascending order.</param>
    /// <param name="columns">Receives them, [variable][value]; each as long as there are samples.</param>
    /// <returns>The number of values of each.</returns>
    internal int[] Columns(int[] variables, float[][] columns)
    {
        var counts = new int[variables.Length];
        // Some samples at a time, which stay in cache while column after column takes its values from them.
        const int together = 64;
        for (int first = 0; first < Count; first += together)
        {
            int rows = Math.Min(together, Count - first);
            for (int i = 0; i < variables.Length; i++)
            {
                int at = first * Variables + variables[i], kept = 0;
                Span<float> to = columns[i].AsSpan(counts[i]);
                if (hidden is null)
                    for (; kept < rows; kept++, at += Variables) to[kept] = values[at];
                else
                    for (int s = 0; s < rows; s++, at += Variables)
                        if (!IsHidden(first + s, variables[i])) to[kept++] = values[at];
                counts[i] += kept;
            }
        }
        return counts;
    }

    /// <summary>The set that a hidden variable of a sample lies in, or null when nothing is known of it or its value is.</summary>
    /// <param name="sample">Index of the sample, from 0.</param>
    /// <param name="variable">Index of the variable, from 0.</param>
    public ValueSet? SetOf(int sample, int variable) =>
        sets is null ? null : sets.GetValueOrDefault((long)sample * Variables + variable);

    /// <summary>Whether any variable of a sample is hidden.</summary>
    /// <param name="sample">Index of the sample, from 0.</param>
    public bool AnyHidden(int sample)
    {
        if (hidden is null) return false;
        for (int v = 0; v < Variables; v++)
            if (IsHidden(sample, v)) return true;
        return false;
    }

    /// <summary>The same samples with further entries hidden; nothing is known of them any more.</summary>
    /// <param name="isHidden">Says for (sample, variable) whether the entry is to be hidden as well.</param>
    public Evidence Hide(Func<int, int, bool> isHidden)
    {
        ArgumentNullException.ThrowIfNull(isHidden);
        var change = new Change(this);
        for (int s = 0; s < Count; s++)
            for (int v = 0; v < Variables; v++)
                if (isHidden(s, v)) change.Hide(s, v);
        return change.Done();
    }

    /// <summary>The same samples with the given variables hidden in all of them.</summary>
    /// <param name="variables">Indices of the variables, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">An index names no variable.</exception>
    public Evidence Hide(params int[] variables)
    {
        ArgumentNullException.ThrowIfNull(variables);
        bool[] chosen = Chosen(variables);
        return Hide((_, v) => chosen[v]);
    }

    /// <summary>The same samples with only the given variables left: all others are hidden.</summary>
    /// <param name="variables">Indices of the variables, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">An index names no variable.</exception>
    public Evidence Only(params int[] variables)
    {
        ArgumentNullException.ThrowIfNull(variables);
        bool[] chosen = Chosen(variables);
        return Hide((_, v) => !chosen[v]);
    }

    /// <summary>The same samples with one variable observed in all of them; it replaces what was known of the variable.</summary>
    /// <param name="variable">Index of the variable, from 0.</param>
    /// <param name="value">Its value; NaN hides it.</param>
    /// <exception cref="ArgumentOutOfRangeException">The index names no variable.</exception>
    public Evidence Observe(int variable, float value)
    {
        _ = Chosen([variable]);
        return Observe((_, v) => v == variable ? value : null);
    }

    /// <summary>The same samples with further entries observed; they replace what was known.</summary>
    /// <param name="valueOf">Gives for (sample, variable) the value, or null to leave the entry as it is; NaN hides it.</param>
    public Evidence Observe(Func<int, int, float?> valueOf)
    {
        ArgumentNullException.ThrowIfNull(valueOf);
        var change = new Change(this);
        for (int s = 0; s < Count; s++)
            for (int v = 0; v < Variables; v++)
                if (valueOf(s, v) is float value) change.Observe(s, v, value);
        return change.Done();
    }

    /// <summary>The same samples with one variable known to lie in a set, in all of them; it replaces what was known of the variable.</summary>
    /// <param name="variable">Index of the variable, from 0.</param>
    /// <param name="set">The set.</param>
    /// <exception cref="ArgumentOutOfRangeException">The index names no variable.</exception>
    public Evidence Where(int variable, ValueSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        _ = Chosen([variable]);
        return Where((_, v) => v == variable ? set : null);
    }

    /// <summary>The same samples with further entries known to lie in sets; they replace what was known.</summary>
    /// <param name="setOf">Gives for (sample, variable) the set, or null to leave the entry as it is.</param>
    public Evidence Where(Func<int, int, ValueSet?> setOf)
    {
        ArgumentNullException.ThrowIfNull(setOf);
        var change = new Change(this);
        for (int s = 0; s < Count; s++)
            for (int v = 0; v < Variables; v++)
                if (setOf(s, v) is { } set) change.Restrict(s, v, set);
        return change.Done();
    }

    /// <summary>What both batches say of the same samples, taken together.</summary>
    /// <param name="other">As many samples of as many variables, or one sample that is joined to each.</param>
    /// <exception cref="EvidenceException">The batches do not match, or contradict each other in an entry.</exception>
    public Evidence And(Evidence other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (other.Variables != Variables || (other.Count != Count && other.Count != 1))
            throw new EvidenceException($"{Count} samples of {Variables} variables cannot be joined with {other.Count} samples of {other.Variables}.");
        var change = new Change(this);
        for (int s = 0; s < Count; s++)
            for (int v = 0; v < Variables; v++)
            {
                int from = other.Count == 1 ? 0 : s;
                if (!other.IsHidden(from, v))
                {
                    float value = other.Row(from)[v];
                    if (IsHidden(s, v) ? SetOf(s, v)?.Contains(value) == false : Row(s)[v] != value) throw Contradiction(s, v);
                    change.Observe(s, v, value);
                }
                else if (other.SetOf(from, v) is { } set)
                {
                    if (!IsHidden(s, v))
                    {
                        if (!set.Contains(Row(s)[v])) throw Contradiction(s, v);
                    }
                    else change.Restrict(s, v, SetOf(s, v) is { } own ? own.Intersect(set) ?? throw Contradiction(s, v) : set);
                }
            }
        return change.Done();

        static EvidenceException Contradiction(int s, int v) => new($"Row {s}, variable {v}: the two batches contradict each other.", s, v);
    }

    /// <summary>Some of the samples, in the given order; an index may occur more than once.</summary>
    /// <param name="samples">Indices of the samples, from 0.</param>
    public Evidence Rows(ReadOnlySpan<int> samples)
    {
        var picked = new float[(long)samples.Length * Variables];
        for (int i = 0; i < samples.Length; i++)
            Row(samples[i]).CopyTo(picked.AsSpan(i * Variables));
        var batch = new Evidence(picked, null, null, samples.Length, Variables);
        if (hidden is null) return batch;
        var change = new Change(batch);
        for (int i = 0; i < samples.Length; i++)
            for (int v = 0; v < Variables; v++)
                if (SetOf(samples[i], v) is { } set) change.Restrict(i, v, set);
                else if (IsHidden(samples[i], v)) change.Hide(i, v);
        return change.Done();
    }

    private bool[] Chosen(int[] variables)
    {
        var chosen = new bool[Variables];
        foreach (int v in variables)
        {
            if (v < 0 || v >= Variables)
                throw new ArgumentOutOfRangeException(nameof(variables), v, $"There are {Variables} variables, 0 to {Variables - 1}.");
            chosen[v] = true;
        }
        return chosen;
    }

    /// <summary>A copy in the making; what is not changed is shared with the original.</summary>
    private sealed class Change(Evidence from)
    {
        private float[] values = from.values;
        private ulong[]? hidden = from.hidden;
        private Dictionary<long, ValueSet>? sets = from.sets;

        public void Hide(int sample, int variable)
        {
            long at = Mark(sample, variable, true);
            if (sets?.ContainsKey(at) == true) Sets().Remove(at);
        }

        public void Restrict(int sample, int variable, ValueSet set) => Sets()[Mark(sample, variable, true)] = set;

        public void Observe(int sample, int variable, float value)
        {
            Hide(sample, variable);
            if (float.IsNaN(value)) return;
            long at = Mark(sample, variable, false);
            if (ReferenceEquals(values, from.values)) values = (float[])values.Clone();
            values[at] = value;
        }

        public Evidence Done() =>
            new(values, hidden is not null && Array.Exists(hidden, bits => bits != 0) ? hidden : null, sets, from.Count, from.Variables);

        private Dictionary<long, ValueSet> Sets() => sets = sets is null || ReferenceEquals(sets, from.sets) ? new(sets ?? []) : sets;

        private long Mark(int sample, int variable, bool isHidden)
        {
            long at = (long)sample * from.Variables + variable;
            if (hidden is null || ReferenceEquals(hidden, from.hidden))
                hidden = hidden is null ? new ulong[((long)from.Count * from.Variables + 63) / 64] : (ulong[])hidden.Clone();
            ulong bit = 1UL << (int)(at & 63);
            hidden[at >> 6] = isHidden ? hidden[at >> 6] | bit : hidden[at >> 6] & ~bit;
            return at;
        }
    }
}
