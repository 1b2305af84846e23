using System.Globalization;
using System.Text;

namespace Spn.Core.Drawings;

/// <summary>A picture of a region graph or of a circuit, as SVG or as a DOT file for Graphviz.</summary>
/// <remarks>
/// What is read stands below its readers. Where there are more nodes than <see cref="MostNodes"/>, those of a height that look alike
/// become one, and the note of the drawing says so.
/// </remarks>
public sealed partial class Drawing
{
    /// <summary>The most nodes that are drawn one by one.</summary>
    public const int MostNodes = 300;

    private readonly DrawingGraph graph;

    private Drawing(DrawingGraph whole, string title)
    {
        bool tooMany = whole.Nodes.Count > MostNodes;
        graph = whole;
        if (tooMany) graph = whole.Summarised(coarse: false);
        if (graph.Nodes.Count > MostNodes) graph = whole.Summarised(coarse: true);
        Title = title;
        Note = !tooMany ? ""
            : graph.Nodes.Count <= MostNodes ? FormattableString.Invariant($"{whole.Nodes.Count:N0} nodes, drawn in {graph.Nodes.Count:N0} groups of like ones: at most {MostNodes} are drawn one by one.")
            : FormattableString.Invariant($"{whole.Nodes.Count:N0} nodes in {graph.Nodes.Count:N0} groups are too many to draw; at most {MostNodes} are.");
    }

    /// <summary>What is drawn.</summary>
    public string Title { get; }

    /// <summary>What was left out, or empty.</summary>
    public string Note { get; }

    /// <summary>Number of nodes drawn.</summary>
    public int Nodes => Drawn.Nodes.Count;

    private DrawingGraph Drawn => graph.Nodes.Count > MostNodes ? new DrawingGraph() : graph;

    /// <summary>The picture as a text in the SVG format.</summary>
    public string ToSvg()
    {
        DrawingGraph drawn = Drawn;
        var layout = new LayeredLayout(drawn);
        const double head = 30, foot = 26;
        double width = Math.Max(layout.Width, 8 * Math.Max(Title.Length, Note.Length) + 20), height = layout.Height + head + (Note == "" ? 0 : foot), shift = (width - layout.Width) / 2;
        var text = new StringBuilder();
        text.Append(Invariant($"""
            <svg xmlns="http://www.w3.org/2000/svg" width="{width:0}" height="{height:0}" viewBox="0 0 {width:0} {height:0}" font-family="Helvetica, Arial, sans-serif" font-size="13">
            <title>{Escaped(Title)}</title>
            <rect width="100%" height="100%" fill="#ffffff"/>
            <text x="{width / 2:0}" y="20" text-anchor="middle" font-weight="bold" fill="#1f2937">{Escaped(Title)}</text>

            """));
        var ranks = new (int Rank, int Count)[drawn.Edges.Count];
        foreach (var own in Enumerable.Range(0, ranks.Length).GroupBy(e => drawn.Edges[e].From))
            foreach ((int e, int rank) in own.Select((e, i) => (e, i))) ranks[e] = (rank, own.Count());
        for (int e = 0; e < drawn.Edges.Count; e++)
        {
            int[] way = layout.Ways[e];
            (double X, double Y)[] points = [.. way.Select((p, i) => (layout.X[p] + shift,
                layout.Y[p] + head + (i == 0 ? LayeredLayout.HeightOf(drawn.Nodes[p]) / 2 : i == way.Length - 1 ? -LayeredLayout.HeightOf(drawn.Nodes[p]) / 2 : 0)))];
            text.Append(Invariant($"""<path d="M{points[0].X:0.#} {points[0].Y:0.#}"""));
            for (int i = 1; i < points.Length; i++)
            {
                double middle = (points[i - 1].Y + points[i].Y) / 2;
                text.Append(Invariant($" C{points[i - 1].X:0.#} {middle:0.#} {points[i].X:0.#} {middle:0.#} {points[i].X:0.#} {points[i].Y:0.#}"));
            }
            text.Append("\" fill=\"none\" stroke=\"#9ca3af\" stroke-width=\"1.2\"/>\n");
            if (drawn.Edges[e].Label is { Length: > 0 } label)
            {
                // On the first piece of the arrow, the arrows of a reader one below the other: in the middle they cross.
                (int rank, int count) = ranks[e];
                double t = count == 1 ? 0.5 : 0.25 + 0.35 * rank / (count - 1), far = t * t * (3 - 2 * t);
                double x = points[0].X + far * (points[1].X - points[0].X), y = points[0].Y + (1.5 * t * (1 - t) + t * t * t) * (points[1].Y - points[0].Y);
                text.Append(Invariant($"""<text x="{x:0.#}" y="{y + 3.5:0.#}" text-anchor="middle" font-size="10" fill="#374151" stroke="#ffffff" stroke-width="3" paint-order="stroke">{Escaped(label)}</text>""")).Append('\n');
            }
        }
        for (int n = 0; n < drawn.Nodes.Count; n++) Append(text, drawn.Nodes[n], layout.X[n] + shift, layout.Y[n] + head);
        if (Note != "") text.Append(Invariant($"""<text x="{width / 2:0}" y="{height - 9:0}" text-anchor="middle" fill="#6b7280">{Escaped(Note)}</text>""")).Append('\n');
        return text.Append("</svg>\n").ToString();
    }

