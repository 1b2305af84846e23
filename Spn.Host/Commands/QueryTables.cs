using System.Diagnostics;
using System.Globalization;
using Spn.Core;
using Spn.Core.Data;
using Spn.Core.Files;
using Spn.Core.Inference;

namespace Spn.Host.Commands;

/// <summary>spn query --complete and --sample: tables of any length.</summary>
internal static class QueryTables
{
    public static void Complete(
        Circuit circuit, QuerySettings settings, Question.Complete question, TextWriter output, ProgressLine progress, CancellationToken cancellation)
    {
        var options = new TableCompletionOptions { By = question.by, Seed = settings.Seed, HasHeader = settings.HasHeader };
        var line = new Line(progress);
        try
        {
            if (settings.Out is null)
            {
                using FileStream input = File.OpenRead(question.table);
                circuit.CompleteTable(input, question.table, output, options, line, cancellation);
                return;
            }
            TableCompletionReport report = circuit.CompleteTable(question.table, settings.Out, options, line, cancellation);
            progress.Clear();
            output.WriteLine($"Filled {Count(report.Filled, "cell")} in {Count(report.Rows, "row")}");
            if (report.PassedOver.Count > 0) output.WriteLine($"  not in the model, written as they were   {string.Join(", ", report.PassedOver)}");
            if (report.Absent.Count > 0) output.WriteLine($"  not in the table, taken as not known     {string.Join(", ", report.Absent)}");
            output.WriteLine($"Saved {settings.Out}");
        }
        finally
        {
            progress.Clear();
        }
    }

    public static void Sample(
        Circuit circuit, QuerySettings settings, Evidence given, int count, TextWriter output, ProgressLine progress, CancellationToken cancellation)
    {
        if (settings.Out is null)
        {
            Write(output);
            return;
        }
        AtomicFile.WriteText(settings.Out, Write);
        output.WriteLine($"Saved {Count(count, "sample")} in {settings.Out}");

        void Write(TextWriter to)
        {
            Schema schema = circuit.SchemaOrDefault;
            using var block = new StringWriter(CultureInfo.InvariantCulture);
            var table = new CsvWriter(block);
            if (settings.HasHeader) table.Write([.. schema.Columns.Select(c => c.Name)]);
            long done = 0;
            var cells = new string[schema.Variables];
            foreach (Evidence samples in circuit.SampleBlocks(given, count, settings.Seed, cancellation: cancellation))
            {
                cancellation.ThrowIfCancellationRequested();
                for (int row = 0; row < samples.Count; row++)
                {
                    for (int v = 0; v < cells.Length; v++)
                        cells[v] = given.IsHidden(0, v) ? schema.Rounded(v, samples.Row(row)[v]) : schema.Text(v, samples.Row(row)[v]);
                    table.Write(cells);
                }
                to.Write(block.GetStringBuilder());
                block.GetStringBuilder().Clear();
                done += samples.Count;
                progress.Show($"{done} of {Count(count, "sample")}");
            }
            progress.Clear();
        }
    }

    private static string Count(long count, string what) => $"{count.ToString("N0", CultureInfo.InvariantCulture)} {what}{(count == 1 ? "" : "s")}";

    private sealed class Line(ProgressLine line) : IProgress<TableProgress>
    {
        private readonly Stopwatch clock = Stopwatch.StartNew();

        public void Report(TableProgress value)
        {
            string share = value.Bytes is > 0 and long bytes ? $"{Megabytes(value.BytesRead)} of {Megabytes(bytes)} MB, " : "";
            double speed = value.Rows / Math.Max(clock.Elapsed.TotalSeconds, 1e-3);
            line.Show(string.Create(CultureInfo.InvariantCulture, $"row {value.Rows}, {share}{speed:N0} rows/s"));
        }

        private static string Megabytes(long bytes) => (bytes / 1e6).ToString("F1", CultureInfo.InvariantCulture);
    }
}
