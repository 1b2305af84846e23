using System.Globalization;
using Spn.Core;
using Spn.Core.Data;
using Spn.Core.Engines.Simd;
using Spn.Core.Inference;

namespace Spn.Host.Commands;

/// <summary>spn query: asks a saved model.</summary>
internal static class QueryCommand
{
    public static void Run(QuerySettings settings, TextWriter output, ProgressLine progress, CancellationToken cancellation)
    {
        using Circuit circuit = Circuit.Load(settings.File, new SimdEngine(settings.Threads));
        if (settings.Question is Question.Complete table)
        {
            QueryTables.Complete(circuit, settings, table, output, progress, cancellation);
            return;
        }
        Schema schema = circuit.SchemaOrDefault;
        Evidence given = Heed("--given", () => schema.Given(settings.Given));
        double logGiven = circuit.JointLogLikelihood(given)[0];
        if (double.IsNegativeInfinity(logGiven))
            throw new EvidenceException("What is given has probability 0 under the model, so nothing follows from it.");
        switch (settings.Question)
        {
            case Question.Sample sample:
                QueryTables.Sample(circuit, settings, given, sample.count, output, progress, cancellation);
                return;
            case Question.Ask ask:
                QueryAsk.Run(circuit, given, ask.columns, settings.Csv, output, () => Preface(circuit, settings, logGiven, output));
                return;
            case Question.Probability probability:
                Probability(circuit, settings, given, logGiven, probability.conditions, output);
                return;
            default:
                Mpe(circuit, settings, given, logGiven, output, cancellation);
                return;
        }
    }

    /// <summary>Calls an error in an option's text by the option.</summary>
    public static T Heed<T>(string option, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (EvidenceException e)
        {
            throw new ArgumentException($"{option}: {e.Message}", e);
        }
    }

    /// <summary>A number of nats.</summary>
    public static string Nats(double value) => double.IsNegativeInfinity(value) ? "-inf" : value.ToString("F4", CultureInfo.InvariantCulture);

    /// <summary>A probability to be read.</summary>
    public static string Shown(double probability) =>
        probability == 0 ? "0" : probability.ToString(probability < 1e-4 ? "0.00E+0" : "F4", CultureInfo.InvariantCulture);

    /// <summary>A number for programs.</summary>
    public static string Exact(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Classes(Circuit circuit) =>
        $"The model has {circuit.Classes} classes, which are taken as {(circuit.ClassPrior is { } prior ? $"probable by {string.Join(", ", prior.Select(Shown))}" : "equally probable")} beforehand.";

    private static void Preface(Circuit circuit, QuerySettings settings, double logGiven, TextWriter output)
    {
        if (circuit.Classes > 1) output.WriteLine(Classes(circuit));
        if (settings.Given.Trim().Length > 0) output.WriteLine($"log p({settings.Given.Trim()}) = {Nats(logGiven)} nats");
        if (circuit.Classes > 1 || settings.Given.Trim().Length > 0) output.WriteLine();
    }

    private static void Mpe(Circuit circuit, QuerySettings settings, Evidence given, double logGiven, TextWriter output, CancellationToken cancellation)
    {
        Schema schema = circuit.SchemaOrDefault;
        MpeResult result = circuit.Mpe(given, cancellation: cancellation);
        string[] cells = [.. Enumerable.Range(0, schema.Variables).Select(v => given.IsHidden(0, v)
            ? schema.Rounded(v, result.Completed.Row(0)[v])
            : schema.Text(v, given.Row(0)[v]))];
        if (settings.Csv)
        {
            var table = new CsvWriter(output);
            table.Write([.. schema.Columns.Select(c => c.Name)]);
            table.Write(cells);
            return;
        }
        Preface(circuit, settings, logGiven, output);
        bool any = Enumerable.Range(0, schema.Variables).Any(v => !given.IsHidden(0, v));
        IEnumerable<string[]> rows = cells.Select((cell, v) => (string[])
            [schema.Columns[v].Name, cell, .. any ? [given.IsHidden(0, v) ? "" : "given"] : Array.Empty<string>()]);
        output.WriteLine(TableModule.toText(TableModule.create(["column", "value", .. any ? [""] : Array.Empty<string>()], rows)));
        double all = result.LogLikelihood[0];
        output.WriteLine($"\nlog-likelihood {Nats(all)} nats{(any || given.HasSets ? $", {Nats(all - logGiven)} given what is known" : "")}");
        output.WriteLine(result.Exactness);
    }

    private static void Probability(Circuit circuit, QuerySettings settings, Evidence given, double logGiven, string conditions, TextWriter output)
    {
        Schema schema = circuit.SchemaOrDefault;
        Evidence asked = Heed("--probability", () => schema.Given(conditions));
        if (Enumerable.Range(0, schema.Variables).All(v => asked.IsHidden(0, v) && asked.SetOf(0, v) is null))
            throw new ArgumentException("--probability: there is no condition to ask for.");
        double log = Joint(circuit, asked, given) - logGiven;
        // One number of a real column has a density only; the sum of its values is not 1.
        string[] densities = [.. Enumerable.Range(0, schema.Variables)
            .Where(v => schema.Columns[v] is RealColumn && !asked.IsHidden(0, v) && given.IsHidden(0, v)).Select(v => schema.Columns[v].Name)];
        string known = settings.Given.Trim().Length > 0 ? $" | {settings.Given.Trim()}" : "";
        if (settings.Csv)
        {
            var table = new CsvWriter(output);
            table.Write(densities.Length > 0 ? "density" : "probability", "nats");
            table.Write(Exact(Math.Exp(log)), Exact(log));
            return;
        }
        if (circuit.Classes > 1) output.WriteLine(Classes(circuit) + "\n");
        // Below the smallest double only the logarithm is left.
        string value = Math.Exp(log) == 0 && !double.IsNegativeInfinity(log) ? "less than 1e-300" : $"= {Math.Exp(log).ToString("G6", CultureInfo.InvariantCulture)}";
        output.WriteLine($"p({conditions.Trim()}{known}) {value}");
        output.WriteLine($"log p = {Nats(log)} nats");
        if (densities.Length > 0) output.WriteLine($"This is a density, since {string.Join(" and ", densities)} {(densities.Length == 1 ? "is" : "are")} real; ask for an interval to get a probability.");
    }

    /// <summary>log p(asked and given); minus infinity where the two contradict each other.</summary>
    private static double Joint(Circuit circuit, Evidence asked, Evidence given)
    {
        try
        {
            return circuit.JointLogLikelihood(given.And(asked))[0];
        }
        catch (EvidenceException e) when (e.Variable is not null)
        {
            return double.NegativeInfinity;
        }
    }
}
