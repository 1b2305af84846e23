using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>The rows of a call, turned round: [variable, row], padded to whole tiles by repeating the last row.</summary>
internal sealed unsafe class PackedEvidence : IDisposable
{
    private readonly Plan plan;
    private readonly bool anyDiscrete;
    private readonly bool anyReal;
    private Evidence? evidence;
    private int[] rows = [];
    private NativeBuffer codes = new(0);
    private NativeBuffer reals = new(0);
    private NativeBuffer hidden = new(0);

    public PackedEvidence(Plan plan)
    {
        this.plan = plan;
        anyDiscrete = plan.InputOf.Any(f => f?.States is not null);
        anyReal = plan.InputOf.Any(f => f is not null && (f.States is null || f.States > 256));
    }

    /// <summary>Distance between variables.</summary>
    public int Stride { get; private set; }

    /// <summary>Values of discrete variables; valid where the family has at most 256 states.</summary>
    public byte* Codes => codes.Raw;

    /// <summary>Values of other variables.</summary>
    public float* Reals => reals.Floats;

    /// <summary><see cref="Nothing"/> where nothing is known of an entry, <see cref="InSet"/> where it lies in a set, 0 where it is observed; null when all are.</summary>
    public byte* Hidden { get; private set; }

    public const byte Nothing = 1, InSet = 2;

    /// <summary>Whether any entry of the batch lies in a set.</summary>
    public bool HasSets => evidence!.HasSets;

    /// <summary>The set that a hidden entry lies in.</summary>
    public ValueSet SetOf(int lane, int variable) => evidence!.SetOf(rows[Math.Min(lane, rows.Length - 1)], variable)!;

    public void Pack(Evidence batch, ReadOnlySpan<int> samples)
    {
        evidence = batch;
        rows = samples.ToArray();
        Stride = (rows.Length + 31) / 32 * 32;
        int variables = plan.Variables;
        bool anyHidden = false;
        if (evidence.HasHidden)
            foreach (int row in rows) anyHidden |= evidence.AnyHidden(row);
        long cells = (long)Stride * variables;
        if (anyDiscrete) Fit(ref codes, cells);
        if (anyReal) Fit(ref reals, cells * sizeof(float));
        if (anyHidden) Fit(ref hidden, cells);
        Hidden = anyHidden ? hidden.Raw : null;

        // Sixteen rows at a time: their values for one variable fill one piece of a cache line.
        for (int first = 0; first < Stride; first += 16)
            for (int lane = first; lane < first + 16; lane++)
            {
                int row = rows[Math.Min(lane, rows.Length - 1)];
                ReadOnlySpan<float> values = evidence.Row(row);
                if (anyDiscrete)
                {
                    byte* to = codes.Raw + lane;
                    for (int v = 0; v < values.Length; v++, to += Stride) *to = (byte)values[v];
                }
                if (anyReal)
                {
                    float* to = reals.Floats + lane;
                    for (int v = 0; v < values.Length; v++, to += Stride) *to = values[v];
                }
                if (anyHidden) PackHidden(row, lane);
            }
    }

    /// <summary>
    /// Marks hidden entries; their values, which may be anything, become 0, or where leaf sums may ask for them the code after the last value.
    /// </summary>
    private void PackHidden(int row, int lane)
    {
        for (int v = 0; v < plan.Variables; v++)
        {
            long at = (long)v * Stride + lane;
            bool isHidden = evidence!.IsHidden(row, v);
            hidden.Raw[at] = !isHidden ? (byte)0 : evidence.SetOf(row, v) is null ? Nothing : InSet;
            if (!isHidden) continue;
            if (anyDiscrete) codes.Raw[at] = plan.InputOf[v] is IndicatorFamily { States: int states and < LeafSums.Codes } ? (byte)states : (byte)0;
            if (anyReal) reals.Floats[at] = 0;
        }
    }

    public void Dispose()
    {
        codes.Dispose();
        reals.Dispose();
        hidden.Dispose();
    }

    private static void Fit(ref NativeBuffer buffer, long bytes)
    {
        if (buffer.Bytes >= bytes) return;
        buffer.Dispose();
        buffer = new NativeBuffer(bytes);
    }
}
