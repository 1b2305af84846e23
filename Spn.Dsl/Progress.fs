namespace Spn

open System
open System.Diagnostics
open System.Globalization
open System.IO
open System.Runtime.InteropServices
open System.Threading
open Spn.Core.Training

/// <summary>One line that says how a long job stands.</summary>
/// <remarks>On a terminal the line is overwritten in place; elsewhere, such as in a log file, a line is written every ten seconds.</remarks>
/// <param name="writer">Where it is written.</param>
/// <param name="width">Characters that fit on a line of the terminal; 0 when the writer is none.</param>
[<Sealed>]
type ProgressLine(writer: TextWriter, width: int) =
    let clock = Stopwatch.StartNew()
    let mutable shown = 0
    let mutable due = TimeSpan.FromSeconds 10.0

    /// <summary>On standard output.</summary>
    static member Output() =
        ProgressLine(
            Console.Out,
            (if Console.IsOutputRedirected then
                 0
             else
                 Console.WindowWidth)
        )

    /// <summary>On standard error, which leaves standard output to results.</summary>
    static member Error() =
        ProgressLine(Console.Error, (if Console.IsErrorRedirected then 0 else Console.WindowWidth))

    /// <summary>Shows a text in place of the one before.</summary>
    member _.Show(text: string) =
        if width > 0 then
            let text =
                if text.Length < width then
                    text
                else
                    text.Substring(0, width - 1)

            writer.Write("\r" + text.PadRight shown)
            writer.Flush()
            shown <- text.Length
        elif clock.Elapsed >= due then
            writer.WriteLine text
            writer.Flush()
            due <- clock.Elapsed + TimeSpan.FromSeconds 10.0

    /// <summary>Takes the text away, so that other output can follow.</summary>
    member _.Clear() =
        if shown > 0 then
            writer.Write("\r" + String(' ', shown) + "\r")
            writer.Flush()
            shown <- 0

/// <summary>Words for how a training stands.</summary>
[<RequireQualifiedAccess>]
module Progress =

    /// <summary>A duration in one or two units: "12 s", "3 min 20 s", "2 h 5 min".</summary>
    let duration (time: TimeSpan) : string =
        let time = TimeSpan.FromSeconds(Math.Round(min time.TotalSeconds 1e9))

        if time.TotalMinutes < 1.0 then
            $"{time.Seconds} s"
        elif time.TotalHours < 1.0 then
            $"{time.Minutes} min {time.Seconds} s"
        else
            $"{int time.TotalHours} h {time.Minutes} min"

    /// <summary>Step, log-likelihoods in nats, speed and time left.</summary>
    let text (now: TrainingProgress) : string =
        let nats (value: Nullable<float>) =
            if value.HasValue then
                value.Value.ToString("F3", CultureInfo.InvariantCulture)
            else
                "-"

        let speed = now.SamplesPerSecond.ToString("N0", CultureInfo.InvariantCulture)

        $"step {now.Step}/{now.Steps}, train {nats (Nullable now.Train)}, valid {nats now.Valid}, "
        + $"{speed} samples/s, {duration now.Remaining} left"

    let private line = lazy ProgressLine.Output()

    /// <summary>Shows how a training stands on standard output, for <c>Train.gradientWith</c>.</summary>
    let show (now: TrainingProgress) : unit =
        line.Value.Show(text now)

        if now.Step = now.Steps then
            line.Value.Clear()

/// <summary>Lets Ctrl+C, or the signal to terminate, end a job in order; a second Ctrl+C ends the process at once.</summary>
[<Sealed>]
type Interrupt() =
    let source = new CancellationTokenSource()

    let cancel (context: PosixSignalContext) =
        context.Cancel <- not source.IsCancellationRequested
        source.Cancel()

    let registrations = [
        for signal in [ PosixSignal.SIGINT; PosixSignal.SIGTERM ] -> PosixSignalRegistration.Create(signal, cancel)
    ]

    /// <summary>Cancelled by the first signal.</summary>
    member _.Token = source.Token

    interface IDisposable with
        member _.Dispose() =
            for registration in registrations do
                registration.Dispose()

            source.Dispose()
