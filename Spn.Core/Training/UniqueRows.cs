using System.Runtime.InteropServices;

namespace Spn.Core.Training;

/// <summary>Equal samples of a batch, found once: evaluation needs each distinct sample only once.</summary>
internal sealed class UniqueRows
{
    /// <summary>Finds equal samples, hidden entries included.</summary>
    public UniqueRows(Evidence evidence)
    {
        ClassOf = new int[evidence.Count];
        List<int> first = [], counts = [];
        var known = new Dictionary<int, int>(evidence.Count, new RowComparer(evidence));
        for (int row = 0; row < evidence.Count; row++)
        {
            ref int index = ref CollectionsMarshal.GetValueRefOrAddDefault(known, row, out bool seen);
            if (!seen)
            {
                index = first.Count;
                first.Add(row);
                counts.Add(0);
            }
            ClassOf[row] = index;
            counts[index]++;
        }
        First = [.. first];
        Counts = [.. counts];
    }

    /// <summary>For each sample the index of its distinct sample.</summary>
    public int[] ClassOf { get; }

    /// <summary>For each distinct sample its first row.</summary>
    public int[] First { get; }

    /// <summary>For each distinct sample how often it occurs.</summary>
    public int[] Counts { get; }

    private sealed class RowComparer(Evidence evidence) : IEqualityComparer<int>
    {
        public bool Equals(int a, int b)
        {
            if (!evidence.Row(a).SequenceEqual(evidence.Row(b))) return false;
            if (!evidence.HasHidden) return true;
            for (int v = 0; v < evidence.Variables; v++)
                if (evidence.IsHidden(a, v) != evidence.IsHidden(b, v) || !Equals(evidence.SetOf(a, v), evidence.SetOf(b, v))) return false;
            return true;
        }

        public int GetHashCode(int row)
        {
            var hash = new HashCode();
            hash.AddBytes(MemoryMarshal.AsBytes(evidence.Row(row)));
            return hash.ToHashCode();
        }
    }
}
