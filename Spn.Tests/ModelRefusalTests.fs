/// What is not loaded: files of other programs, and files that say what cannot be, each with its reason.
module Spn.Tests.ModelRefusalTests

open System
open System.IO
open System.IO.Compression
open System.Text.Json
open System.Text.Json.Nodes
open Spn.Core
open Spn.Core.Files
open Spn.Tests.ModelFileTests

/// A structure that no file knows.
type PrivateTrees(variables: int) =
    inherit StructureSpec()
    member _.Variables = variables
    override _.Name = "private trees"
    override _.VariableCount = variables
    override _.Build() = BinaryTrees(variables, 1).Build()
    override _.``<Clone>$``() = PrivateTrees variables

let private changedMetadata key value =
    smallFile.Value
    |> rebuilt (fun _ metadata data ->
        metadata[key] <- value
        data)

let private changedTensor (change: JsonNode -> unit) =
    smallFile.Value
    |> rebuilt (fun header _ data ->
        change (field "inputs" header)
        data)

let private lies =
    testList "wrong with a right checksum" [
        for name, content, reason in
            [
                "a newer version", (fun () -> changedMetadata "spn.version" "2"), "newer version"
                "no version", (fun () -> changedMetadata "spn.version" "one"), "\"one\"; expected 1"
                "another program", (fun () -> changedMetadata "format" "pt"), "\"pt\"; expected \"spn\""
                "no description", (fun () -> changedMetadata "spn.circuit" "{"), "description cannot be read"
                "a description of null", (fun () -> changedMetadata "spn.circuit" "null"), "description cannot be read"
                "another description",
                (fun () ->
                    changedMetadata "spn.circuit" (SpecKinds.Default.Write(small.WithWeights(WeightSpec.Uniform())))),
                "unknown tensor"
                "a description that does not compile",
                (fun () -> changedMetadata "spn.circuit" (SpecKinds.Default.Write(CircuitSpec.Over(BinaryTrees(0, 1))))),
                "makes no circuit"
                "half precision", (fun () -> changedTensor (fun t -> t["dtype"] <- "F16")), "dtype F16; expected F32"
                "another shape",
                (fun () -> changedTensor (fun t -> t["shape"] <- JsonArray(3, 2))),
                "shape [3, 2]; expected [6]"
                "a gap",
                (fun () -> changedTensor (fun t -> t["data_offsets"] <- JsonArray(4, 28))),
                "data_offsets [4, 28]; expected [0, 24]"
                "a shape of words", (fun () -> changedTensor (fun t -> t["shape"] <- "six")), "cannot be read"
                "a tensor more",
                (fun () ->
                    smallFile.Value
                    |> rebuilt (fun header _ data ->
                        header["extra"] <- (field "inputs" header).DeepClone()
                        data)),
                "unknown tensor \"extra\""
                "a tensor less",
                (fun () ->
                    smallFile.Value
                    |> rebuilt (fun header _ data ->
                        header.Remove "inputs" |> ignore
                        data)),
                "tensor \"inputs\" is missing"
                "no metadata",
                (fun () ->
                    smallFile.Value
                    |> rebuilt (fun header _ data ->
                        header.Remove "__metadata__" |> ignore
                        data)),
                "another program"
                "a value that is not finite",
                (fun () ->
                    smallFile.Value
                    |> rebuilt (fun _ _ data -> Array.append (BitConverter.GetBytes nanf) data[4..])),
                "entry 0 of tensor \"inputs\" is NaN"
            ] do
            testCase name (fun () -> Expect.stringContains (refusal (content ())) reason "reason")
    ]

