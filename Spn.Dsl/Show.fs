namespace Spn

open System
open System.Diagnostics
open System.IO

/// <summary>Shows charts and reports in the browser.</summary>
/// <remarks>Without a display, or with the environment variable BROWSER set to none, the path of the file is printed instead.</remarks>
[<RequireQualifiedAccess>]
module Show =

    let private hasDisplay () =
        let isSet (name: string) =
            not (String.IsNullOrEmpty(Environment.GetEnvironmentVariable name))

        Environment.GetEnvironmentVariable "BROWSER" <> "none"
        && if OperatingSystem.IsWindows() then
               Environment.UserInteractive
           else
               OperatingSystem.IsMacOS() || isSet "DISPLAY" || isSet "WAYLAND_DISPLAY"

    /// The shell's opener is started and left to itself: some wait until the browser is closed.
    let private opens (path: string) =
        try
            use _ = Process.Start(ProcessStartInfo(path, UseShellExecute = true))
            true
        with _ ->
            false

    /// <summary>Writes a page to a temporary file, opens it in the browser where there is one, and gives the file's path.</summary>
    /// <param name="page">The page, as made by <c>Report.html</c>.</param>
    /// <exception cref="T:System.IO.IOException">The temporary file cannot be written.</exception>
    let report (page: string) : string =
        let path =
            page
            |> Report.save (Path.Combine(Path.GetTempPath(), $"spn-{Guid.NewGuid():N}.html"))

        if not (hasDisplay () && opens path) then
            printfn $"{path}"

        path

    /// <summary>Shows one chart as a page of its own and gives the file's path.</summary>
    /// <param name="chart">The chart.</param>
    /// <exception cref="T:System.IO.IOException">The temporary file cannot be written.</exception>
    let chart (chart: Chart) : string =
        Report.html (if chart.Title = "" then "Chart" else chart.Title) [ Report.Chart { chart with Title = "" } ]
        |> report
