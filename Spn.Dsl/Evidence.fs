namespace Spn

open System
open System.Collections.Generic
open FSharp.Reflection
open Spn.Core

/// <summary>Makes evidence: batches of samples of which values are known, hidden, or known to lie in sets.</summary>
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Evidence =

    /// <summary>A batch from a matrix [sample, variable] of numbers of any kind; NaN means hidden.</summary>
    let inline ofArray2D (values: ^number[,]) : Evidence =
        Evidence.From(Array2D.map float32 values)

    /// <summary>A batch from rows of numbers of any kind; NaN means hidden.</summary>
    /// <exception cref="T:Spn.Core.EvidenceException">A row has another length than the first.</exception>
    let inline ofRows (rows: seq<#seq< ^number >>) : Evidence =
        Evidence.From [| for row in rows -> [| for value in row -> float32 value |] |]

    let private isOption (t: Type) =
        t.IsGenericType
        && (t.GetGenericTypeDefinition() = typedefof<option<_>>
            || t.GetGenericTypeDefinition() = typedefof<voption<_>>)

    /// <summary>A batch from records whose fields are columns; None, null and NaN mean hidden, and so do columns without a field.</summary>
    /// <param name="schema">The columns.</param>
    /// <param name="records">Records, anonymous records or objects with properties.</param>
    /// <exception cref="T:Spn.Core.EvidenceException">A field is no column, or a value lies outside its column's domain.</exception>
    let ofRecords (schema: Schema) (records: seq<'record>) : Evidence =
        let properties = typeof<'record>.GetProperties()

        if properties |> Array.exists (fun property -> isOption property.PropertyType) then
            let plain (kind: Type) (value: objnull) : objnull =
                if not (isOption kind) || isNull value then
                    value
                else
                    snd (FSharpValue.GetUnionFields(value, kind)) |> Array.tryHead |> Option.toObj

            let row (record: 'record) =
                Dictionary [
                    for property in properties ->
                        KeyValuePair(property.Name, plain property.PropertyType (property.GetValue record))
                ]

            Evidence.FromRecords(Seq.map row records, schema)
        else
            Evidence.FromRecords(records, schema)

    /// <summary>A batch from named columns of one length; columns that are not given are hidden, and so are NaN and null.</summary>
    /// <param name="schema">The columns.</param>
    /// <param name="columns">Arrays of numbers, truth values or texts by the name of their column.</param>
    /// <exception cref="T:Spn.Core.EvidenceException">A name is no column, the lengths differ, or a value lies outside its column's domain.</exception>
    let ofColumns (schema: Schema) (columns: seq<string * Array>) : Evidence =
        Evidence.FromColumns(schema, readOnlyDict columns)

    /// <summary>All rows of a file; missing cells are hidden.</summary>
    /// <param name="schema">The columns, which are found by name.</param>
    /// <param name="path">The file, plain or gzip.</param>
    /// <exception cref="T:Spn.Core.Data.DataFormatException">The file does not fit the schema.</exception>
    let ofCsv (schema: Schema) (path: string) : Evidence = schema.Read path

    /// <summary>One sample of which conditions are known, such as <c>age &gt;= 42, colour in {red, blue}</c>.</summary>
    /// <param name="schema">The columns.</param>
    /// <param name="conditions">See <see cref="M:Spn.Core.Schema.Given(System.String)"/>.</param>
    /// <exception cref="T:Spn.Core.EvidenceException">The text cannot be read or does not fit the columns; the message says where.</exception>
    let given (schema: Schema) (conditions: string) : Evidence = schema.Given conditions

    /// <summary>A batch in which nothing is known.</summary>
    /// <param name="count">Number of samples.</param>
    /// <param name="variables">Number of variables of a sample.</param>
    let unknown (count: int) (variables: int) : Evidence = Evidence.Unknown(count, variables)

    /// <summary>Hides variables in all samples.</summary>
    let hide (variables: seq<int>) (evidence: Evidence) : Evidence = evidence.Hide(Array.ofSeq variables)

    /// <summary>Hides the entries that a function of sample and variable chooses.</summary>
    let hideWhere (isHidden: int -> int -> bool) (evidence: Evidence) : Evidence =
        evidence.Hide(fun sample variable -> isHidden sample variable)

    /// <summary>Hides every entry with the same probability, by seed 1.</summary>
    /// <param name="share">The probability, 0 to 1.</param>
    /// <param name="evidence">The samples.</param>
    let hideAtRandom (share: float) (evidence: Evidence) : Evidence = evidence.HideAtRandom share

    /// <summary>Share of the entries hidden in one batch that another has filled in with the true value.</summary>
    /// <param name="truth">The samples as they are.</param>
    /// <param name="hidden">The samples with entries hidden.</param>
    /// <param name="completed">The samples with those entries filled in.</param>
    /// <exception cref="T:Spn.Core.EvidenceException">The batches differ in size.</exception>
    let shareRight (truth: Evidence) (hidden: Evidence) (completed: Evidence) : float =
        completed.ShareRight(truth, hidden)

    /// <summary>Mean squared error over the entries hidden in one batch that another has filled in, with values brought to 0 to 255.</summary>
    /// <param name="highest">The value that counts as 255.</param>
    /// <param name="truth">The samples as they are.</param>
    /// <param name="hidden">The samples with entries hidden.</param>
    /// <param name="completed">The samples with those entries filled in.</param>
    /// <exception cref="T:Spn.Core.EvidenceException">The batches differ in size, or an entry that counts is hidden in the completed batch or in the truth.</exception>
    let meanSquaredError (highest: float) (truth: Evidence) (hidden: Evidence) (completed: Evidence) : float =
        completed.MeanSquaredError(truth, hidden, highest)

    /// <summary>Leaves only some variables; all others are hidden.</summary>
    let only (variables: seq<int>) (evidence: Evidence) : Evidence = evidence.Only(Array.ofSeq variables)

    /// <summary>Observes a variable in all samples.</summary>
    let observe (variable: int) (value: float) (evidence: Evidence) : Evidence =
        evidence.Observe(variable, float32 value)

    /// <summary>Lets a variable lie in a set in all samples.</summary>
    let where (variable: int) (set: ValueSet) (evidence: Evidence) : Evidence = evidence.Where(variable, set)

    /// <summary>What two batches say of the same samples; the other may be one sample that is joined to each.</summary>
    /// <exception cref="T:Spn.Core.EvidenceException">The batches do not match, or contradict each other.</exception>
    let andAlso (other: Evidence) (evidence: Evidence) : Evidence = evidence.And other

    /// <summary>Some of the samples, in the given order.</summary>
    let rows (samples: seq<int>) (evidence: Evidence) : Evidence =
        evidence.Rows(ReadOnlySpan(Array.ofSeq samples))

    /// <summary>Hides a part of every image.</summary>
    /// <param name="height">Height of an image in pixels.</param>
    /// <param name="width">Width of an image in pixels.</param>
    /// <param name="occlusion">The part.</param>
    /// <param name="images">The images, row by row.</param>
    /// <exception cref="T:Spn.Core.EvidenceException">Images of this size have another number of variables.</exception>
    let occlude (height: int) (width: int) (occlusion: Occlusion) (images: Evidence) : Evidence =
        images.Occlude(height, width, occlusion)

    /// <summary>Hides the pixels of every image for which a mask [row, column] is true.</summary>
    /// <exception cref="T:Spn.Core.EvidenceException">Images of the mask's size have another number of variables.</exception>
    let occludeMask (mask: bool[,]) (images: Evidence) : Evidence = images.Occlude mask

    /// <summary>The same samples with a uniform random number from [0, 1) added to every observed value, by seed 1.</summary>
    /// <exception cref="T:Spn.Core.EvidenceException">An entry is known to lie in a set only.</exception>
    let dequantise (samples: Evidence) : Evidence = samples.Dequantise()

    /// <summary>Divides every value by a number, such as grey values by that of white.</summary>
    /// <param name="unit">What becomes 1, above 0.</param>
    /// <param name="samples">The samples.</param>
    let inUnitsOf (unit: float) (samples: Evidence) : Evidence = samples.InUnitsOf unit
