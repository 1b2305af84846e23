/// Model files: nothing is lost on the way, and nothing but a whole, unchanged model file is loaded.
module Spn.Tests.ModelFileTests

open System
open System.Collections.Generic
open System.IO
open System.Security.Cryptography
open System.Text
open System.Text.Json
open System.Text.Json.Nodes
open Spn.Core
open Spn.Core.Files
open Spn.Core.Plans

let private withFolder action =
    let folder = Directory.CreateTempSubdirectory("spn-model-").FullName

    try
        action folder
    finally
        Directory.Delete(folder, true)

let inFile name (content: byte[]) action =
    withFolder (fun folder ->
        let path = Path.Combine(folder, name)
        File.WriteAllBytes(path, content)
        action path)

let private saved metadata (circuit: Circuit) =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "saved.safetensors")
        circuit.Save(path, metadata)
        File.ReadAllBytes path)

let private noMetadata = readOnlyDict<string, string> []

let private read (content: byte[]) =
    ModelFileReader("x.safetensors", new MemoryStream(content)).Read()

let refusal content =
    (Expect.raises<ModelFileException> (fun () -> read content |> ignore) "the file is refused").Reason

let private bits (values: ReadOnlySpan<float32>) =
    values.ToArray() |> Array.map BitConverter.SingleToInt32Bits

/// Every kind that a description can hold, most of which the random circuits have as well.
let private everyKind: CircuitSpec list = [
    for seed in 1..60 do
        snd (Generators.spec seed)
    for _, weights in Generators.weights do
        let layers =
            CircuitSpec.Over(BinaryTrees(3, 2, Orders = ValueList [ ValueList [ 2; 0; 1 ]; ValueList [ 0; 1; 2 ] ]))

        layers.NormalInput(2, [ 0.1; -1e-300 ], [ 1.0 / 3.0; 1e17 ]).SumPerRegion(2, weights).HadamardProduct()
        |> _.With(RootSpec(2, true, Weights = WeightSpec.Free(), MixtureWeights = WeightSpec.Uniform()))
    CircuitSpec
        .Over(Generators.diamond)
        .IndicatorInput()
        .ChannelTableProduct([| 0; 1 |], [| 1; 1 |])
        .SumShared(2)
        .RootSum()
    HyperSpn.Released(5, replicas = 2, seed = Int64.MinValue)
    HyperSpn.Baseline(5, replicas = 2)
    EngineTests.zeroWeights
    CircuitSpec.Over(Generators.diamond).IndicatorInput().HadamardProduct().SumPerRegion(2).RootSum()
    |> _.WithWeights(WeightSpec.Uniform())
]

let small =
    CircuitSpec.Over(BinaryTrees(3, 1, 7L)).BernoulliInput(2).HadamardProduct().SumPerRegion(2).RootSum()

let smallFile =
    lazy
        (use circuit = Circuit.Compile(small, seed = 5L)
         saved (readOnlyDict [ "data", "täglich \"x\""; "note", "" ]) circuit)

let field (name: string) (node: JsonNode) =
    match node[name] with
    | null -> failtest $"{name} is missing"
    | found -> found

let private elements<'a> node = [
    for element in (node: JsonNode).AsArray() |> Seq.choose Option.ofObj -> element.GetValue<'a>()
]

/// A reader that knows safetensors and nothing of this library: header, its metadata, the bytes after it.
let private parse (content: byte[]) =
    let length = int (BitConverter.ToUInt64 content)

    let header =
        JsonSerializer.Deserialize<JsonObject>(ReadOnlySpan(content, 8, length))
        |> nonNull

    let metadata =
        header
        |> field "__metadata__"
        |> _.Deserialize<Dictionary<string, string>>()
        |> nonNull

    header, metadata, content[8 + length ..]

/// The file with another header and other tensors; the checksum is right again.
let rebuilt change (content: byte[]) =
    let header, metadata, data = parse content
    let data: byte[] = change header metadata data
    use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256

    for key in metadata.Keys |> Seq.sortWith (fun a b -> String.CompareOrdinal(a, b)) do
        if key <> "spn.sha256" then
            hash.AppendData(Encoding.UTF8.GetBytes(key + "\000" + metadata[key] + "\000"))

    hash.AppendData data
    metadata["spn.sha256"] <- Convert.ToHexStringLower(hash.GetHashAndReset())

    if header.ContainsKey "__metadata__" then
        header["__metadata__"] <- JsonSerializer.SerializeToNode metadata

    let text = Encoding.UTF8.GetBytes(header.ToJsonString())
    Array.concat [ BitConverter.GetBytes(int64 text.Length); text; data ]

