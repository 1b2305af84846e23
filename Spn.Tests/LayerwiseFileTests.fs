/// Files of deep Gaussian mixtures: nothing is lost on the way, and files of circuits are told apart.
module Spn.Tests.LayerwiseFileTests

open System
open System.IO
open System.Threading
open Spn
open Spn.Core
open Spn.Core.Files
open Spn.Core.Layerwise
open Spn.Host
open Spn.Tests.ModelFileTests
open Spn.Tests.LayerwiseNaive

let private bits (values: ReadOnlySpan<float32>) =
    values.ToArray() |> Array.map BitConverter.SingleToInt32Bits

let private content (model: LayerwiseModel) metadata =
    inFile "m.safetensors" [||] (fun path ->
        model.Save(path, readOnlyDict metadata)
        File.ReadAllBytes path)

let private small =
    LayerwiseSpec.For(4, 4).Folding(2, 2).Mixture(4, factors = 1).Folding(2).Mixture(4).Classifier(3, 1, 3)

let private refused content =
    inFile "given.bin" content (fun path ->
        (Expect.raises<ModelFileException> (fun () -> LayerwiseModel.Load path |> ignore) "refused").Reason)

let private info path =
    use output = new StringWriter()
    use error = new StringWriter()

    let code =
        Program.Run([| "info"; path |], output, error, ProgressLine(error, 0), CancellationToken.None)

    code, string output, string error

let tests =
    testList "layerwise files" [
        testCase "description, parameters and scores come back bit by bit" (fun () ->
            inFile "m.safetensors" [||] (fun path ->
                for name, spec in stacks do
                    let model = settled spec 2 3
                    let loaded = model |> Gmm.save path |> fun _ -> Gmm.load path
                    Expect.isTrue (loaded.Spec = spec) $"{name}: description"
                    Expect.equal (bits loaded.Parameters) (bits model.Parameters) $"{name}: parameters"
                    let images = images spec 5 1
                    Expect.equal (loaded.AllScores images) (model.AllScores images) $"{name}: scores"))
        testCase "every setting of every layer is kept" (fun () ->
            for spec in
                [
                    for _, spec in stacks do
                        spec
                    for name in Dcgmm.Names do
                        Dcgmm.Of(name, independent = true)
                    Dcgmm.SvhnB()
                    LayerwiseSpec.For(4, 4).Pooling(2, 2, PoolingRounding.Ceiling, PoolingBackward.Sparse)
                ] do
                Expect.isTrue (SpecKinds.Default.ReadLayerwise(SpecKinds.Default.Write spec) = spec) $"{spec}")
        testCase "the description is readable JSON" (fun () ->
            Expect.equal
                (SpecKinds.Default.Write(
                    LayerwiseSpec.For(4, 4).Folding(2, 2).Mixture(4).Pooling(2, 1).Classifier(3, 1)
                ))
                ("""{"height":4,"width":4,"colours":1,"layers":[{"kind":"folding","kernel":2,"stride":2},"""
                 + """{"kind":"mixture","components":4,"independent":false,"loss":"maxComponent","factors":0},"""
                 + """{"kind":"pooling","kernel":2,"stride":1,"rounding":"floor","backward":"dense"},"""
                 + """{"kind":"classifier","classes":3,"reads":[1]}]}""")
                "fields keep their names")
        testCase "metadata of the caller is kept" (fun () ->
            inFile "m" (content (small.Compile()) [ "data", "digits"; "note", "" ]) (fun path ->
                let pairs = [ for pair in LayerwiseFile.Read(path).Metadata -> pair.Key, pair.Value ]
                Expect.equal (List.sort pairs) [ "data", "digits"; "note", "" ] "pairs"))
        testCase "metadata that is the library's own is refused" (fun () ->
            for key in [ "format"; "spn.note" ] do
                Expect.throwsT<ArgumentException> (fun () -> content (small.Compile()) [ key, "x" ] |> ignore) key)
        testCase "files of circuits and of mixtures are told apart" (fun () ->
            inFile "mixture" (content (small.Compile()) []) (fun mixture ->
                inFile "circuit" smallFile.Value (fun circuit ->
                    Expect.equal (ModelFile.KindOf mixture) ModelKind.Layerwise "a mixture"
                    Expect.equal (ModelFile.KindOf circuit) ModelKind.Circuit "a circuit"

                    let error =
                        Expect.raises<ModelFileException> (fun () -> Circuit.Load mixture |> ignore) "no circuit"

                    Expect.stringContains
                        error.Reason
                        "holds a deep Gaussian mixture; expected a circuit. LayerwiseModel.Load reads it"
                        "what it is, and the way out"

                    let error =
                        Expect.raises<ModelFileException>
                            (fun () -> LayerwiseModel.Load circuit |> ignore)
                            "no mixture"

                    Expect.stringContains
                        error.Reason
                        "holds a circuit; expected a deep Gaussian mixture. Circuit.Load reads it"
                        "what it is, and the way out")))
        testCase "a file without a description holds no model" (fun () ->
            let nothing =
                smallFile.Value
                |> rebuilt (fun _ metadata data ->
                    metadata.Remove "spn.circuit" |> ignore
                    data)

            inFile "none" nothing (fun path ->
                let error =
                    Expect.raises<ModelFileException> (fun () -> ModelFile.KindOf path |> ignore) "nothing"

                Expect.stringContains error.Reason "\"spn.circuit\", \"spn.layerwise\"" "what was expected"))
        testCase "a file cut or changed anywhere is refused" (fun () ->
            let whole = content (small.Compile()) []

            for length in 0..97 .. whole.Length - 1 do
                refused whole[.. length - 1] |> ignore

            let changed = Array.copy whole
            changed[changed.Length - 4] <- changed[changed.Length - 4] ^^^ 1uy
            Expect.stringContains (refused changed) "SHA-256" "the checksum")
        testCase "descriptions and parameters that cannot be are refused with a right checksum" (fun () ->
            let model = small.Compile()

            let described (json: string) =
                content model []
                |> rebuilt (fun _ metadata data ->
                    metadata["spn.layerwise"] <- json
                    data)

            let text = SpecKinds.Default.Write small
            Expect.stringContains (refused (described "{")) "description cannot be read" "no JSON"

            Expect.stringContains
                (refused (described (text.Replace("\"mixture\"", "\"blend\""))))
                "unknown layer kind \"blend\"; expected classifier, folding, mixture, pooling"
                "no kind"

            Expect.stringContains
                (refused (described (text.Replace("\"kernel\":2", "\"kernel\":9"))))
                "makes no model"
                "no stack"

            Expect.stringContains
                (refused (described (text.Replace("\"components\":4", "\"components\":9"))))
                "shape"
                "another stack"

            let tensor =
                model.Tensors |> Seq.find (fun t -> t.Name = "layer1.inverse_deviations")

            let negative =
                content model []
                |> rebuilt (fun _ _ data ->
                    BitConverter.TryWriteBytes(Span(data, 4 * tensor.Offset, 4), -1.0f) |> ignore
                    data)

            Expect.stringContains (refused negative) "inverse deviation and must be above 0; it is -1" "no deviation")
        testCase "spn info shows layers, parameters and metadata" (fun () ->
            inFile "m" (content (small.Compile()) [ "data", "digits" ]) (fun path ->
                let code, said, _ = info path
                Expect.equal code 0 "it succeeds"

                for part in
                    [
                        "Deep Gaussian mixture over images of 4 x 4 x 1"
                        "G(4, 1 factors)"
                        "2 x 2 x 4"
                        "digits"
                    ] do
                    Expect.stringContains said part "the summary"))
    ]