    /// <summary>The graph as a text in the DOT language of Graphviz.</summary>
    public string ToDot()
    {
        DrawingGraph drawn = Drawn;
        var text = new StringBuilder("digraph circuit {\n");
        text.Append(Invariant($"  label={Quoted(Note == "" ? Title : $"{Title}\n{Note}")};\n  node [fontname=\"Helvetica\", style=filled];\n  edge [color=\"#9ca3af\", arrowsize=0.6];\n"));
        for (int n = 0; n < drawn.Nodes.Count; n++)
        {
            DrawingNode node = drawn.Nodes[n];
            text.Append(Invariant($"  n{n} [label={Quoted(string.Join('\n', node.Lines))}, shape={(node.IsRound ? "circle" : "box")}, fillcolor=\"{Colour(node.Kind).Fill}\"];\n"));
        }
        foreach (DrawingEdge edge in drawn.Edges)
            text.Append(Invariant($"  n{edge.From} -> n{edge.To}{(edge.Label == "" ? "" : $" [label={Quoted(edge.Label)}]")};\n"));
        return text.Append("}\n").ToString();
    }

    /// <summary>Writes the picture as an SVG file; an existing one is replaced.</summary>
    /// <param name="path">The file, usually named *.svg.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void SaveSvg(string path) => File.WriteAllText(path, ToSvg());

    /// <summary>Writes the graph as a DOT file; an existing one is replaced.</summary>
    /// <param name="path">The file, usually named *.dot.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void SaveDot(string path) => File.WriteAllText(path, ToDot());

    /// <inheritdoc/>
    public override string ToString() => Note == "" ? $"{Title}: {Nodes} nodes" : $"{Title}: {Note}";

    private static void Append(StringBuilder text, DrawingNode node, double x, double y)
    {
        (string fill, string stroke) = Colour(node.Kind);
        double width = LayeredLayout.WidthOf(node), height = LayeredLayout.HeightOf(node);
        text.Append(node.IsRound
            ? Invariant($"""<circle cx="{x:0.#}" cy="{y:0.#}" r="{width / 2:0.#}" fill="{fill}" stroke="{stroke}"/>""")
            : Invariant($"""<rect x="{x - width / 2:0.#}" y="{y - height / 2:0.#}" width="{width:0.#}" height="{height:0.#}" rx="6" fill="{fill}" stroke="{stroke}"/>"""));
        for (int i = 0; i < node.Lines.Length; i++)
            text.Append(Invariant($"""<text x="{x:0.#}" y="{y + 4.5 + 16 * (i - (node.Lines.Length - 1) / 2.0):0.#}" text-anchor="middle" fill="#111827">{Escaped(node.Lines[i])}</text>"""));
        text.Append('\n');
    }

    private static (string Fill, string Stroke) Colour(NodeKind kind) => kind switch
    {
        NodeKind.Input => ("#dbeafe", "#2563eb"),
        NodeKind.Product => ("#fef3c7", "#b45309"),
        NodeKind.Sum => ("#dcfce7", "#15803d"),
        _ => ("#f3f4f6", "#4b5563"),
    };

    private static string Escaped(string text) => text.Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;");

    private static string Quoted(string text) => $"\"{text.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n")}\"";

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
