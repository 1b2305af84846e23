using System.Reflection;
using Spn.Host.Commands;

namespace Spn.Host;

/// <summary>The program spn.</summary>
public static class Program
{
    /// <summary>Runs a command line.</summary>
    /// <param name="arguments">The command and its options; Spn.Dsl/Arguments.fs lists them.</param>
    /// <param name="output">Receives results.</param>
    /// <param name="error">Receives errors, in a line or two.</param>
    /// <param name="progress">Shows how a long command stands.</param>
    /// <param name="cancellation">Ends a training; what was learned is kept and saved.</param>
    /// <returns>0 when all went well, 1 after a failure, 2 after wrong use.</returns>
    public static int Run(string[] arguments, TextWriter output, TextWriter error, ProgressLine progress, CancellationToken cancellation) =>
        CommandLine.Guard(output, error, () =>
        {
            switch (SpnCommand.Parse(arguments))
            {
                case SpnCommand.Fit fit:
                    FitCommand.Run(fit.settings, output, progress, cancellation);
                    break;
                case SpnCommand.Score score:
                    ScoreCommand.Run(score.settings, output);
                    break;
                case SpnCommand.Query query:
                    QueryCommand.Run(query.settings, output, progress, cancellation);
                    break;
                case SpnCommand.Info info:
                    InfoCommand.Run(info.file, info.queries, info.svg, info.dot, output);
                    break;
                case SpnCommand.DataList list:
                    DataListCommand.Run(list.folder, output);
                    break;
                case SpnCommand.Bench bench:
                    BenchCommand.Run(bench.settings, output, error, cancellation);
                    break;
                default:
                    output.WriteLine($"spn {Assembly.GetExecutingAssembly().GetName().Version?.ToString(3)}");
                    break;
            }
            return 0;
        });

    private static int Main(string[] arguments)
    {
        using var interrupt = new Interrupt();
        return Run(arguments, Console.Out, Console.Error, ProgressLine.Error(), interrupt.Token);
    }
}
