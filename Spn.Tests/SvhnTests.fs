/// MAT files and the street view house numbers.
module Spn.Tests.SvhnTests

open System
open System.IO
open System.IO.Compression
open System.Text
open Spn.Core
open Spn.Core.Data

/// Bytes of an element: tag, data, padding; data of at most four bytes stand in the tag.
let private element little (kind: int) (data: byte[]) =
    let bytes (value: int) =
        let own = BitConverter.GetBytes value
        if little then own else Array.rev own

    if data.Length <= 4 then
        Array.concat [
            bytes (kind ||| (data.Length <<< 16))
            data
            Array.zeroCreate (4 - data.Length)
        ]
    else
        Array.concat [
            bytes kind
            bytes data.Length
            data
            Array.zeroCreate ((8 - data.Length % 8) % 8)
        ]

let private matrix little (name: string) (shape: int list) (dataKind: int) (data: byte[]) =
    let number (value: int) =
        let own = BitConverter.GetBytes value
        if little then own else Array.rev own

    Array.concat [
        element little 6 (Array.append (number 9) (number 0))
        element little 5 (shape |> List.map number |> Array.concat)
        element little 1 (Encoding.ASCII.GetBytes name)
        element little dataKind data
    ]
    |> fun body -> Array.concat [ number 14; number body.Length; body ]