let private descriptions =
    let fails (json: string) part =
        let error =
            Expect.raises<JsonException> (fun () -> SpecKinds.Default.Read json |> ignore) json

        Expect.stringContains error.Message part json

    let valid = SpecKinds.Default.Write small

    testList "descriptions" [
        for name, was, now, part in
            [
                "an unknown layer kind",
                "hadamardProduct",
                "outerProduct",
                "unknown layer kind \"outerProduct\"; expected"
                "an unknown structure kind", "binaryTrees", "trees", "unknown structure kind \"trees\""
                "an unknown weights kind",
                "\"free\"",
                "\"dear\"",
                "unknown weights kind \"dear\"; expected accumulators, factored, fixed, free"
                "no kind", "\"kind\":\"sum\",", "", "names no kind"
                "an unknown field", "\"shared\"", "\"shard\"", "layer \"sum\""
                "a missing field", "\"variables\":3,", "", "variables"
                "a field twice", "\"seed\":7", "\"seed\":7,\"seed\":8", "seed"
                "a text for a number", "\"channels\":2", "\"channels\":\"2\"", "channels"
                "a null layer", "{\"kind\":\"hadamardProduct\"}", "null", "null"
            ] do
            testCase name (fun () -> fails (valid.Replace(was, now)) part)
        testCase "a number beyond double" (fun () ->
            let spec = small.WithWeights(WeightSpec.Fixed [ 0.125 ])
            fails ((SpecKinds.Default.Write spec).Replace("0.125", "1e999")) "infinity")
        testCase "regions without a field" (fun () ->
            let spec = CircuitSpec.Over(Generators.diamond)
            fails ((SpecKinds.Default.Write spec).Replace("\"variables\":4,", "")) "variables")
        testCase "a kind that no file knows is refused on saving" (fun () ->
            inFile "m.safetensors" smallFile.Value (fun path ->
                use circuit =
                    Circuit.Compile(CircuitSpec(PrivateTrees 3, small.Layers, small.Weights))

                let error =
                    Expect.raises<ModelFileException> (fun () -> circuit.Save path) "unknown"

                Expect.stringContains
                    error.Reason
                    "PrivateTrees is no known structure kind; add it to SpecKinds"
                    "advice"

                Expect.equal (File.ReadAllBytes path) smallFile.Value "the old file"))
        testCase "a kind joins by one entry" (fun () ->
            let kinds = SpecKinds.BuiltIn()
            kinds.AddStructure<PrivateTrees> "private"
            let json = kinds.Write(CircuitSpec.Over(PrivateTrees 7))
            Expect.stringStarts json """{"structure":{"kind":"private","variables":7},""" "its settings"
            Expect.equal (kinds.Read json).Structure.VariableCount 7 "round trip"
            Expect.throwsT<ArgumentException> (fun () -> kinds.AddStructure<BinaryTrees> "private") "the name is taken"
            Expect.throwsT<ArgumentException> (fun () -> kinds.AddStructure<PrivateTrees> "own") "the type has a name")
    ]

let private gzip (content: byte[]) =
    use packed = new MemoryStream()

    (use pack = new GZipStream(packed, CompressionLevel.Fastest)
     pack.Write content)

    packed.ToArray()

let private afterItsLength (header: byte[]) =
    Array.append (BitConverter.GetBytes(header.LongLength)) header

let private foreignFiles =
    let noise = Array.zeroCreate 600_000
    Random(1).NextBytes noise

    testList "foreign files" [
        for name, content, part in
            [
                "an empty file", [||], "empty"
                "three bytes", [| 1uy; 2uy; 3uy |], "only 3 bytes"
                "a PNG image", Array.append [| 137uy; 80uy; 78uy; 71uy; 13uy; 10uy; 26uy; 10uy |] noise, "a PNG image"
                "a short gzip", gzip noise[..99], "gzip data"
                "a long gzip", gzip noise, "gzip data"
                "text", "0,1,0,1,1\n1,0,0,1,0\n"B, "text, starting with \"0,1,0,1,\""
                "noise", noise, "another kind of file"
                "zeros", Array.zeroCreate 100, "expected a safetensors header"
                "a broken header", afterItsLength "{\"a\""B, "the header cannot be read"
                "a header that is no UTF-8",
                afterItsLength (Array.concat [ "{\""B; [| 255uy |]; "\":{}}"B ]),
                "the header cannot be read"
                "safetensors without metadata", afterItsLength "{}"B, "another program"
                "half a character",
                afterItsLength """{"__metadata__":{"format":"spn","x":"\ud800"}}"""B,
                "cannot be read"
                "a key twice", afterItsLength """{"__metadata__":{"format":"spn","format":"spn"}}"""B, "cannot be read"
                "metadata of null",
                afterItsLength """{"__metadata__":{"format":"spn","x":null}}"""B,
                "null; expected a text"
                "no version", afterItsLength """{"__metadata__":{"format":"spn"}}"""B, "lack \"spn.version\""
            ] do
            testCase name (fun () ->
                inFile "given.bin" content (fun path ->
                    let error =
                        Expect.raises<ModelFileException> (fun () -> Circuit.Load path |> ignore) name

                    Expect.stringStarts error.Message "given.bin: " "names the file"
                    Expect.equal error.File path "path"
                    Expect.stringContains error.Reason part "reason"))
        testCase "no file" (fun () ->
            let path = Path.Combine(Path.GetTempPath(), "spn-there-is-no-such-file")
            Expect.throwsT<ModelFileException> (fun () -> Circuit.Load path |> ignore) "missing")
    ]

let tests = testList "model files refused" [ lies; descriptions; foreignFiles ]
