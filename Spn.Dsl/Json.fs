namespace Spn

open System
open System.IO
open System.Text
open System.Text.Json

/// A JSON value; numbers that are not finite become null, since JSON has no word for them.
[<RequireQualifiedAccess>]
type internal Json =
    | Number of float
    | Text of string
    | Flag of bool
    | List of Json list
    | Object of (string * Json) list

module internal Json =
    let rec private write (writer: Utf8JsonWriter) json =
        match json with
        | Json.Number v when Double.IsFinite v -> writer.WriteNumberValue v
        | Json.Number _ -> writer.WriteNullValue()
        | Json.Text text -> writer.WriteStringValue text
        | Json.Flag flag -> writer.WriteBooleanValue flag
        | Json.List items ->
            writer.WriteStartArray()
            List.iter (write writer) items
            writer.WriteEndArray()
        | Json.Object fields ->
            writer.WriteStartObject()

            for name, value in fields do
                writer.WritePropertyName name
                write writer value

            writer.WriteEndObject()

    let numbers values =
        Json.List [ for v in values -> Json.Number v ]

    let texts values =
        Json.List [ for v in values -> Json.Text v ]

    /// The default encoder also escapes the angle brackets, so a text cannot end the script element around it.
    let toString json =
        use target = new MemoryStream()
        using (new Utf8JsonWriter(target)) (fun writer -> write writer json)
        Encoding.UTF8.GetString(target.ToArray())