let private roundTrips =
    testList "round trip" [
        testCase "description, parameters and log-likelihoods come back bit by bit" (fun () ->
            withFolder (fun folder ->
                let path = Path.Combine(folder, "m.safetensors")

                everyKind
                |> List.iteri (fun seed spec ->
                    use circuit = Circuit.Compile(spec, seed = int64 seed)
                    circuit.Save path
                    use loaded = Circuit.Load path
                    Expect.isTrue (loaded.Spec = spec) $"description, {spec}"
                    Expect.equal (bits loaded.Parameters) (bits circuit.Parameters) $"parameters, {spec}"
                    let evidence = Generators.evidence circuit.Plan 20 0.2 seed
                    Expect.sequenceEqual (loaded.LogLikelihood evidence) (circuit.LogLikelihood evidence) $"{spec}")))
        testCase "metadata of the caller is kept" (fun () ->
            let file = read smallFile.Value
            let pairs = [ for pair in file.Metadata -> pair.Key, pair.Value ]
            Expect.equal (List.sort pairs) [ "data", "täglich \"x\""; "note", "" ] "pairs")
        testCase "the engine of the caller runs the model" (fun () ->
            inFile "m" smallFile.Value (fun path ->
                let engine = Engines.Reference.ReferenceEngine()
                use loaded = Circuit.Load(path, engine)
                Expect.isTrue (obj.ReferenceEquals(loaded.Engine, engine)) "engine"))
        testCase "normal inputs are read by their former name too, and written by the present one" (fun () ->
            let spec =
                CircuitSpec.Over(BinaryTrees(3, 1, 7L)).NormalInput(2, [ 0.1; 2.0 ]).HadamardProduct().RootSum()

            let text = SpecKinds.Default.Write spec
            let former = text.Replace("\"normalInput\"", "\"gaussianInput\"")
            Expect.notEqual former text "the present name is written"
            Expect.isTrue (SpecKinds.Default.Read former = spec) "the former name is read")
        testCase "the description is readable JSON" (fun () ->
            Expect.equal
                (SpecKinds.Default.Write small)
                ("""{"structure":{"kind":"binaryTrees","variables":3,"replicas":1,"seed":7},"""
                 + """"layers":[{"kind":"bernoulliInput","components":2},{"kind":"hadamardProduct"},"""
                 + """{"kind":"sum","channels":2,"shared":false},{"kind":"root","classes":1,"mixture":false}],"""
                 + """"weights":{"kind":"free","deadEntries":false}}""")
                "fields of version 1 keep their names")
    ]

let private layout =
    testList "layout" [
        testCase "a header by the rules of safetensors" (fun () ->
            use circuit = Circuit.Compile(small, seed = 5L)
            let content = saved noMetadata circuit
            let header, metadata, data = parse content
            Expect.equal (BitConverter.ToInt64 content % 8L) 0L "the tensors are aligned"
            Expect.equal metadata["format"] "spn" "format"
            Expect.equal metadata["spn.version"] "1" "version"
            let names = [ for pair in header -> pair.Key ]
            Expect.equal names ("__metadata__" :: [ for tensor in circuit.Plan.Tensors -> tensor.Name ]) "order"
            let mutable at = 0

            for tensor in circuit.Plan.Tensors do
                let entry = header |> field tensor.Name
                Expect.equal ((field "dtype" entry).GetValue<string>()) "F32" "dtype"
                Expect.equal (elements<int>(field "shape" entry)) (List.ofSeq tensor.Shape) "shape"
                let size = 4 * tensor.Count
                Expect.equal (elements<int>(field "data_offsets" entry)) [ at; at + size ] "no gaps"

                let values =
                    Array.init (size / 4) (fun i -> BitConverter.ToSingle(data, at + 4 * i))

                Expect.equal values (circuit.Parameters.Slice(tensor.Offset, tensor.Count).ToArray()) "values"
                at <- at + size

            Expect.equal data.Length at "nothing after the tensors")
        testCase "a rebuilt file with the documented checksum loads" (fun () ->
            let file = read (rebuilt (fun _ _ data -> data) smallFile.Value)
            Expect.isTrue (file.Spec = small) "description")
    ]

