using System.Globalization;

namespace Spn.Core.Data;

/// <summary>What is learned of a column in one pass over its cells, in memory that does not grow with the rows.</summary>
internal sealed class ColumnStatistics(string file, int place, string name, SchemaOptions options)
{
    // Real columns with this few values, not integers, are worth a remark.
    private const int FewValues = 20;

    // Above this a double no longer holds every integer.
    private const double LargestInteger = 1L << 53;

    private readonly HashSet<string> texts = new(StringComparer.Ordinal);
    private readonly HashSet<double> numbers = [];
    private bool integers = true;
    private long count, numeric;
    private double mean, squares;
    private (int Line, string Text)? firstText;
    private (int Line, string Text)? firstNoCount;

    private int Limit => Math.Max(Math.Max(options.MostLabels, options.MostStates), FewValues);

    public long Missing { get; private set; }

    public void AddMissing() => Missing++;

    public void Add(ReadOnlySpan<char> cell, int line)
    {
        count++;
        if (texts.Count <= Limit) texts.GetAlternateLookup<ReadOnlySpan<char>>().Add(cell);
        if (!Core.Column.TryNumber(cell, out double number))
        {
            firstText ??= (line, cell.ToString());
            firstNoCount ??= firstText;
            return;
        }
        numeric++;
        if (numbers.Count <= Limit) numbers.Add(number);
        integers &= number == Math.Floor(number) && Math.Abs(number) <= LargestInteger;
        if (number < 0 || number != Math.Floor(number)) firstNoCount ??= (line, cell.ToString());
        double step = number - mean;
        mean += step / numeric;
        squares += step * (number - mean);
    }

    public Column ToColumn()
    {
        if (count == 0)
            throw Bad("at least one value", "none", "all cells are missing. Drop the column, or name other missing markers");
        bool real = options.Real.Contains(name), discrete = options.Discrete.Contains(name);
        if (options.Counts.Contains(name)) return firstNoCount is null ? new CountColumn(name) : throw NoCount();
        if (firstText is not null) return real ? throw NoNumber() : Labels();
        bool few = integers && numbers.Count <= options.MostStates;
        return discrete || (few && !real) ? Codes() : Real();
    }

    public ColumnProfile Profile(Column column) => new(Missing, Different, column switch
    {
        DiscreteColumn { Labels.Count: 1 } => "only one value",
        DiscreteColumn when firstText is { } text && 2 * numeric > count => $"mostly numbers, but {DataFormatException.Quote(text.Text)} in line {text.Line}",
        RealColumn when numbers.Count <= FewValues && !options.Real.Contains(name) => $"only {numbers.Count} different numbers: perhaps discrete",
        _ => null,
    });

    private int? Different => (firstText is null ? numbers.Count : texts.Count) is var different && different > Limit ? null : different;

    private DiscreteColumn Labels() => texts.Count <= options.MostLabels
        ? new(name, texts.Order(StringComparer.Ordinal))
        : throw TooMany($"Drop the column: it looks like an identifier{(numeric == 0 ? ""
            : $". Or, if it holds numbers, name the missing marker: {DataFormatException.Quote(firstText!.Value.Text)} in line {firstText.Value.Line} is no number")}");

    private DiscreteColumn Codes() => numbers.Count <= options.MostLabels
        ? new(name, numbers.Order().Select(Label))
        : throw TooMany("Let it be real");

    // The mean of the table as it is stored, in single precision, needs no more digits than that.
    private RealColumn Real()
    {
        double deviation = Math.Sqrt(squares / numeric);
        return new(name, mean, deviation > 0 ? deviation : 1);
    }

    private static string Label(double number) => number == 0 ? "0"
        : Math.Abs(number) <= LargestInteger && number == Math.Floor(number) ? ((long)number).ToString(CultureInfo.InvariantCulture)
        : number.ToString("R", CultureInfo.InvariantCulture);

    private DataFormatException NoNumber() => DataFormatException.InColumn(
        file, firstText!.Value.Line, place, name, "a number", DataFormatException.Quote(firstText.Value.Text));

    private DataFormatException NoCount() => DataFormatException.InColumn(
        file, firstNoCount!.Value.Line, place, name, ValueDomain.Counts.ToString(), DataFormatException.Quote(firstNoCount.Value.Text));

    private DataFormatException TooMany(string advice) =>
        Bad($"at most {options.MostLabels} different values", "more", $"more than {options.MostLabels} different values are too many for a discrete column. {advice}");

    private DataFormatException Bad(string expected, string found, string reason) =>
        DataFormatException.InColumn(file, null, place, name, expected, found, reason);
}
