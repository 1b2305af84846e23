// First line of a script: builds Spn when its Release output is missing or older than a source.
// A file of its own, since within one loaded file references are resolved before any code runs.
open System
open System.Diagnostics
open System.IO

module private EnsureBuilt =
    let root = Path.GetDirectoryName __SOURCE_DIRECTORY__ |> string
    let output = Path.Combine(root, "Spn.Host", "bin", "Release", "net10.0")
    let needed = [ "Spn.Core.dll"; "Spn.Dsl.dll"; "Argu.dll"; "FSharp.Core.dll"; "build.stamp" ]

    let sources = [
        for project in [ "Spn.Core"; "Spn.Dsl"; "Spn.Host" ] do
            let folder = DirectoryInfo(Path.Combine(root, project))

            for part in folder.EnumerateDirectories() do
                if part.Name <> "bin" && part.Name <> "obj" then
                    yield! part.EnumerateFiles("*", SearchOption.AllDirectories)

            yield! folder.EnumerateFiles()

        for name in [ "Directory.Build.props"; "paket.lock" ] do
            FileInfo(Path.Combine(root, name))
    ]

    /// Why a build is due, if it is.
    let reason () =
        match
            needed
            |> List.tryFind (fun name -> not (File.Exists(Path.Combine(output, name))))
        with
        | Some missing -> Some $"{missing} is missing"
        | None ->
            let built = File.GetLastWriteTimeUtc(Path.Combine(output, "build.stamp"))

            sources
            |> List.tryFind (fun file -> file.Extension <> ".md" && file.LastWriteTimeUtc > built)
            |> Option.map (fun file -> $"{Path.GetRelativePath(root, file.FullName)} is newer than the last build")

    let build why =
        eprintfn "Building Spn (Release): %s ..." why
        let clock = Stopwatch.StartNew()

        let info =
            ProcessStartInfo(
                "dotnet",
                [
                    "build"
                    "Spn.Host"
                    "-c"
                    "Release"
                    "--nologo"
                    "-v"
                    "quiet"
                    "-clp:NoSummary"
                ],
                WorkingDirectory = root,
                RedirectStandardOutput = true
            )

        use running = Process.Start info |> Option.ofObj |> Option.get
        let text = running.StandardOutput.ReadToEnd()
        running.WaitForExit()

        if running.ExitCode = 0 then
            eprintfn "Built in %.0f s." clock.Elapsed.TotalSeconds
        else
            // The compiler's lines come twice, the second time in a summary.
            for line in text.Split('\n') |> Array.filter _.Contains("error") |> Array.distinct do
                eprintfn "%s" (line.Trim())

            eprintfn "\nSpn does not build, so the script was not started. Correct the errors above and run it again."
            exit 1

    reason () |> Option.iter build
