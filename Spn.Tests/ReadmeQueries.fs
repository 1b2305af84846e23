/// The F# questions of README.md, word for word from the first "open" on.
module Spn.Tests.ReadmeQueries

open Spn
open Spn.Core
open Spn.Core.Inference
open Spn.Core.Training

type Day = {
    Temperature: float option
    Sky: string option
    Umbrella: string option
}

let schema =
    Schema [
        RealColumn("Temperature", location = 16.0, scale = 7.0) :> Column
        DiscreteColumn("Sky", [ "sun"; "clouds"; "rain" ])
        DiscreteColumn("Umbrella", [ "no"; "yes" ])
    ]

let day temperature sky umbrella = {
    Temperature = temperature
    Sky = Some sky
    Umbrella = umbrella
}

let days = [
    day (Some 27.0) "sun" (Some "no")
    day (Some 24.0) "sun" (Some "no")
    day (Some 21.0) "sun" None // None is hidden: not known, and no obstacle
    day (Some 19.0) "clouds" (Some "no")
    day (Some 17.0) "clouds" (Some "no")
    day (Some 16.0) "clouds" (Some "yes")
    day None "clouds" (Some "no")
    day (Some 12.0) "rain" (Some "yes")
    day (Some 10.0) "rain" (Some "yes")
    day (Some 8.0) "rain" (Some "no")
]

let ask () =
    let samples = Evidence.ofRecords schema days

    use circuit =
        Regions.RandomBinaryTrees(3, replicas = 2)
        |> Circuit.overRegions [
            Input.ForSchema(components = 2, schema = schema)
            Sum.PerRegion 3
            Product.Hadamard
            Sum.Root()
        ]
        |> Circuit.compile
        |> Circuit.initialise samples

    circuit
    |> Train.gradient samples (samples |> Evidence.rows []) (GradientOptions(Steps = 100))
    |> ignore

    let umbrella, cool =
        Evidence.given schema "Umbrella = yes", Evidence.given schema "Temperature <= 15, Sky in {clouds, rain}"

    printfn "p(umbrella)        %.2f" (exp (circuit |> Query.logLikelihood umbrella).[0])
    printfn "p(umbrella | cool) %.2f" (exp (circuit |> Query.conditional umbrella cool).[0])

    let cloudy = Evidence.ofRecords schema [ day None "clouds" None ]
    let posterior = circuit |> Query.posterior cloudy

    printfn
        "under clouds       %.1f degrees, give or take %.1f"
        (posterior.Mean(0, 0))
        (sqrt (posterior.Variance(0, 0)))

    let likeliest = circuit |> Query.mpe cloudy
    let word = schema.Text(2, likeliest.Completed.Row(0)[2])

    printfn "likeliest          %s umbrella; %O" word likeliest.Exactness

    let draws = circuit |> Query.sampleGivenWith 1L 1000 cloudy
    let filled = circuit |> Query.complete Completion.Mean samples

    let degrees, word =
        schema.Text(0, filled.Row(6)[0]), schema.Text(2, filled.Row(2)[2])

    printfn "%d draws, and the gaps filled: %s degrees, %s umbrella" draws.Count degrees word

    for query in circuit |> Query.support do
        if query.Level <> QueryLevel.Exact then
            printfn "not exact: %s" query.Query
