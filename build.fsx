/// The one entry to the repository: dotnet fsi build.fsx [target ...] [-- options of dotnet test]
open System
open System.Diagnostics
open System.IO
open System.Text.RegularExpressions
open System.Xml.Linq

let root = __SOURCE_DIRECTORY__

let usage =
    """Usage: dotnet fsi build.fsx [target ...] [-- options of dotnet test]

Targets
  all        guard, format, build, test, scripts (the default)
  guard      no file may name a package registry of this machine, or a path of this machine
  format     verify the layout of C# (dotnet format) and F# (Fantomas)
  reformat   correct the layout
  build      Release build, warnings as errors
  test       build, run the tests, and close with a line "N passed, N failed, N skipped"
  scripts    build, then a short run (--quick) of each scripts/*.fsx that does not start with '_'
  help       this text

Examples
  dotnet fsi build.fsx test -- --filter "DisplayName~harness"
  dotnet fsi build.fsx format build

Variables
  SPN_DATA        folder of data sets; without it, tests that need one are skipped
  SPN_TEST_SEED   seed of the property tests: a number, or "random"
  SPN_OUT         set by 'scripts': the folder that a script writes to"""

/// Ends the run with a message for the reader rather than a stack trace.
exception BuildFailed of string

let fail message = raise (BuildFailed message)

let say format =
    Printf.kprintf
        (fun text ->
            Console.WriteLine text
            Console.Out.Flush())
        format

let start workingFolder (variables: Map<string, string>) program (arguments: string list) redirect =
    let info =
        ProcessStartInfo(program, arguments, WorkingDirectory = workingFolder, RedirectStandardOutput = redirect)

    variables |> Map.iter (fun name value -> info.Environment[name] <- value)

    try
        match Process.Start info with
        | null -> None
        | running -> Some running
    with :? ComponentModel.Win32Exception ->
        None

/// Exit code of a program whose output goes to the console.
let tryRun variables program arguments =
    match start root variables program arguments false with
    | Some running ->
        use running = running
        running.WaitForExit()
        running.ExitCode
    | None -> fail $"{program} is not installed, or not on the path."

let run program arguments =
    let code = tryRun Map.empty program arguments

    if code <> 0 then
        let line = String.concat " " (program :: arguments)
        fail $"'{line}' ended with exit code {code}."

/// Exit code and standard output; None when the program is not installed.
let capture program arguments =
    start root Map.empty program arguments true
    |> Option.map (fun running ->
        use running = running
        let output = running.StandardOutput.ReadToEnd()
        running.WaitForExit()
        running.ExitCode, output)

let output program arguments =
    match capture program arguments with
    | Some(0, text) -> text
    | Some _
    | None -> ""

// ---------------------------------------------------------------------------------------------------------------- guard

/// Hosts of the package registries that this machine is configured with.
let registryHosts () =
    let npm = if OperatingSystem.IsWindows() then "npm.cmd" else "npm"

    [
        output "dotnet" [ "nuget"; "list"; "source"; "--format"; "short" ]
        output npm [ "config"; "get"; "registry"; "--loglevel=error" ]
    ]
    |> List.collect (fun text -> [ for m in Regex.Matches(text, @"https?://[^\s/]+") -> Uri(m.Value).Host ])
    |> List.distinct

/// Paths that exist on one machine only. Split, so that this file does not find itself.
let machinePaths = [ "/ho" + "me/[a-z]"; "/ro" + "ot/"; "/Us" + "ers/"; @"[A-Z]:\\Us" + "ers" ]

let guard () =
    match capture "git" [ "rev-parse"; "--is-inside-work-tree" ] with
    | Some(0, _) ->
        let search options =
            // Untracked files count too: they are the ones about to be committed.
            match capture "git" ([ "grep"; "--untracked"; "-n"; "-I" ] @ options) with
            | Some(0, lines) -> lines.TrimEnd()
            | Some(1, _) -> ""
            | _ -> fail "git grep failed."

        let found = [
            for host in registryHosts () do
                search [ "-F"; "-e"; host ]
            for path in machinePaths do
                search [ "-E"; "-e"; path; "--"; ":!.paket" ]
        ]

        match List.filter ((<>) "") found with
        | [] -> say "No registry host and no machine path in any file."
        | lines ->
            let list = String.concat "\n" lines

            fail
                $"These lines name a package registry or a path of this machine:\n{list}\n\
                  Use eng/paket.sh instead of paket for the lock file, and relative paths elsewhere."
    | _ -> say "Skipped: not a git checkout."

// --------------------------------------------------------------------------------------------------------------- format

let fsharpSources = [ "Spn.Dsl"; "Spn.Tests"; "scripts"; "build.fsx" ]

let fantomas arguments =
    match capture "dotnet" [ "tool"; "restore" ] with
    | Some(0, _) -> run "dotnet" ("fantomas" :: arguments @ fsharpSources)
    | _ -> say "F# is not checked: Fantomas could not be restored (see 'dotnet tool restore')."

let format () =
    run "dotnet" [ "format"; "Spn.slnx"; "--verify-no-changes" ]
    fantomas [ "--check" ]
    say "Layout is as agreed; 'dotnet fsi build.fsx reformat' corrects it when it is not."

let reformat () =
    run "dotnet" [ "format"; "Spn.slnx" ]
    fantomas []

// ------------------------------------------------------------------------------------------------------- build and test

