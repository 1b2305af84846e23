using System.Globalization;
using Spn.Core;
using Spn.Core.Data;
using Spn.Core.Inference;

namespace Spn.Host.Commands;

/// <summary>spn query --ask: distributions of single columns.</summary>
internal static class QueryAsk
{
    private const string Class = "class";

    private static readonly double[] shares = [0.05, 0.5, 0.95];

    public static void Run(Circuit circuit, Evidence given, string? names, bool csv, TextWriter output, Action preface)
    {
        Schema schema = circuit.SchemaOrDefault;
        (bool classes, int[] asked) = Asked(circuit, schema, given, names);
        List<string[]> discrete = [], real = [];
        if (classes)
            foreach (double p in circuit.ClassPosterior(given)) discrete.Add([csv || discrete.Count == 0 ? Class : "", Number(discrete.Count), Share(p)]);
        Posterior posterior = circuit.Posterior(given);
        foreach (int v in asked)
        {
            string name = schema.Columns[v].Name;
            if (schema.Columns[v] is DiscreteColumn column)
            {
                ReadOnlySpan<double> p = posterior.Probabilities(0, v);
                for (int code = 0; code < p.Length; code++) discrete.Add([csv || code == 0 ? name : "", column.Labels[code], Share(p[code])]);
                continue;
            }
            VariableMixture? mixture = given.IsHidden(0, v) ? circuit.Mixture(given, v)[0] : null;
            IEnumerable<double> quantiles = shares.Select(share => mixture?.Quantile(share) ?? given.Row(0)[v]);
            string[] moments = posterior.HasMoments(0, v) ? [Real(posterior.Mean(0, v)), Real(Math.Sqrt(posterior.Variance(0, v)))] : csv ? ["", ""] : ["-", "-"];
            real.Add([name, .. moments, .. quantiles.Select(Real)]);

            string Real(double number) => csv ? QueryCommand.Exact(number) : schema.Rounded(v, number);
        }
        if (!csv)
        {
            preface();
            if (discrete.Count > 0) output.WriteLine(TableModule.toText(TableModule.create(["column", "value", "probability"], discrete)));
            if (discrete.Count > 0 && real.Count > 0) output.WriteLine();
            if (real.Count > 0) output.WriteLine(TableModule.toText(TableModule.create(["column", "mean", "deviation", "5 %", "median", "95 %"], real)));
            return;
        }
        var table = new CsvWriter(output);
        table.Write("column", "value", "probability", "mean", "deviation", "quantile05", "median", "quantile95");
        foreach (string[] row in discrete) table.Write([.. row, "", "", "", "", ""]);
        foreach (string[] row in real) table.Write([row[0], "", "", .. row.Skip(1)]);

        string Share(double p) => csv ? QueryCommand.Exact(p) : QueryCommand.Shown(p);
    }

    private static (bool Classes, int[] Columns) Asked(Circuit circuit, Schema schema, Evidence given, string? names)
    {
        if (string.IsNullOrWhiteSpace(names))
            return (circuit.Classes > 1, [.. Enumerable.Range(0, schema.Variables).Where(v => given.IsHidden(0, v))]);
        return QueryCommand.Heed("--ask", () =>
        {
            List<string> wanted = [.. GivenText.Names(names, schema)];
            bool classes = circuit.Classes > 1 && schema.IndexOf(Class) < 0 && wanted.RemoveAll(name => name == Class) > 0;
            return (classes, wanted.Select(schema.Find).ToArray());
        });
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