let private damage =
    testList "damage" [
        testCase "a file cut anywhere is refused" (fun () ->
            let content = smallFile.Value

            for length in 0 .. content.Length - 1 do
                refusal content[.. length - 1] |> ignore

            Expect.stringContains (refusal content[.. content.Length - 2]) "was cut" "says so")
        testCase "a byte more is refused" (fun () ->
            Expect.stringContains (refusal (Array.append smallFile.Value [| 0uy |])) "expected" "size")
        testCase "any bit flipped is found, or changes nothing" (fun () ->
            let content, original = Array.copy smallFile.Value, read smallFile.Value
            let mutable harmless = 0

            for i in 0 .. content.Length - 1 do
                for bit in 0..7 do
                    content[i] <- content[i] ^^^ (1uy <<< bit)

                    try
                        let file = read content
                        harmless <- harmless + 1
                        Expect.isTrue (file.Spec = original.Spec) $"byte {i}: description"
                        Expect.equal (bits file.Parameters) (bits original.Parameters) $"byte {i}: parameters"
                        Expect.sequenceEqual file.Metadata original.Metadata $"byte {i}: metadata"
                    with :? ModelFileException ->
                        ()

                    content[i] <- content[i] ^^^ (1uy <<< bit)

            Expect.isLessThan harmless 10 "nearly every bit matters")
        testCase "other values are found by the checksum" (fun () ->
            let content = Array.copy smallFile.Value
            content[content.Length - 4] <- content[content.Length - 4] ^^^ 1uy
            Expect.stringContains (refusal content) "SHA-256" "reason")
    ]

let private replacing =
    testList "replacing" [
        testCase "saving replaces the old file and leaves no other" (fun () ->
            inFile "m.safetensors" [| 1uy |] (fun path ->
                use circuit = Circuit.Compile small
                circuit.Save path
                Circuit.Load(path).Dispose()
                Expect.equal (Directory.GetFileSystemEntries(path + "/..")).Length 1 "one file"))
        testCase "a write that fails half way leaves the old file and no other" (fun () ->
            inFile "m.safetensors" smallFile.Value (fun path ->
                let half (stream: Stream) =
                    stream.Write smallFile.Value[..20]
                    raise (IOException "the disk is full")

                Expect.throwsT<IOException> (fun () -> AtomicFile.Write(path, half)) "fails"
                Expect.equal (File.ReadAllBytes path) smallFile.Value "the old file"
                Expect.equal (Directory.GetFileSystemEntries(path + "/..")).Length 1 "one file"))
        testCase "a target that cannot be replaced stays" (fun () ->
            inFile "old" [| 1uy |] (fun path ->
                let folder = string (Path.GetDirectoryName path)
                let inner = Directory.CreateDirectory(Path.Combine(folder, "inner")).FullName
                use circuit = Circuit.Compile small
                Expect.throwsT<ModelFileException> (fun () -> circuit.Save inner) "a folder"

                Expect.throwsT<ModelFileException>
                    (fun () -> circuit.Save(Path.Combine(folder, "none", "m")))
                    "no folder"

                Expect.throwsT<ModelFileException>
                    (fun () -> circuit.Save(Path.Combine(path, "m")))
                    "a file as folder"

                Expect.equal (Array.sort (Directory.GetFileSystemEntries folder)) [| inner; path |] "nothing else"))
        testCase "metadata that cannot be kept is refused before anything is written" (fun () ->
            inFile "m.safetensors" smallFile.Value (fun path ->
                use circuit = Circuit.Compile small

                for key, value in [ "format", "x"; "spn.note", "x"; "note", String(char 0xD800, 1) ] do
                    Expect.throwsT<ArgumentException> (fun () -> circuit.Save(path, readOnlyDict [ key, value ])) key

                Expect.equal (File.ReadAllBytes path) smallFile.Value "the old file"))
    ]

let tests = testList "model files" [ roundTrips; layout; damage; replacing ]
