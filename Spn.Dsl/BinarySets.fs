namespace Spn

open Spn.Core.Data

/// <summary>Names of binary data sets on the command lines of scripts.</summary>
[<RequireQualifiedAccess>]
module BinarySets =

    let private groups = [ "all", DataGroup.Twenty; "amazon", DataGroup.Amazon ]

    let private members group =
        DataCatalogue.Entries |> Seq.filter (fun e -> e.Group = group) |> List.ofSeq

    /// <summary>What a name stands for: <c>all</c> for the twenty sets, <c>amazon</c> for the baby registries, or a binary set of the catalogue.</summary>
    /// <exception cref="T:System.ArgumentException">There is no such set, or it is not binary.</exception>
    let find (name: string) : DataEntry list =
        match groups |> List.tryFind (fun (word, _) -> word = name.ToLowerInvariant()) with
        | Some(_, group) -> members group
        | None ->
            let entry = DataCatalogue.Find name

            if entry.Highest > 1 then
                invalidArg "datasets" $"{entry.Name} holds other values than 0 and 1, and these models are binary."

            [ entry ]

    /// <summary>The sets of a list such as "nltcs,amazon", each once.</summary>
    /// <exception cref="T:System.ArgumentException">A name is wrong.</exception>
    let parse (names: string) : DataEntry list =
        names |> Script.words |> List.collect find |> List.distinct

    /// <summary>The list that <see cref="M:Spn.BinarySets.parse"/> reads; a whole group goes by its own name.</summary>
    let names (entries: DataEntry list) : string =
        (entries |> List.map _.Name, groups)
        ||> List.fold (fun names (word, group) ->
            let own = members group |> List.map _.Name

            if own |> List.forall (fun name -> List.contains name names) then
                List.except own names @ [ word ]
            else
                names)
        |> String.concat ","

    /// <summary>Their names in a sentence.</summary>
    let internal titles (entries: DataEntry list) : string =
        entries |> List.map _.Name |> String.concat ", "

    /// <summary>What a script takes unless told: nltcs where its files are, else the built-in digits.</summary>
    let usual (data: DataFolder) : string =
        if DataCatalogue.IsPresent(DataCatalogue.Find "nltcs", data.Path) then
            "nltcs"
        else
            "digits"
