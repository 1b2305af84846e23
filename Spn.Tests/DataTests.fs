module Spn.Tests.DataTests

open System
open System.IO
open System.IO.Compression
open System.Text
open Spn.Core
open Spn.Core.Data

/// A value that the library may leave out and that must be there.
let private present (value: 'a | null) =
    match value with
    | null -> failtest "a value is missing"
    | value -> value

let private categories (table: CsvTable) column =
    List.ofSeq (present table.Columns[column].Categories)

let private bytes (text: string) = Encoding.UTF8.GetBytes text

let private gzip (content: byte[]) =
    use packed = new MemoryStream()

    (use pack = new GZipStream(packed, CompressionLevel.Optimal)
     pack.Write content)

    packed.ToArray()

let private stream (content: byte[]) = new MemoryStream(content) :> Stream

/// Runs an action that must refuse its data, and returns the error.
let private refusal action =
    Expect.raises<DataFormatException> (action >> ignore) "malformed data is refused"

/// The place that an error names; 0 stands for none.
let private place (e: DataFormatException) =
    e.Line.GetValueOrDefault(), e.Column.GetValueOrDefault()

let private withFolder action =
    let folder = Directory.CreateTempSubdirectory("spn-data-").FullName

    try
        action folder
    finally
        Directory.Delete(folder, true)

let private binary (text: string) =
    BinaryText.Read(stream (bytes text), "x.data")

let private table options (text: string) =
    Csv.Read(stream (bytes text), "x.csv", options)

let private noHeader = CsvOptions(HasHeader = false)

let private binaryText =
    testList "zeros and ones" [
        testCase "rows and columns keep their order" (fun () ->
            let read = binary "0,1,1\n1,0,0\n"
            Expect.equal (read.Count, read.Variables) (2, 3) "shape"
            Expect.equal (read.Values.ToArray()) [| 0f; 1f; 1f; 1f; 0f; 0f |] "values"
            Expect.isFalse read.HasHidden "nothing is hidden")
        testCase "line ends of either kind, and a missing last one, change nothing" (fun () ->
            let values (text: string) = (binary text).Values.ToArray()
            let expected = values "0,1\n1,0\n"

            for text in [ "0,1\n1,0"; "0,1\r\n1,0\r\n"; "0,1\r\n1,0"; "\uFEFF0,1\n1,0\n" ] do
                Expect.equal (values text) expected text)
        testCase "one variable is a column of single values" (fun () ->
            Expect.equal ((binary "0\n1\n1\n").Values.ToArray()) [| 0f; 1f; 1f |] "values")
        testCase "gzip, also of several members, reads as the plain text does" (fun () ->
            let plain = bytes "0,1\n1,1\n"

            let read content =
                BinaryText.Read(stream content, "x.data").Values.ToArray()

            Expect.equal (read (gzip plain)) (read plain) "one member"

            Expect.equal
                (read (Array.append (gzip plain) (gzip plain)))
                (read (Array.append plain plain))
                "two members")
        testCase "a malformed text is refused with its line and column" (fun () ->
            for text, where, found in
                [
                    "0,1\n0,2\n", (2, 2), "\"2\""
                    "0;1\n", (1, 1), "\"0;1\""
                    "0,1\n 1,0\n", (2, 1), "\" 1\""
                    "0,1\n1,\n", (2, 2), "\"\""
                    "0,1\n1\n", (2, 0), "1"
                    "0,1\n1,0,1\n", (2, 0), "3"
                    "0,1\n\n1,0\n", (2, 0), "an empty line"
                    "", (1, 0), "an empty file"
                ] do
                let e = refusal (fun () -> binary text)
                Expect.equal (place e) where $"place of the error in {text}"
                Expect.equal e.Found found $"what was found in {text}")
        testCase "the message names file, place, what was expected and what was found" (fun () ->
            let e =
                refusal (fun () -> BinaryText.Read(stream (bytes "0,1\n0,2"), "some/folder/nltcs.train.data"))

            Expect.equal e.Message "nltcs.train.data line 2 column 2: expected 0 or 1, found \"2\"." "message"
            Expect.equal e.File "some/folder/nltcs.train.data" "the whole path stays at hand")
        testCase "a gzip file cut short at any byte is refused" (fun () ->
            let whole = gzip (bytes (String.replicate 50 "0,1,1,0\n"))

            for length in 0 .. whole.Length - 1 do
                refusal (fun () -> BinaryText.Read(stream whole[.. length - 1], "x.data"))
                |> ignore)
        testCase "a gzip file with a wrong checksum is refused" (fun () ->
            let damaged = gzip (bytes "0,1\n")
            damaged[damaged.Length - 6] <- damaged[damaged.Length - 6] ^^^ 1uy
            let e = refusal (fun () -> BinaryText.Read(stream damaged, "x.data"))
            Expect.equal e.Expected "a complete gzip file" "reason")
        testCase "a file of line feeds below a wide line asks for no memory" (fun () ->
            let text = String.replicate 100_000 "0," + "0" + String('\n', 1_000_000)
            Expect.equal (place (refusal (fun () -> binary text))) (2, 0) "place")
    ]

let private csv =
    testList "tables" [
        testCase "numbers, text and missing marks are told apart" (fun () ->
            let read =
                table null "size,colour,weight\n1.5,red,?\n-2e3,blue,NA\n,red,7\nNaN, ,+.5\n"

            let entry row column =
                if read.Values.IsHidden(row, column) then
                    nan
                else
                    float (read.Values.Row(row)[column])

            let column i = [ for r in 0 .. read.Values.Count - 1 -> entry r i ]

            let isSame (a: float list) (b: float list) =
                List.forall2 (fun x y -> x.Equals(y: float)) a b

            Expect.equal [ for c in read.Columns -> c.Name ] [ "size"; "colour"; "weight" ] "names"
            Expect.isTrue (isSame (column 0) [ 1.5; -2000.0; nan; nan ]) "size"
            Expect.isTrue (isSame (column 1) [ 0.0; 1.0; 0.0; nan ]) "colour in order of first appearance"
            Expect.isTrue (isSame (column 2) [ nan; nan; 7.0; 0.5 ]) "weight"
            Expect.equal (categories read 1) [ "red"; "blue" ] "categories"
            Expect.isTrue (isNull read.Columns[0].Categories) "a numeric column has no categories")
        testCase "quotes hold separators, line ends and quotes" (fun () ->
            let read = table null "\"a,\"\"b\"\"\",c\r\n\"x\ny\" ,1\r\nz,2"
            Expect.equal read.Columns[0].Name "a,\"b\"" "name"
            Expect.equal (categories read 0) [ "x\ny"; "z" ] "categories"
            Expect.equal (read.Values.Row(1)[1]) 2f "a row after a cell of two lines")
        testCase "the separator is found, or set" (fun () ->
            for text in [ "a,b\n1,2\n"; "a;b\n1;2\n"; "a\tb\n1\t2\n"; "\"a;;;\",b\n1,2\n" ] do
                Expect.equal ((table null text).Values.Row(0).ToArray()) [| 1f; 2f |] text

            let read = table (CsvOptions(Separator = Nullable '|')) "a,a|b\n1|2\n"
            Expect.equal [ for c in read.Columns -> c.Name ] [ "a,a"; "b" ] "names")
        testCase "without a header the columns are numbered and every line is a row" (fun () ->
            let read = table noHeader "1,2\n3,4"
            Expect.equal [ for c in read.Columns -> c.Name ] [ "column1"; "column2" ] "names"
            Expect.equal (read.Values.Values.ToArray()) [| 1f; 2f; 3f; 4f |] "values"
            Expect.isFalse read.Values.HasHidden "nothing is hidden")
        testCase "blank lines are skipped, but hidden entries in a table of one column" (fun () ->
            Expect.equal (table null "\na,b\n\n1,2\r\n\r\n3,4\n\n").Values.Count 2 "two columns"
            let one = table null "a\n1\n\n3\n"

            Expect.equal
                [ for r in 0 .. one.Values.Count - 1 -> one.Values.IsHidden(r, 0) ]
                [ false; true; false ]
                "one column")
        testCase "gzip reads as plain text does" (fun () ->
            let text = bytes "a,b\n1,x\n2,?\n"
            let read content = Csv.Read(stream content, "x.csv")
            Expect.equal ((read (gzip text)).Values.Values.ToArray()) ((read text).Values.Values.ToArray()) "values")
        testCase "a malformed table is refused with its line and column" (fun () ->
            for text, where in
                [
                    "a,b\n1,2\n3\n", (3, 0)
                    "a,b\n\n1,2,3\n", (3, 0)
                    "a,b\n1,2,\n", (2, 0)
                    "a,b\n1,\"2\n3,4\n", (2, 2)
                    "a,b\n\"1\"x,2\n", (2, 1)
                    "a,b\n\"1\n\"x,2\n", (3, 1)
                    "a,b\n1,1e99\n", (2, 2)
                    "a,b\n1,-Infinity\n", (2, 2)
                    "a,a\n1,2\n", (1, 2)
                    "a,b\n", (2, 0)
                    "", (1, 0)
                ] do
                Expect.equal (place (refusal (fun () -> table null text))) where text)
        testCase "with the text columns named, other text is refused" (fun () ->
            let options = CsvOptions(TextColumns = [| "b" |])
            Expect.equal (place (refusal (fun () -> table options "a,b\n1,x\n2o,y\n"))) (3, 1) "place"
            Expect.equal (categories (table options "a,b\n1,10\n2,7\n") 1) [ "10"; "7" ] "numbers as text"
            Expect.throwsT<ArgumentException> (fun () -> table options "a,c\n1,2\n" |> ignore) "an unknown column")
    ]

let private bigEndian (numbers: int list) = [|
    for n in numbers do
        yield! [| byte (n >>> 24); byte (n >>> 16); byte (n >>> 8); byte n |]
|]

let private idx =
    let images count height width =
        Array.append (bigEndian [ 2051; count; height; width ]) [| for i in 1 .. count * height * width -> byte i |]

    let labels (values: byte list) =
        Array.append (bigEndian [ 2049; values.Length ]) (Array.ofList values)

    let readImages content =
        Idx.ReadImages(stream content, "images")

    testList "images and labels" [
        testCase "pixels and labels keep their order, plain and gzip" (fun () ->
            for pack in [ id; gzip ] do
                let read = readImages (pack (images 2 2 3))
                Expect.equal (read.Height, read.Width, read.Values.Count) (2, 3, 2) "shape"
                Expect.equal (read.Values.Row(1).ToArray()) [| 7f .. 12f |] "second image"
                Expect.equal (Idx.ReadLabels(stream (pack (labels [ 3uy; 255uy ])), "labels")) [| 3; 255 |] "labels")
        testCase "a wrong kind, a cut and a surplus are refused with both numbers" (fun () ->
            let largest = UInt32.MaxValue
            let claimed = (bigint largest) ** 3 + 16I

            for content, expected, found in
                [
                    labels [ 1uy ], "the IDX number 2051 of images", "2049"
                    images 2 2 3 |> Array.truncate 27, "28 bytes for 2 x 2 x 3 values", "27 bytes"
                    Array.append (images 2 2 3) [| 0uy |], "28 bytes for 2 x 2 x 3 values", "29 bytes"
                    bigEndian [ 2051; 1 ], "a header of 16 bytes", "a file of 8 bytes"
                    bigEndian [ 2051; -1; -1; -1 ],
                    $"{claimed} bytes for {largest} x {largest} x {largest} values",
                    "16 bytes"
                    bigEndian [ 2051; 0; 1000000; 1000000 ],
                    "at least one image of at least one pixel",
                    "0 x 1000000 x 1000000"
                    [| 8uy |], "the IDX number 2051 of images", "a file of 1 bytes"
                ] do
                let e = refusal (fun () -> readImages content)
                Expect.equal (e.Expected, e.Found) (expected, found) "the facts"
                Expect.equal (place e) (0, 0) "a binary file has no lines")
        testCase "a folder of four files is a data set, and counts must agree" (fun () ->
            withFolder (fun folder ->
                let write name (content: byte[]) =
                    File.WriteAllBytes(Path.Combine(folder, name), content)

                write "train-images-idx3-ubyte" (images 3 2 2)
                write "train-labels-idx1-ubyte.gz" (gzip (labels [ 1uy; 2uy; 0uy ]))
                write "small-test-images-idx3-ubyte.gz" (gzip (images 1 2 2))
                Expect.throwsT<FileNotFoundException> (fun () -> Idx.Load folder |> ignore) "test labels are missing"
                write "small-test-labels-idx1-ubyte" (labels [ 2uy ])
                let set = Idx.Load folder
                Expect.equal (set.Train.Count, set.Valid.Count, set.Test.Count, set.Variables) (3, 0, 1, 4) "shape"
                Expect.equal set.TrainLabels [| 1; 2; 0 |] "labels"
                write "small-test-labels-idx1-ubyte" (labels [ 2uy; 2uy ])
                Expect.equal (refusal (fun () -> Idx.Load folder)).Found "2" "one image, two labels"))
    ]

let private catalogue =
    testList "catalogue" [
        testCase "there are twenty sets, fifteen registries, four sets of images and three built-in sets" (fun () ->
            let counts = [ for _, own in DataCatalogue.Entries |> Seq.groupBy _.Group -> Seq.length own ]
            Expect.equal counts [ 20; 15; 4; 3 ] "in this order")
        testCase "a set answers to its short and its display name in any case, and all names are distinct" (fun () ->
            for e in DataCatalogue.Entries do
                for name in
                    [
                        e.Name
                        e.DisplayName
                        e.Name.ToUpperInvariant()
                        e.Name.Replace("amzn_", "")
                    ] do
                    Expect.equal (DataCatalogue.TryFind name) (true, e) name)
        testCase "an unknown name is refused with the near ones" (fun () ->
            Expect.isFalse (fst (DataCatalogue.TryFind "nltc")) "not found"

            for wrong, hint in
                [
                    "nltc", "nltcs"
                    "amzn_aparel", "amzn_apparel"
                    "pumsbstar", "pumsb_star"
                    "qqqqqqqq", "jester"
                ] do
                let e =
                    Expect.raises<ArgumentException> (fun () -> DataCatalogue.Find wrong |> ignore) "unknown"

                Expect.stringContains e.Message $"\"{wrong}\"" "the name given"
                Expect.stringContains e.Message hint "a name to try")
        testCase "a set is found in each folder layout, and a wrong shape is refused with both" (fun () ->
            let rows count =
                bytes (String.replicate count (String.Join(",", Array.replicate 16 "0") + "\n"))

            let gifts = DataCatalogue.Find "gifts"

            for part, train in [ "amazon/amzn_gifts", "train"; "amzn_gifts", "ts"; ".", "train" ] do
                withFolder (fun folder ->
                    let write split ending (content: byte[]) =
                        let file = Path.Combine(folder, part, $"amzn_gifts.{split}.data{ending}")
                        Directory.CreateDirectory(present (Path.GetDirectoryName file)) |> ignore
                        File.WriteAllBytes(file, content)

                    Expect.isFalse (DataCatalogue.IsPresent(gifts, folder)) "not there yet"

                    Expect.throwsT<FileNotFoundException>
                        (fun () -> DataCatalogue.Load("gifts", folder) |> ignore)
                        "not there yet"

                    write train "" (rows gifts.Train)
                    write "valid" ".gz" (gzip (rows gifts.Valid))
                    write "test" "" (rows gifts.Test)
                    Expect.isTrue (DataCatalogue.IsPresent(gifts, folder)) part
                    let set = DataCatalogue.Load("gifts", folder)

                    Expect.equal
                        (set.Train.Count, set.Valid.Count, set.Test.Count)
                        (gifts.Train, gifts.Valid, gifts.Test)
                        part

                    write "test" "" (rows 3)
                    let e = refusal (fun () -> DataCatalogue.Load("gifts", folder))
                    Expect.equal (e.Expected, e.Found) ("794 rows of 16 variables", "3 rows of 16") "both shapes"))
        testCase "the built-in set needs no folder, the others do" (fun () ->
            for name in [ "digits"; "digits-grey" ] do
                Expect.equal (DataCatalogue.Load(name, null)).Name name "without a folder"

            Expect.isTrue (DataCatalogue.IsPresent(DataCatalogue.Find "digits", null)) "always there"
            Expect.throwsT<FileNotFoundException> (fun () -> DataCatalogue.Load("nltcs", null) |> ignore) "nltcs")
        testCase "every file of the collections has the shape of the catalogue" (fun () ->
            match Environment.GetEnvironmentVariable DataFolder.Variable with
            | null
            | "" ->
                skiptest
                    $"{DataFolder.Variable} is not set; it names the folder with debd/, amazon/ and the sets of images"
            | folder ->
                for e in DataCatalogue.Entries do
                    Expect.isTrue (DataCatalogue.IsPresent(e, folder)) $"{e.Name} is there"
                    let set = DataCatalogue.Load(e.Name, folder)
                    Expect.equal set.Variables e.Variables e.Name
                    let highest = Seq.max (Seq.map int (set.Train.Values.ToArray()))

                    Expect.isTrue
                        (highest <= e.Highest && 2 * highest > e.Highest)
                        $"{e.Name}: greatest value {highest}")
    ]

let private folders =
    testList "data folder" [
        testCase "a given folder comes first and must exist" (fun () ->
            withFolder (fun folder ->
                let found = DataFolder.Find folder
                Expect.equal (found.Path, found.Source) (folder, DataFolderSource.Given) "given"

                Expect.throwsT<DirectoryNotFoundException>
                    (fun () -> DataFolder.Find(Path.Combine(folder, "none")) |> ignore)
                    "missing"))
    ]

let private digits =
    testList "digits" [
        testCase "the splits hold 1258, 180 and 359 samples and every sample once" (fun () ->
            let grey = Digits.LoadGrey 3L

            Expect.equal
                (grey.Train.Count, grey.Valid.Count, grey.Test.Count, grey.Variables)
                (1258, 180, 359, 64)
                "shape"

            Expect.equal (grey.Height, grey.Width) (Nullable 8, Nullable 8) "image size"
            Expect.equal (grey.Highest, (Digits.LoadBinary 3L).Highest) (Nullable 16, Nullable 1) "white"

            let all =
                [ grey.TrainLabels; grey.ValidLabels; grey.TestLabels ] |> Seq.collect present

            let perClass = all |> Seq.countBy id |> Seq.sort |> Seq.map snd |> List.ofSeq
            Expect.equal perClass [ 178; 182; 177; 183; 181; 182; 181; 179; 174; 180 ] "classes"

            let sum (e: Evidence) =
                Seq.sum (Seq.map int (e.Values.ToArray()))

            Expect.equal (sum grey.Train + sum grey.Valid + sum grey.Test) 561718 "sum of all pixels")
        testCase "binary pixels are the grey ones of 8 and more" (fun () ->
            let grey, binary = Digits.LoadGrey 5L, Digits.LoadBinary 5L

            Expect.equal
                (binary.Test.Values.ToArray())
                [| for v in grey.Test.Values.ToArray() -> if v >= 8f then 1f else 0f |]
                "pixels"

            Expect.equal binary.TestLabels grey.TestLabels "labels")
        testCase "a seed fixes the split, another seed makes another one" (fun () ->
            Expect.equal
                (Array.truncate 10 (present (Digits.LoadBinary 5L).TestLabels))
                [| 6; 2; 9; 0; 7; 8; 4; 5; 0; 6 |]
                "known answer"

            Expect.isFalse ((Digits.LoadGrey 1L).TestLabels = (Digits.LoadGrey 2L).TestLabels) "other seed")
    ]

let tests = testList "data" [ binaryText; csv; idx; catalogue; folders; digits ]
