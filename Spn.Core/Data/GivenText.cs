namespace Spn.Core.Data;

/// <summary>Reads the conditions of <see cref="Schema.Given"/>.</summary>
internal sealed class GivenText(string text, Schema schema)
{
    private static readonly string[] operators = ["<=", ">=", "!=", "<>", "==", "<", ">", "="];

    private readonly GivenColumn?[] known = new GivenColumn?[schema.Variables];
    private int at;

    private readonly record struct Word(string Text, int Position, bool Quoted)
    {
        public override string ToString() => DataFormatException.Quote(Text);
    }

    public Evidence Read()
    {
        SkipSpace();
        while (at < text.Length)
        {
            ReadCondition();
            SkipSpace();
            if (at == text.Length) break;
            if (text[at] != ',') throw Expected("a comma between conditions");
            at++;
            SkipSpace();
            if (at == text.Length) throw Expected("a condition after the comma");
        }
        Evidence evidence = Evidence.Unknown(1, schema.Variables);
        for (int v = 0; v < known.Length; v++)
            if (known[v] is { } column) evidence = column.Apply(evidence, v);
        return evidence;
    }

    /// <summary>Names of columns separated by commas; those with special characters stand in quotes.</summary>
    /// <exception cref="EvidenceException">The text cannot be read.</exception>
    public static IReadOnlyList<string> Names(string text, Schema schema)
    {
        var reader = new GivenText(text, schema);
        List<string> names = [];
        do
        {
            names.Add(reader.ReadWord("a column").Text);
            reader.SkipSpace();
        }
        while (reader.at < text.Length && text[reader.at] == ',' && ++reader.at > 0);
        return reader.at == text.Length ? names : throw reader.Expected("a comma between columns");
    }

    private void ReadCondition()
    {
        Word first = ReadWord("a column", untilIn: true);
        if (TryIn())
        {
            Column(first).Among(ReadList());
            return;
        }
        (string sign, int signAt) = Operator() ?? throw Expected("one of =, !=, <, <=, >, >= or in {...}");
        Word second = ReadWord("a value");
        if (Operator() is not { } next)
        {
            bool columnFirst = schema.IndexOf(first.Text) >= 0 || schema.IndexOf(second.Text) < 0 && !Spn.Core.Column.TryNumber(first.Text, out _);
            if (columnFirst) Column(first).Compare(sign, second.Text, second.Position);
            else Column(second).Compare(Turned(sign), first.Text, first.Position);
            return;
        }
        if (!(sign[0] is '<' && next.Sign[0] is '<' && next.Sign != "<>" && sign != "<>" || sign[0] is '>' && next.Sign[0] is '>'))
            throw Bad(next.Position, $"{sign} and {next.Sign} cannot follow each other; expected a chain like 3 <= x <= 7");
        Word third = ReadWord("a value");
        GivenColumn column = Column(second);
        column.Compare(Turned(sign), first.Text, first.Position);
        column.Compare(next.Sign, third.Text, third.Position);
    }

    private GivenColumn Column(Word name)
    {
        int variable = schema.IndexOf(name.Text);
        if (variable < 0) throw Bad(name.Position, $"there is {schema.Unknown(name.Text)}");
        return known[variable] ??= new GivenColumn(schema.Columns[variable], Bad);
    }

    private List<(string Text, int Position)> ReadList()
    {
        List<(string, int)> values = [];
        do
        {
            at++;
            Word value = ReadWord("a value");
            values.Add((value.Text, value.Position));
            SkipSpace();
        }
        while (at < text.Length && text[at] == ',');
        if (at == text.Length || text[at] != '}') throw Expected("a comma or } in the list");
        at++;
        return values;
    }

    // A run of characters up to the next sign, without outer white space, or a text in quotes.
    private Word ReadWord(string what, bool untilIn = false)
    {
        SkipSpace();
        int start = at;
        if (at < text.Length && text[at] is '"' or '\'')
        {
            char quote = text[at++];
            int close = text.IndexOf(quote, at);
            if (close < 0) throw Bad(start, "the quote is not closed");
            at = close + 1;
            return new Word(text[(start + 1)..close], start, true);
        }
        while (at < text.Length && !(text[at] is ',' or '<' or '>' or '=' or '!' or '{' or '}' or '"')) at++;
        int end = at;
        if (untilIn && at < text.Length && text[at] == '{' && InAt(start, end) is int cut) (at, end) = (cut, cut);
        string word = text[start..end].TrimEnd();
        return word.Length > 0 ? new Word(word, start, false) : throw Expected(what);
    }

    // Where the word in before a list starts.
    private int? InAt(int start, int end)
    {
        ReadOnlySpan<char> run = text.AsSpan(start, end - start).TrimEnd();
        return run.EndsWith("in", StringComparison.Ordinal) && run.Length > 2 && char.IsWhiteSpace(run[^3]) ? start + run.Length - 2 : null;
    }

    private bool TryIn()
    {
        SkipSpace();
        if (!text.AsSpan(at).StartsWith("in", StringComparison.Ordinal)) return false;
        at += 2;
        SkipSpace();
        return at < text.Length && text[at] == '{' ? true : throw Expected("{ after in");
    }

    private (string Sign, int Position)? Operator()
    {
        SkipSpace();
        int start = at;
        if (Array.Find(operators, o => text.AsSpan(start).StartsWith(o, StringComparison.Ordinal)) is not { } sign) return null;
        at += sign.Length;
        return (sign switch { "==" => "=", "<>" => "!=", _ => sign }, start);
    }

    private static string Turned(string sign) => sign[0] switch { '<' => ">" + sign[1..], '>' => "<" + sign[1..], _ => sign };

    private void SkipSpace()
    {
        while (at < text.Length && char.IsWhiteSpace(text[at])) at++;
    }

    private EvidenceException Expected(string what) =>
        Bad(at, $"expected {what}, found {(at < text.Length ? DataFormatException.Quote(text.AsSpan(at, 1)) : "the end")}");

    private static EvidenceException Bad(int position, string reason) => new($"Character {position + 1} of the conditions: {reason}.") { Position = position + 1 };
}
