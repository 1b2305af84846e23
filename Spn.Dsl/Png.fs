namespace Spn

open System
open System.Buffers.Binary
open System.IO
open System.IO.Compression
open System.Text
open Spn.Core

/// <summary>Writes small pictures as PNG files.</summary>
[<AbstractClass; Sealed>]
type Png private () =

    static let crcTable =
        Array.init 256 (fun n ->
            let mutable c = uint32 n

            for _ in 1..8 do
                c <- if c &&& 1u = 1u then 0xEDB88320u ^^^ (c >>> 1) else c >>> 1

            c)

    static let signature = [| 0x89uy; 0x50uy; 0x4Euy; 0x47uy; 0x0Duy; 0x0Auy; 0x1Auy; 0x0Auy |]

    static let crc (bytes: byte[]) =
        let step c (b: byte) =
            crcTable[int ((c ^^^ uint32 b) &&& 0xFFu)] ^^^ (c >>> 8)

        ~~~(Array.fold step 0xFFFFFFFFu bytes)

    static let bigEndian (value: uint32) =
        let bytes = Array.zeroCreate 4
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(), value)
        bytes

    static let chunk (kind: string) (content: byte[]) =
        let body = Array.append (Encoding.ASCII.GetBytes kind) content
        Array.concat [ bigEndian (uint32 content.Length); body; bigEndian (crc body) ]

    static let deflate (bytes: byte[]) =
        use target = new MemoryStream()
        using (new ZLibStream(target, CompressionLevel.Optimal)) _.Write(bytes, 0, bytes.Length)
        target.ToArray()

    /// <summary>The bytes of a PNG file with 8 bits a channel.</summary>
    /// <param name="pixels">[height, width] for grey or [height, width, 3] for red, green, blue; row by row from the top left, 0 to 255.</param>
    /// <param name="height">Rows of the picture, at least 1.</param>
    /// <param name="width">Columns of the picture, at least 1.</param>
    /// <exception cref="T:System.ArgumentException">The number of bytes is neither height * width nor three times that.</exception>
    static member Encode(pixels: byte[], height: int, width: int) : byte[] =
        let colourType =
            if height < 1 || width < 1 then
                invalidArg (nameof height) $"A picture of {height} x {width} pixels is empty."
            elif pixels.Length = height * width then
                0uy
            elif pixels.Length = height * width * 3 then
                2uy
            else
                invalidArg
                    (nameof pixels)
                    $"{pixels.Length} bytes do not fill {height} x {width} pixels with 1 or 3 channels."

        let stride = pixels.Length / height
        let filtered = Array.zeroCreate ((stride + 1) * height) // each row starts with filter type 0, which leaves it as it is

        for row in 0 .. height - 1 do
            Array.blit pixels (row * stride) filtered (row * (stride + 1) + 1) stride

        let header =
            Array.concat [
                bigEndian (uint32 width)
                bigEndian (uint32 height)
                [| 8uy; colourType; 0uy; 0uy; 0uy |]
            ]

        Array.concat [
            signature
            chunk "IHDR" header
            chunk "IDAT" (deflate filtered)
            chunk "IEND" [||]
        ]

    /// <summary>Columns of the picture in a PNG file.</summary>
    /// <param name="png">The bytes of the file.</param>
    /// <exception cref="T:System.ArgumentException">It is no PNG file.</exception>
    static member internal Width(png: byte[]) : int =
        if png.Length < 24 || not (png.AsSpan().StartsWith(ReadOnlySpan signature)) then
            invalidArg (nameof png) "This is no PNG file."

        int (BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(png, 16, 4)))

    // Pixels, height and width of a file that Encode made: signature, header and the one chunk of pixels stand in fixed places.
    static member private Decode(png: byte[]) : byte[] * int * int =
        let size (at: int) =
            int (BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(png, at, 4)))

        let width, height, length = size 16, size 20, size 33
        use inflated = new MemoryStream()
        using (new ZLibStream(new MemoryStream(png, 41, length), CompressionMode.Decompress)) _.CopyTo(inflated)
        let rows = inflated.ToArray()
        let stride = rows.Length / height

        Array.init (rows.Length - height) (fun i -> rows[i / (stride - 1) * stride + 1 + i % (stride - 1)]),
        height,
        width

    /// <summary>The same picture with every pixel drawn as a square.</summary>
    /// <param name="png">The bytes of a file that <c>Encode</c> made.</param>
    /// <param name="side">Side of a square in pixels, at least 1.</param>
    static member internal Enlarge(png: byte[], side: int) : byte[] =
        let own, height, width = Png.Decode png
        let channels = own.Length / (height * width)
        let wide = width * side * channels

        let pixels =
            Array.init (height * side * wide) (fun i ->
                let row, column = i / wide / side, i % wide / channels / side
                own[(row * width + column) * channels + i % channels])

        Png.Encode(pixels, height * side, width * side)

    /// <summary>Pictures one below the other, with lines of one colour between them.</summary>
    /// <param name="pngs">At least one file that <c>Encode</c> made; all of one width and number of channels.</param>
    /// <param name="line">The colour of lines, [channel].</param>
    /// <param name="side">How thick lines are, in pixels.</param>
    /// <exception cref="T:System.ArgumentException">Widths or channels differ.</exception>
    static member internal Stack(pngs: byte[] list, line: byte[], side: int) : byte[] =
        let pictures = pngs |> List.map Png.Decode

        match
            pictures
            |> List.map (fun (pixels, height, width) -> width, pixels.Length / height)
            |> List.distinct
        with
        | [ width, stride ] when stride = width * line.Length ->
            let between = Array.init (side * stride) (fun i -> line[i % line.Length])

            let parts =
                pictures
                |> List.collect (fun (pixels, _, _) -> [ between; pixels ])
                |> List.tail
                |> Array.concat

            Png.Encode(parts, parts.Length / stride, width)
        | _ -> invalidArg (nameof pngs) "Pictures below each other must have one width and number of channels."

