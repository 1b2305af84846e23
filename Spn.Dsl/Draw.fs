namespace Spn

open Spn.Core
open Spn.Core.Drawings

/// <summary>Pictures of region graphs and of circuits, as SVG and as DOT files for Graphviz.</summary>
/// <remarks>More than 300 nodes are drawn in groups of like ones; the note of the drawing says so.</remarks>
/// <example><code>Regions.PoonDomingos(Variables.Line 4, distances = [ 1.0 ]) |> Draw.regions |> Draw.svg "pd.svg"</code></example>
[<RequireQualifiedAccess>]
module Draw =

    /// <summary>The regions of a structure and the partitions that split them.</summary>
    /// <exception cref="T:Spn.Core.CircuitException">The settings make no region graph.</exception>
    let regions (structure: StructureSpec) : Drawing = Drawing.OfRegions structure

    /// <summary>The inputs, products and sums of a description with their numbers of channels.</summary>
    /// <exception cref="T:Spn.Core.CircuitException">The description breaks a rule.</exception>
    let circuit (spec: CircuitSpec) : Drawing = Drawing.OfCircuit spec

    /// <summary>Every unit of a small circuit, with the weights of its sums; of a larger one the regions.</summary>
    let units (circuit: Circuit) : Drawing = Drawing.OfUnits circuit

    /// <summary>Writes an SVG file and gives the drawing back.</summary>
    /// <exception cref="T:System.IO.IOException">The file cannot be written.</exception>
    let svg (path: string) (drawing: Drawing) : Drawing =
        drawing.SaveSvg path
        drawing

    /// <summary>Writes a DOT file and gives the drawing back.</summary>
    /// <exception cref="T:System.IO.IOException">The file cannot be written.</exception>
    let dot (path: string) (drawing: Drawing) : Drawing =
        drawing.SaveDot path
        drawing

    /// <summary>Shows a drawing in the browser and gives the file's path; without a display prints it.</summary>
    /// <exception cref="T:System.IO.IOException">The temporary file cannot be written.</exception>
    let show (drawing: Drawing) : string =
        // A page of nothing but the picture, which browsers scale and scroll.
        Show.report
            $"<!DOCTYPE html><meta charset=\"utf-8\"><title>{drawing.Title |> System.Net.WebUtility.HtmlEncode}</title>{drawing.ToSvg()}"