let private compressed little (content: byte[]) =
    use to' = new MemoryStream()

    using (new ZLibStream(to', CompressionLevel.Fastest, true)) (fun zip -> zip.Write(content, 0, content.Length))
    let packed = to'.ToArray()

    let number (value: int) =
        if little then
            BitConverter.GetBytes value
        else
            Array.rev (BitConverter.GetBytes value)

    Array.concat [ number 15; number packed.Length; packed ]

let private file little version (parts: byte[] list) =
    let text = Array.create 124 (byte ' ')

    Array.concat [
        text
        (if little then
             [| 0uy; version; byte 'I'; byte 'M' |]
         else
             [| version; 0uy; byte 'M'; byte 'I' |])
        Array.concat parts
    ]

let private read (content: byte[]) name =
    use stream = new MemoryStream(content)
    MatFile.Read(stream, "test.mat", name)

let private refusal work =
    try
        work () |> ignore
        failtest "nothing was refused"
    with :? DataFormatException as e ->
        e

/// Pixel value of an image, told by its place.
let private pixel image row column colour =
    byte ((image * 50 + row * 7 + column * 3 + colour * 90) % 256)

let private images little count =
    let data = [|
        for image in 0 .. count - 1 do
            for colour in 0..2 do
                for column in 0..31 do
                    for row in 0..31 -> pixel image row column colour
    |]

    matrix little "X" [ 32; 32; 3; count ] 2 data

let private labels little (values: byte list) =
    matrix little "y" [ values.Length; 1 ] 2 (Array.ofList values)

let private withFolder work =
    let folder = Directory.CreateTempSubdirectory "spn-test-"

    try
        work folder.FullName
    finally
        folder.Delete true

let tests =
    testList "SVHN" [
        testCase "arrays are read from plain and compressed files of either byte order" (fun () ->
            let values = [ 1.5; -2.0; 3.25; 1e6; 0.0; 7.0 ]

            for little in [ true; false ] do
                for pack in [ id; compressed little ] do
                    let doubles =
                        values
                        |> List.map (fun v ->
                            if little then
                                BitConverter.GetBytes v
                            else
                                Array.rev (BitConverter.GetBytes v))
                        |> Array.concat

                    let content =
                        file little 1uy [
                            pack (matrix little "other" [ 1; 3 ] 2 [| 1uy; 2uy; 3uy |])
                            pack (matrix little "x" [ 2; 3 ] 9 doubles)
                            pack (matrix little "last" [ 1; 2 ] 1 [| 255uy; 2uy |])
                        ]

                    let x = read content "x"
                    Expect.equal (List.ofSeq x.Shape) [ 2; 3 ] "shape"
                    Expect.equal (List.ofArray x.Values) (values |> List.map float32) "numbers"
                    Expect.equal (read content "last").Values [| -1f; 2f |] "signed bytes"
                    let e = refusal (fun () -> read content "z")
                    Expect.equal (e.Expected, e.Found) ("an array named z", "other, x, last") "the names there are"
                    let cut = content[.. content.Length - 9]
                    Expect.stringContains (refusal (fun () -> read cut "z")).Found "cut short" "a file that ends early")
        testCase "files of version 7.3 and other files are refused with the way out" (fun () ->
            Expect.stringContains (refusal (fun () -> read (file true 2uy []) "X")).Message "-v7" "save it otherwise"

            Expect.stringContains
                (refusal (fun () -> read (Array.zeroCreate 200) "X")).Found
                "another kind"
                "no MAT file"

            Expect.stringContains (refusal (fun () -> read [| 1uy |] "X")).Found "cut short" "a byte")
        testCase
            "house numbers are read with colours innermost, 10 as the digit 0, and the additional images on demand"
            (fun () ->
                withFolder (fun folder ->
                    let write name (content: byte[]) =
                        File.WriteAllBytes(Path.Combine(folder, name), content)

                    Expect.throwsT<FileNotFoundException> (fun () -> Svhn.Load folder |> ignore) "nothing is there"

                    write
                        "train_32x32.mat"
                        (file true 1uy [
                            compressed true (images true 3)
                            compressed true (labels true [ 10uy; 1uy; 2uy ])
                        ])

                    write
                        "test_32x32.mat"
                        (file true 1uy [ images true 6; labels true [ 3uy; 4uy; 10uy; 1uy; 1uy; 9uy ] ])

                    let set = Svhn.Load folder

                    Expect.equal
                        (set.Train.Count, set.Valid.Count, set.Test.Count, set.Variables)
                        (3, 0, 6, 3072)
                        "shape"

                    Expect.equal set.TrainLabels [| 0; 1; 2 |] "labels"
                    Expect.equal set.TestLabels [| 3; 4; 0; 1; 1; 9 |] "test labels"

                    for image, row, column, colour in [ 0, 0, 0, 0; 1, 5, 30, 2; 5, 31, 0, 1 ] do
                        Expect.equal
                            (set.Test.Row(image)[(row * 32 + column) * 3 + colour])
                            (float32 (pixel image row column colour))
                            "a pixel"

                    let less = Svhn.Load(folder, train = 2)
                    Expect.equal (less.Train.Count, less.Valid.Count) (2, 1) "two to train on"
                    Expect.equal less.ValidLabels [| 2 |] "the rest validates"

                    Expect.throwsT<FileNotFoundException>
                        (fun () -> Svhn.Load(folder, 2) |> ignore)
                        "no additional images"

                    write
                        "extra_32x32.mat"
                        (file true 1uy [ compressed true (images true 4); labels true [ 5uy; 6uy; 7uy; 8uy ] ])

                    let more = Svhn.Load(folder, 2)
                    Expect.equal more.TrainLabels [| 0; 1; 2; 5; 6 |] "two of the additional images"
                    Expect.equal (more.Train.Row(4)[0]) (float32 (pixel 1 0 0 0)) "their pixels"))
        testCase "images in colours are read in the IDX layout" (fun () ->
            let bigEndian (values: int list) =
                values |> List.map (BitConverter.GetBytes >> Array.rev) |> Array.concat

            let content = Array.append (bigEndian [ 2052; 2; 1; 2; 3 ]) [| 1uy .. 12uy |]
            use stream = new MemoryStream(content)
            let images = Idx.ReadImages(stream, "colours")
            Expect.equal (images.Values.Count, images.Height, images.Width, images.Colours) (2, 1, 2, 3) "shape"
            Expect.equal (List.ofSeq (images.Values.Row(1).ToArray())) [ 7f; 8f; 9f; 10f; 11f; 12f ] "values")
    ]