/// Pixels [height, width, 3], row by row.
[<RequireQualifiedAccess>]
type internal Picture = {
    Pixels: byte[]
    Height: int
    Width: int
}

module internal Pictures =

    let private hidden = [| 0x7Fuy; 0xB2uy; 0xE5uy |]

    /// The pixels of every sample; None where one is hidden.
    let ofBatch (samples: Evidence) : float option[][] =
        let pixel s v =
            if samples.IsHidden(s, v) then
                None
            else
                Some(float (samples.Row(s)[v]))

        Array.init samples.Count (fun s -> Array.init samples.Variables (pixel s))

    // Neither black nor white, so that images keep their edges.
    let internal line = [| 0x8Cuy; 0x96uy; 0xA0uy |]

    /// Images [sample, height * width * colours] laid out row by row with lines of one pixel between them.
    let grid (samples: float option[][]) (height, width, colours) columns low high : Picture =
        let values =
            samples
            |> Seq.collect (Seq.choose id)
            |> Seq.filter Double.IsFinite
            |> Array.ofSeq

        let within = values |> Array.forall (fun v -> v >= 0.0 && v <= 1.0)

        let low =
            low |> Option.defaultWith (fun () -> if within then 0.0 else Array.min values)

        let high =
            high |> Option.defaultWith (fun () -> if within then 1.0 else Array.max values)

        let level value =
            match value with
            | Some v when Double.IsFinite v ->
                let share =
                    if high > low then
                        Math.Clamp((v - low) / (high - low), 0.0, 1.0)
                    else
                        0.0

                Some(byte (Math.Round(share * 255.0)))
            | _ -> None

        let colour (channels: float option[]) =
            let seen = Array.choose level channels

            if seen.Length < channels.Length then hidden
            elif seen.Length = 1 then Array.create 3 seen[0]
            else seen

        let rows = max 1 ((samples.Length + columns - 1) / columns)
        let totalHeight, totalWidth = rows * (height + 1) - 1, columns * (width + 1) - 1
        let pixels = Array.init (totalHeight * totalWidth * 3) (fun i -> line[i % 3])

        samples
        |> Array.iteri (fun i sample ->
            sample
            |> Array.chunkBySize colours
            |> Array.iteri (fun p channels ->
                let row, column =
                    i / columns * (height + 1) + p / width, i % columns * (width + 1) + p % width

                Array.blit (colour channels) 0 pixels ((row * totalWidth + column) * 3) 3))

        {
            Pixels = pixels
            Height = totalHeight
            Width = totalWidth
        }