let build () =
    run "dotnet" [
        "build"
        "Spn.slnx"
        "-c"
        "Release"
        "--nologo"
        "-v"
        "quiet"
        "-clp:Summary"
    ]

type Outcome = {
    Name: string
    Result: string
    Reason: string
}

let readResults (folder: string) =
    let named (name: string) (element: XContainer) =
        element.Descendants() |> Seq.filter (fun e -> e.Name.LocalName = name)

    let attribute (name: string) (element: XElement) =
        match element.Attribute(XName.Get name) with
        | null -> ""
        | value -> value.Value

    [
        for file in Directory.GetFiles(folder, "*.trx") do
            for result in XDocument.Load file |> named "UnitTestResult" do
                {
                    Name = attribute "testName" result
                    Result = attribute "outcome" result
                    Reason =
                        match Seq.tryHead (named "Message" result) with
                        | Some message -> message.Value.Trim()
                        | None -> "no reason given"
                }
    ]

let test options =
    build ()
    let results = Path.Combine(root, "TestResults")

    if Directory.Exists results then
        Directory.Delete(results, true)

    Directory.CreateDirectory results |> ignore

    let code =
        [
            "test"
            "Spn.slnx"
            "-c"
            "Release"
            "--no-build"
            "--nologo"
            "--logger"
            "trx"
        ]
        @ [ "--results-directory"; results ]
        @ options
        |> tryRun Map.empty "dotnet"

    let outcomes = readResults results
    // The counters of a TRX file leave skipped tests out, so the single results are counted.
    let passed, others = outcomes |> List.partition (fun o -> o.Result = "Passed")
    let skipped, failed = others |> List.partition (fun o -> o.Result = "NotExecuted")

    if not skipped.IsEmpty then
        say "\nSkipped:"

        for outcome in skipped |> List.sortBy _.Name do
            say "  %s: %s" outcome.Name outcome.Reason

    if not failed.IsEmpty then
        say "\nFailed:"

        for outcome in failed |> List.sortBy _.Name do
            say "  %s" outcome.Name

    // A test host that died has no result of its own, but a reader of the closing line must not see a success.
    let crashed = code <> 0 && failed.IsEmpty

    if crashed then
        say "\nThe test run broke off with exit code %d; it counts as one failure." code

    if passed.IsEmpty then
        say "\nNo test passed, so nothing was shown to work."

    say "\n%d passed, %d failed, %d skipped" passed.Length (failed.Length + (if crashed then 1 else 0)) skipped.Length

    if crashed || not failed.IsEmpty || passed.IsEmpty then
        fail ""

// -------------------------------------------------------------------------------------------------------------- scripts

let scripts () =
    let folder = Path.Combine(root, "scripts")

    let names =
        if Directory.Exists folder then
            Directory.GetFiles(folder, "*.fsx")
            |> Array.map (fun file -> Path.GetFileName file |> string)
            |> Array.filter (fun name -> not (name.StartsWith '_'))
            |> Array.sort
        else
            [||]

    if names.Length > 0 then
        build ()

    let outputs = Directory.CreateTempSubdirectory "spn-scripts-"

    try
        let failed = [
            for name in names do
                say "-- scripts/%s --quick" name
                let clock = Stopwatch.StartNew()

                let target =
                    Path.Combine(outputs.FullName, Path.GetFileNameWithoutExtension name |> string)

                Directory.CreateDirectory target |> ignore

                let code =
                    tryRun (Map.add "SPN_OUT" target Map.empty) "dotnet" [ "fsi"; $"scripts/{name}"; "--quick" ]

                say "-- scripts/%s: exit code %d after %.0f s" name code clock.Elapsed.TotalSeconds

                if code <> 0 then
                    name
        ]

        if not failed.IsEmpty then
            let list = String.concat ", " failed
            fail $"Scripts that failed: {list}."

        say "%d scripts ran." names.Length
    finally
        outputs.Delete true

// ----------------------------------------------------------------------------------------------------------------- main

let everything = [ "guard"; "format"; "build"; "test"; "scripts" ]

let actions options =
    Map [
        "guard", guard
        "format", format
        "reformat", reformat
        "build", build
        "test", (fun () -> test options)
        "scripts", scripts
    ]

let main arguments =
    // fsi drops the "--" that separates the two, and takes a --help without it for its own.
    let isName (argument: string) = not (argument.StartsWith '-')
    let names = arguments |> List.takeWhile isName
    let options = arguments |> List.skipWhile isName

    if names @ options |> List.exists (fun a -> a = "--help" || a = "-h" || a = "help") then
        say "%s" usage
        0
    else
        try
            let known = actions options
            let chosen = if names.IsEmpty then [ "all" ] else names

            match
                chosen
                |> List.tryFind (fun name -> name <> "all" && not (known.ContainsKey name))
            with
            | Some unknown -> fail $"Unknown target '{unknown}'.\n\n{usage}"
            | None -> ()

            for name in
                chosen
                |> List.collect (fun name -> if name = "all" then everything else [ name ]) do
                say "== %s" name
                let clock = Stopwatch.StartNew()
                known[name]()

                // The closing line of the tests stays the last one.
                if name <> "test" then
                    say "== %s: done in %.0f s" name clock.Elapsed.TotalSeconds

            0
        with BuildFailed message ->
            if message <> "" then
                eprintfn "\nbuild.fsx: %s" message

            1

exit (main (fsi.CommandLineArgs |> List.ofArray |> List.skip 1))
