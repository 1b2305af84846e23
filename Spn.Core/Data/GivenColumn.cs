using System.Globalization;

namespace Spn.Core.Data;

/// <summary>What the conditions read so far say of one column.</summary>
/// <param name="column">The column.</param>
/// <param name="bad">Makes an error of a position, from 0, and a reason without a full stop.</param>
internal sealed class GivenColumn(Column column, Func<int, string, EvidenceException> bad)
{
    // A real column and one of counts: bounds, and for counts a list. A discrete column: which codes are left.
    private readonly bool[] left = [.. Enumerable.Repeat(true, column.States ?? 0)];
    private double low = double.NegativeInfinity, high = double.PositiveInfinity;
    private float[]? listed;

    /// <summary>Takes the column's side of a comparison.</summary>
    public void Compare(string sign, string value, int position)
    {
        if (column is DiscreteColumn discrete)
        {
            Compare(discrete, sign, value, position);
            return;
        }
        bool counts = column is CountColumn;
        double number = Number(value, position);
        if (sign == "!=")
            throw bad(position, $"column \"{column.Name}\" {(counts ? "holds counts without an end; give an interval or a list of what it is" : "is real, where no single number has a probability; give an interval")}");
        if (counts && sign == "=") number = Count(value, position);
        // No count lies between two integers: less than 3 is at most 2.
        if (sign[0] is '>' or '=') low = Math.Max(low, !counts ? number : sign == ">" ? Math.Floor(number) + 1 : Math.Ceiling(number));
        if (sign[0] is '<' or '=') high = Math.Min(high, !counts ? number : sign == "<" ? Math.Ceiling(number) - 1 : Math.Floor(number));
        CheckBounds(position);
    }

    /// <summary>The value is one of a list.</summary>
    public void Among(IReadOnlyList<(string Text, int Position)> values)
    {
        if (column is CountColumn)
        {
            float[] counts = [.. values.Select(v => Count(v.Text, v.Position))];
            listed = listed is null ? counts : [.. listed.Intersect(counts)];
            CheckBounds(values[0].Position);
            return;
        }
        if (column is not DiscreteColumn discrete)
            throw bad(values[0].Position, $"column \"{column.Name}\" is real, where no single number has a probability; give an interval such as 3 <= {column.Name} <= 7");
        var among = new bool[left.Length];
        foreach ((string text, int position) in values) among[Code(discrete, text, position)] = true;
        Keep(code => among[code], values[0].Position);
    }

    /// <summary>Puts what is known into a batch of one sample.</summary>
    public Evidence Apply(Evidence evidence, int variable)
    {
        if (listed is not null)
        {
            float[] kept = [.. listed.Where(value => value >= low && value <= high)];
            return kept.Length == 1 ? evidence.Observe(variable, kept[0]) : evidence.Where(variable, ValueSet.OneOf(kept));
        }
        if (column.States is null)
            return low == high ? evidence.Observe(variable, (float)low) : evidence.Where(variable, ValueSet.Between(low, high));
        float[] codes = [.. Enumerable.Range(0, left.Length).Where(code => left[code]).Select(code => (float)code)];
        return codes.Length == 1 ? evidence.Observe(variable, codes[0])
            : codes.Length == left.Length ? evidence
            : evidence.Where(variable, ValueSet.OneOf(codes));
    }

    private void CheckBounds(int position)
    {
        if (column is CountColumn && high < 0) throw bad(position, $"no value of column \"{column.Name}\" fits; it is {column.Domain}");
        if (low > high || listed?.Any(value => value >= low && value <= high) == false) throw Contradiction(position);
    }

    private float Count(string value, int position) => column.TryRead(value, out float count)
        ? count
        : throw bad(position, $"column \"{column.Name}\": {DataFormatException.Quote(value)} is not {column.Domain}");

    private void Compare(DiscreteColumn discrete, string sign, string value, int position)
    {
        if (sign is "=" or "!=")
        {
            int code = Code(discrete, value, position);
            Keep(other => other == code == (sign == "="), position);
            return;
        }
        if (discrete.Numbers is not { } numbers)
            throw bad(position, $"column \"{column.Name}\" holds text, which has no order; expected = or in {{...}} with {column.Domain}");
        double bound = Number(value, position);
        Keep(code => sign switch
        {
            "<" => numbers[code] < bound,
            "<=" => numbers[code] <= bound,
            ">" => numbers[code] > bound,
            _ => numbers[code] >= bound,
        }, position);
    }

    private void Keep(Predicate<int> holds, int position)
    {
        bool possible = false;
        for (int code = 0; code < left.Length; code++)
        {
            possible |= holds(code);
            left[code] &= holds(code);
        }
        if (!possible) throw bad(position, $"no value of column \"{column.Name}\" fits; it is {column.Domain}");
        if (Array.IndexOf(left, true) < 0) throw Contradiction(position);
    }

    private int Code(DiscreteColumn discrete, string value, int position) => discrete.TryRead(value, out float code)
        ? (int)code
        : throw bad(position, $"column \"{column.Name}\": {DataFormatException.Quote(value)} is not {column.Domain}");

    private double Number(string value, int position) =>
        double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)
            ? number
            : throw bad(position, $"column \"{column.Name}\": {DataFormatException.Quote(value)} is not a finite number");

    private EvidenceException Contradiction(int position) => bad(position, $"the conditions on column \"{column.Name}\" contradict each other");
}
