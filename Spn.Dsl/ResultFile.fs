namespace Spn

open System
open System.Globalization
open System.IO
open Spn.Core.Data

/// <summary>A CSV file of results that grows row by row, so that an interrupted experiment keeps what it has.</summary>
/// <remarks>Cells hold no separators. A line without an end is what a crash left of a row: it is dropped when the file is read, so that the next row starts a line.</remarks>
/// <param name="path">The file; its folder is made when it is missing.</param>
/// <param name="header">The first line.</param>
[<Sealed>]
type ResultFile(path: string, header: string) =
    let width = header.Split(',').Length

    let lines () =
        if File.Exists path then
            let text = File.ReadAllText(path).ReplaceLineEndings "\n"
            let whole = text.Substring(0, text.LastIndexOf '\n' + 1)

            if whole.Length < text.Length then
                File.WriteAllText(path, whole)

            match whole.Split '\n' |> List.ofArray with
            | first :: rows when first = header -> List.indexed rows |> List.filter (fun (_, row) -> row <> "")
            // What a crash left of the first line.
            | _ when whole = "" -> []
            | lines -> raise (DataFormatException(path, 1, Nullable(), $"the header {header}", $"\"{lines.Head}\""))
        else
            []

    /// <summary>A number as a cell.</summary>
    static member Cell(value: float, format: string) : string =
        value.ToString(format, CultureInfo.InvariantCulture)

    /// <summary>The number in a cell.</summary>
    /// <exception cref="T:System.FormatException">It is none.</exception>
    static member Number(cell: string) : float =
        Double.Parse(cell, CultureInfo.InvariantCulture)

    /// <summary>The one of some values that a cell names.</summary>
    /// <exception cref="T:System.FormatException">It names none.</exception>
    static member Named(known: 'value list, name: 'value -> string, cell: string) : 'value =
        known
        |> List.tryFind (fun value -> name value = cell)
        |> Option.defaultWith (fun () -> raise (FormatException()))

    /// <summary>The file.</summary>
    member _.Path = path

    /// <summary>The rows there are, none when there is no file.</summary>
    /// <param name="read">Makes a row of its cells; raises <see cref="T:System.FormatException"/> where they are wrong.</param>
    /// <exception cref="T:Spn.Core.Data.DataFormatException">A line is malformed.</exception>
    member _.Read(read: string[] -> 'row) : 'row list = [
        for index, line in lines () do
            let cells = line.Split ','

            try
                if cells.Length <> width then
                    raise (FormatException())

                read cells
            with :? FormatException ->
                raise (
                    DataFormatException(path, index + 2, Nullable(), $"{width} values as in the header", $"\"{line}\"")
                )
    ]

    /// <summary>Writes rows to the disk.</summary>
    /// <param name="rows">Cells joined by commas.</param>
    member _.Append(rows: string list) : unit =
        Path.GetDirectoryName(Path.GetFullPath path)
        |> Option.ofObj
        |> Option.iter (Directory.CreateDirectory >> ignore)

        let begun = File.Exists path && FileInfo(path).Length > 0L
        let rows = if begun then rows else header :: rows
        File.AppendAllText(path, String.concat "" [ for row in rows -> row + "\n" ])

    /// <summary>Renames files that belong together when there are any, so that a new experiment overwrites nothing; gives the new name of the last.</summary>
    /// <param name="files">The files.</param>
    static member MoveAside(files: ResultFile list) : string option =
        let backup (file: ResultFile) n =
            string (Path.ChangeExtension(file.Path, $".{n}.csv"))

        let free =
            Seq.initInfinite ((+) 1)
            |> Seq.find (fun n -> files |> List.forall (fun file -> not (File.Exists(backup file n))))

        for file in files do
            if File.Exists file.Path then
                File.Move(file.Path, backup file free)

        files |> List.map (fun file -> backup file free) |> List.tryFindBack File.Exists
