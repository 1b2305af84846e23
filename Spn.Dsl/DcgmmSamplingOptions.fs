namespace Spn

open System
open Argu
open Spn.Core.Data

/// <summary>Options of <c>scripts/dcgmm-sampling.fsx</c> beside those of all these experiments.</summary>
[<RequireQualifiedAccess>]
type SamplingArguments =
    /// <summary>What is made.</summary>
    | Tasks of names: string
    /// <summary>How narrow draws are.</summary>
    | Top of counts: string
    /// <summary>How much noise there is.</summary>
    | Divisors of numbers: string
    /// <summary>Samples of a class.</summary>
    | Samples of count: int
    /// <summary>Lower layers with parameters for each cell.</summary>
    | Independent
    /// <summary>Where judges are kept.</summary>
    | Judges of folder: string
    /// <summary>Passes over the images of a judge.</summary>
    | Judge_Epochs of count: int

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Tasks _ ->
                "pictures (one model of all classes, a sample of every component), quality (one model a class, whose samples a convolutional network judges) (default: both)"
            | Top _ -> "S, the largest entries of a signal that take part in a draw, such as 2 or 2,3 (default: 2)"
            | Divisors _ -> "what noise is divided by, such as 10 or 5,20 (default: 10)"
            | Samples _ -> "samples of each class that are judged (default: 1000)"
            | Independent ->
                "parameters of their own for every cell of the lower mixture layers (default: shared, as the paper counts parameters)"
            | Judges _ ->
                "folder of the judges' files; one that is not there is trained (default: the folder of results)"
            | Judge_Epochs _ -> "passes over the images of a judge that is trained (default: 15)"

/// <summary>What is made of a model's samples.</summary>
[<RequireQualifiedAccess>]
type SamplingTask =
    /// <summary>Pictures of one model of all classes.</summary>
    | Pictures
    /// <summary>One model a class, whose samples are judged.</summary>
    | Quality

    /// <summary>As options call it.</summary>
    member task.Name =
        match task with
        | Pictures -> "pictures"
        | Quality -> "quality"

/// <summary>What the experiment on samples is to do.</summary>
type SamplingOptions = {
    /// <summary>What is made, in order.</summary>
    Tasks: SamplingTask list
    /// <summary>How it is drawn, in order.</summary>
    Draws: DcgmmDraw list
    /// <summary>Samples of each class that are judged.</summary>
    Samples: int
    /// <summary>Whether the lower mixture layers have parameters for each cell.</summary>
    Independent: bool
    /// <summary>Where judges are kept.</summary>
    Judges: string
    /// <summary>Passes over the images of a judge that is trained.</summary>
    JudgeEpochs: int
    /// <summary>The rest.</summary>
    Run: DcgmmOptions
}

/// <summary>From the command line to the experiment on samples, and back.</summary>
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module SamplingOptions =

    /// <summary>How the experiment is started.</summary>
    [<Literal>]
    let Program = "dotnet fsi scripts/dcgmm-sampling.fsx"

    /// <summary>The instances of the paper's experiment.</summary>
    let instances = [ "A"; "B"; "E"; "F" ]

    let private tasks = [
        for task in [ SamplingTask.Pictures; SamplingTask.Quality ] -> task.Name, task
    ]

    /// <summary>Reads options and looks whether all data are there.</summary>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A name or number is wrong.</exception>
    /// <exception cref="T:System.IO.IOException">Data are missing.</exception>
    let parse (arguments: string[]) : SamplingOptions =
        let run, own =
            DcgmmOptions.parseWith<SamplingArguments>
                Program
                (List.ofSeq Spn.Core.Layerwise.Dcgmm.Names)
                instances
                arguments

        let tops =
            own.GetResult(SamplingArguments.Top, "2")
            |> DcgmmDraws.numbers "--top" 0.0
            |> List.map (fun top ->
                if top > 1e6 || top <> floor top then
                    invalidArg
                        "top"
                        $"{DcgmmDraws.words [ top ]} is no number of entries; --top takes whole numbers up to a million."

                int top)

        let divisors =
            own.GetResult(SamplingArguments.Divisors, "10")
            |> DcgmmDraws.numbers "--divisors" 0.001

        {
            Tasks =
                own.GetResult(SamplingArguments.Tasks, "pictures,quality")
                |> Script.choices "tasks" tasks
            Draws = [
                for top in tops do
                    for divisor in divisors -> { Top = top; Divisor = divisor }
            ]
            Samples = own.GetResult(SamplingArguments.Samples, 1000) |> Script.atLeastOne "--samples"
            Independent = own.Contains SamplingArguments.Independent
            Judges = own.GetResult(SamplingArguments.Judges, run.Common.Out)
            JudgeEpochs =
                own.GetResult(SamplingArguments.Judge_Epochs, 15)
                |> Script.atLeastOne "--judge-epochs"
            Run = run
        }

    /// <summary>The command line that makes the same results on any machine.</summary>
    let command (options: SamplingOptions) : string =
        DcgmmOptions.command
            Program
            [
                "--tasks " + String.Join(",", [ for task in options.Tasks -> task.Name ])
                "--top " + DcgmmDraws.words [ for draw in options.Draws -> float draw.Top ]
                "--divisors " + DcgmmDraws.words [ for draw in options.Draws -> draw.Divisor ]
                $"--samples {options.Samples}"
                if options.Independent then
                    "--independent"
                if options.JudgeEpochs <> 15 then
                    $"--judge-epochs {options.JudgeEpochs}"
            ]
            options.Run
