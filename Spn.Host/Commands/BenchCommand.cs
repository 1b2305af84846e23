using System.Globalization;
using Spn.Core.Data;
using Spn.Core.Engines.Simd;
using Spn.Host.Bench;

namespace Spn.Host.Commands;

/// <summary>spn bench: one line a figure, name metric value unit.</summary>
internal static class BenchCommand
{
    public static void Run(BenchSettings settings, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        if (settings.PeakOnly is { } what)
        {
            double peak = what == "ad" ? BenchReport.PeakOfTraining(settings.Threads, settings.Folder) : BenchReport.PeakOfStack(what, settings.Threads);
            output.WriteLine(peak.ToString(CultureInfo.InvariantCulture));
            return;
        }
        List<Figure> figures = [];
        var report = new BenchReport(settings.Filter, settings.Threads, settings.Folder, figure =>
        {
            figures.Add(figure);
            output.WriteLine(figure);
        });
        report.Run(cancellation);
        if (figures.Count == 0) throw new ArgumentException($"No figure has \"{settings.Filter}\" in its name. Run spn bench without a filter to see all.");
        if (report.Synthetic) error.WriteLine($"Rows were made up for absent data sets. Looked in: {DataFolder.Find(settings.Folder)}");
        if (settings.Markdown is { } file) File.WriteAllText(file, BenchReport.Markdown(figures, new SimdEngine(settings.Threads).Threads, report.Synthetic));
    }
}
