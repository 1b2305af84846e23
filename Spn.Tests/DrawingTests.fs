/// Drawings of region graphs and circuits.
module Spn.Tests.DrawingTests

open System
open System.Text.RegularExpressions
open System.Xml.Linq
open Spn
open Spn.Core
open Spn.Core.Drawings

let private names (tag: string) (drawing: Drawing) =
    XDocument.Parse(drawing.ToSvg()).Descendants()
    |> Seq.filter (fun e -> e.Name.LocalName = tag)
    |> List.ofSeq

let private attribute (name: string) (element: XElement) =
    match element.Attribute(XName.Get name) with
    | null -> failtest $"no {name}"
    | given -> Double.Parse(given.Value, Globalization.CultureInfo.InvariantCulture)

let private texts drawing =
    names "text" drawing |> List.map _.Value

let private arrows (drawing: Drawing) =
    Regex.Matches(drawing.ToDot(), @"n\d+ -> n\d+").Count

let tests =
    testList "drawings" [
        testCase "a region graph is drawn with every region, partition and arrow" (fun () ->
            for name, structure in Generators.structures do
                let graph = structure.Build()
                let partitions = graph.Regions |> Seq.sumBy _.Partitions.Count
                let drawing = Draw.regions structure
                let root = if graph.Tops.Count > 1 then 1 else 0
                Expect.equal drawing.Nodes (graph.Regions.Count + partitions + root) $"{name}: nodes"
                Expect.equal drawing.Note "" $"{name}: nothing is left out"

                let joins =
                    graph.Regions
                    |> Seq.sumBy (fun r -> r.Partitions |> Seq.sumBy (fun p -> 1 + p.Length))

                Expect.equal (arrows drawing) (joins + root * graph.Tops.Count) $"{name}: arrows"
                Expect.hasLength (names "path" drawing) (arrows drawing) $"{name}: as many lines")

        testCase "boxes lie inside the picture and apart, readers above what they read" (fun () ->
            for name, structure in Generators.structures do
                let drawing = Draw.regions structure
                let svg = XDocument.Parse(drawing.ToSvg()).Root |> nonNull

                let boxes = [
                    for box in names "rect" drawing |> List.tail ->
                        attribute "x" box, attribute "y" box, attribute "width" box, attribute "height" box
                ]

                for x, y, w, h in boxes do
                    Expect.isTrue
                        (x >= 0.0
                         && y >= 0.0
                         && x + w <= attribute "width" svg
                         && y + h <= attribute "height" svg)
                        $"{name}: inside"

                for i, (x, y, w, h) in List.indexed boxes do
                    for x', y', w', h' in List.skip (i + 1) boxes do
                        Expect.isFalse (x < x' + w' && x' < x + w && y < y' + h' && y' < y + h) $"{name}: apart"

                for path in names "path" drawing do
                    let ends =
                        match path.Attribute(XName.Get "d") with
                        | null -> failtest "no path"
                        | d -> [
                            for m in Regex.Matches(d.Value, @"-?[\d.]+") ->
                                Double.Parse(m.Value, Globalization.CultureInfo.InvariantCulture)
                          ]

                    Expect.isLessThan ends[1] (List.last ends) $"{name}: arrows go down")

        testCase "the units of a small circuit are drawn with their weights" (fun () ->
            let spec =
                CircuitSpec.Over(LinearTrees 2).IndicatorInput().HadamardProduct().RootSum()

            use circuit = Circuit.compile (spec.WithWeights(WeightSpec.Fixed [ 0.25; 0.75 ]))
            let drawing = Draw.units circuit
            Expect.equal drawing.Nodes 7 "four inputs, two products, the root"

            Expect.equal
                (List.sort (texts drawing))
                (List.sort [
                    drawing.Title
                    "0.25"
                    "0.75"
                    "x0: 0"
                    "x0: 1"
                    "x1: 0"
                    "x1: 1"
                    "\u00d7"
                    "\u00d7"
                    "+"
                ])
                "texts")

        testCase
            "a circuit's regions are drawn with channels and variables, by their names where there are any"
            (fun () ->
                let spec = EinsumNetwork.Over(LinearTrees 2, CategoricalInput(3, 2), 4)
                let drawn = texts (Draw.circuit spec)

                for part in [ "Categorical, 3"; "\u00d7 9"; "+ 1"; "x0"; "x1" ] do
                    Expect.contains drawn part "a label"

                let schema =
                    Schema(
                        [
                            DiscreteColumn("rain", [ "no"; "yes" ]) :> Column
                            DiscreteColumn("<wet>", [ "no"; "yes" ])
                        ]
                    )

                Expect.contains (texts (Drawing.OfCircuit(spec, schema))) "<wet>" "escaped and read back")

        testCase "too many nodes are drawn in groups, and the drawing says so" (fun () ->
            let structure = RatRegions(784, 6, 20)
            let drawing = Draw.regions structure
            Expect.isLessThan drawing.Nodes 30 "groups"
            Expect.stringContains drawing.Note "3,801 nodes" "20 x (127 regions + 63 partitions) and the root"
            Expect.contains (texts drawing) drawing.Note "in the picture"
            Expect.contains (texts drawing) "960 of" "leaves of 12 variables, of 1,280"
            Expect.isLessThan (Draw.circuit (DgcSpn.Generative(28, 28))).Nodes 300 "a stack whose cells all differ"
            use circuit = Circuit.compile (HyperSpn.Released 16)
            Expect.stringContains (Draw.units circuit).Title "too many to draw each" "units")
    ]
