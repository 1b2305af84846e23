using System.Numerics;
using System.Runtime.CompilerServices;
using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>A subtree that is kept as a table: [channel, state], then 16 exponents, then 16 error exponents.</summary>
/// <param name="Component">The component it belongs to, by index.</param>
/// <param name="Top">Its highest region.</param>
/// <param name="Sums">Its sums, in the order of its shape's steps.</param>
/// <param name="Inputs">Its inputs; bit i of a state is the value of input i.</param>
/// <param name="Variables">The variables of its inputs.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Offset">First float of its table.</param>
internal sealed record StateTable(int Component, int Top, int[] Sums, int[] Inputs, int[] Variables, TableShape Shape, int Offset)
{
    public int Channels => Shape.Channels;
}

/// <summary>One step of a subtree's shape.</summary>
/// <param name="Sources">Earlier steps whose product it mixes; empty for an input.</param>
/// <param name="Sum">Index among the sums, or -1 for an input.</param>
/// <param name="Input">Index among the inputs, or -1 for a sum.</param>
/// <param name="Channels">Its channels.</param>
/// <param name="Columns">Columns of its weight block.</param>
/// <param name="Variables">Number of binary variables below it: it has two to that power states.</param>
/// <param name="Offset">First of its units, counted in vectors of 16 floats, [state, channel].</param>
/// <param name="States">First of its states, counted in vectors of 16 floats.</param>
/// <param name="Products">First of the products it mixes, counted in vectors of 16 floats, [state, column].</param>
internal readonly record struct PackStep(int[] Sources, int Sum, int Input, int Channels, int Columns, int Variables, int Offset, int States, int Products)
{
    public int StateCount => 1 << Variables;

    /// <summary>All its states, as bits.</summary>
    public uint AllStates => (1u << StateCount) - 1;

    /// <summary>First vector after its units, states and products.</summary>
    public (int Offset, int States, int Products) End => (Offset + StateCount * Channels, States + StateCount, Products + StateCount * Columns);
}

/// <summary>Up to sixteen subtrees of one shape, evaluated side by side.</summary>
/// <param name="Steps">The shape.</param>
/// <param name="Members">The subtrees.</param>
internal sealed record TablePack(PackStep[] Steps, StateTable[] Members)
{
    /// <summary>For each sum of the shape the first weight of its group; the group's lanes are the members.</summary>
    public int[] Groups { get; set; } = [];

    /// <summary>First float of each member's table.</summary>
    public int[] Tables { get; } = [.. Members.Select(m => m.Offset)];
}

/// <summary>Makes state tables and carries the slopes gathered for them down to weights and input parameters.</summary>
internal sealed unsafe class TablePacks<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const int Lanes = 16;
    private const MethodImplOptions Hot = MethodImplOptions.AggressiveOptimization;

    /// <summary>Floats of scratch that a pack needs: values, slopes, products and their slopes, scales, exponents, errors, largest slopes, a spare run.</summary>
    public static int ScratchFloats(TablePack pack)
    {
        (int units, int states, int products) = pack.Steps[^1].End;
        return Lanes * (2 * units + 3 * states + 2 * products + 1 + pack.Steps.Max(s => Math.Max(s.Columns, s.Channels + 2)));
    }

    private readonly ref struct Scratch
    {
        public readonly float* Values;
        public readonly float* Slopes;
        public readonly float* Scales;
        public readonly int* Exponents;
        public readonly int* Errors;
        public readonly float* Products;
        public readonly float* Below;
        public readonly float* Largest;

        /// <summary>As long as the widest region and its exponents: what nobody reads goes here.</summary>
        public readonly float* Spare;

        public Scratch(TablePack pack, float* memory)
        {
            (int units, int states, int products) = pack.Steps[^1].End;
            Values = memory;
            Slopes = Values + units * Lanes;
            Scales = Slopes + units * Lanes;
            Exponents = (int*)(Scales + states * Lanes);
            Errors = Exponents + states * Lanes;
            Products = Scales + 3 * states * Lanes;
            Below = Products + products * Lanes;
            Largest = Below + products * Lanes;
            Spare = Largest + Lanes;
        }
    }

    /// <summary>Evaluates all states of all members and writes their tables.</summary>
    /// <param name="pack">The pack.</param>
    /// <param name="weights">Weights in the engine's layout.</param>
    /// <param name="inputs">First float of an input region's value table, by region, or 0 for indicators; null when all are.</param>
    /// <param name="tables">Receives the tables.</param>
    /// <param name="memory">Scratch.</param>
    [MethodImpl(Hot)]
    public static void Make(TablePack pack, float* weights, Func<int, nint>? inputs, float* tables, float* memory)
    {
        var scratch = new Scratch(pack, memory);
        Span<uint> wanted = stackalloc uint[pack.Steps.Length];
        for (int i = 0; i < wanted.Length; i++) wanted[i] = pack.Steps[i].AllStates;
        Upward(pack, weights, inputs, wanted, scratch);
        PackStep top = pack.Steps[^1];
        float** to = stackalloc float*[Lanes], values = stackalloc float*[Lanes], exponents = stackalloc float*[Lanes], errors = stackalloc float*[Lanes];
        Runs(pack, tables, scratch.Spare, to);
        Rows(top, scratch.Values + top.Offset * Lanes, top.Channels, scratch.Spare, values);
        Rows(top, (float*)scratch.Exponents + top.States * Lanes, 1, scratch.Spare, exponents);
        Rows(top, (float*)scratch.Errors + top.States * Lanes, 1, scratch.Spare, errors);
        for (int k = 0; k < top.Channels; k++) TransposeKernel.Turn(values, Lanes * k, to, 16 * k);
        TransposeKernel.Turn(exponents, 0, to, 16 * top.Channels);
        TransposeKernel.Turn(errors, 0, to, 16 * (top.Channels + 1));
    }

    /// <summary>The table of each member; lanes without one get the spare run.</summary>
    private static void Runs(TablePack pack, float* tables, float* spare, float** runs)
    {
        int[] own = pack.Tables;
        for (int m = 0; m < Lanes; m++) runs[m] = m < own.Length ? tables + own[m] : spare;
    }

    /// <summary>The first vector of each state; states that the top does not have get the spare run.</summary>
    private static void Rows(PackStep top, float* first, int channels, float* spare, float** rows)
    {
        for (int s = 0; s < 16; s++) rows[s] = s < top.StateCount ? first + s * channels * Lanes : spare;
    }

    /// <summary>Adds the statistics of all members from the slopes of their tables.</summary>
    /// <param name="pack">The pack.</param>
    /// <param name="weights">Weights in the engine's layout.</param>
    /// <param name="statistics">Statistics in the same layout, added to.</param>
    /// <param name="first">Whether nothing was added to the statistics before: what is there then gives way.</param>
    /// <param name="inputs">First float of an input region's value table, by region, or 0 for indicators; null when all are.</param>
    /// <param name="slopes">Slopes of the tables, laid out as the tables.</param>
    /// <param name="lost">Told (member, state) of slopes that left the range; those are left out.</param>
    /// <param name="inputFlows">Told (input region, component, value, flow).</param>
    /// <param name="memory">Scratch.</param>
    [MethodImpl(Hot)]
    public static void Downward(TablePack pack, float* weights, float* statistics, bool first, Func<int, nint>? inputs, float* slopes,
        Action<int, int> lost, Action<int, int, int, double> inputFlows, float* memory)
    {
        var scratch = new Scratch(pack, memory);
        PackStep top = pack.Steps[^1];
        Span<uint> states = stackalloc uint[pack.Steps.Length];
        GatherSlopes(pack, slopes, null, scratch);
        FindStates(pack, states, scratch);
        Upward(pack, weights, inputs, states, scratch);
        CarryDown(pack, weights, inputs, states, scratch);
        if (Lost(scratch) is { } dropped)
        {
            for (int m = 0; m < pack.Members.Length; m++)
                if (dropped[m])
                    for (int s = 0; s < top.StateCount; s++) lost(m, s);
            GatherSlopes(pack, slopes, dropped, scratch);
            CarryDown(pack, weights, inputs, states, scratch);
        }
        Gather(pack, statistics, first, inputs, inputFlows, states, scratch);
    }

    /// <summary>Turns the members' slopes round: [channel, state] of each becomes [state, channel, member].</summary>
    [MethodImpl(Hot)]
    private static void GatherSlopes(TablePack pack, float* slopes, bool[]? dropped, in Scratch scratch)
    {
        PackStep top = pack.Steps[^1];
        float* q = scratch.Slopes + top.Offset * Lanes;
        float** from = stackalloc float*[Lanes], to = stackalloc float*[Lanes];
        Runs(pack, slopes, scratch.Spare, from);
        Rows(top, q, top.Channels, scratch.Spare, to);
        for (int k = 0; k < top.Channels; k++) TransposeKernel.Turn(from, 16 * k, to, Lanes * k);
        // Lanes without a member, or whose slopes left the range, count for nothing.
        for (int m = 0; m < Lanes; m++)
            if (m >= pack.Members.Length || dropped?[m] == true)
                for (int i = 0; i < top.StateCount * top.Channels; i++) q[i * Lanes + m] = 0;
    }

    /// <summary>The states of each step that slopes reach: sparse samples show few states of a table.</summary>
    private static void FindStates(TablePack pack, Span<uint> states, in Scratch scratch)
    {
        states.Clear();
        PackStep top = pack.Steps[^1];
        states[^1] = PackKernel<L, F, I>.StatesWithSlopes(scratch.Slopes + top.Offset * Lanes, top.StateCount, top.Channels);
        for (int i = pack.Steps.Length - 1; i >= 0; i--)
        {
            int shift = 0;
            foreach (int source in pack.Steps[i].Sources)
            {
                for (uint left = states[i]; left != 0; left &= left - 1)
                    states[source] |= 1u << (BitOperations.TrailingZeroCount(left) >> shift & (pack.Steps[source].StateCount - 1));
                shift += pack.Steps[source].Variables;
            }
        }
    }

    /// <summary>Whether a step mixes the values of an indicator, so that each state picks a column of its weights.</summary>
    private static bool Picks(TablePack pack, PackStep step, Func<int, nint>? inputs) =>
        step.Sources.Length == 1 && pack.Steps[step.Sources[0]] is { Sum: < 0 } below && IsIndicator(pack, below, inputs);

    private static bool IsIndicator(TablePack pack, PackStep step, Func<int, nint>? inputs) => inputs is null || inputs(pack.Members[0].Inputs[step.Input]) == 0;

    [MethodImpl(Hot)]
    private static void Upward(TablePack pack, float* weights, Func<int, nint>? inputs, ReadOnlySpan<uint> wanted, in Scratch scratch)
    {
        for (int i = 0; i < wanted.Length; i++)
        {
            PackStep step = pack.Steps[i];
            float* y = scratch.Values + step.Offset * Lanes, scale = scratch.Scales + step.States * Lanes;
            int* e = scratch.Exponents + step.States * Lanes, error = scratch.Errors + step.States * Lanes;
            if (step.Sum < 0)
            {
                FillInput(pack, step, inputs, y, e);
                new Span<int>(error, 2 * Lanes).Fill(SimdLimits.Lost);
            }
            else if (Picks(pack, step, inputs)) PackKernel<L, F, I>.Pick(weights + pack.Groups[step.Sum], y, scale, e, error, step.Channels);
            else
            {
                float* p = Join(pack, step, wanted[i], scratch, e, error);
                PackKernel<L, F, I>.Sum(weights + pack.Groups[step.Sum], p, y, scale, e, error, wanted[i], step.Channels, step.Columns);
            }
        }
    }

    /// <summary>The products that a sum mixes, [state, column, 16], with their exponents and errors.</summary>
    [MethodImpl(Hot)]
    private static float* Join(TablePack pack, PackStep step, uint wanted, in Scratch scratch, int* e, int* error)
    {
        PackStep a = pack.Steps[step.Sources[0]];
        float* x = scratch.Values + a.Offset * Lanes, own = scratch.Products + step.Products * Lanes;
        int* ex = scratch.Exponents + a.States * Lanes, errorX = scratch.Errors + a.States * Lanes;
        if (step.Sources.Length == 1)
        {
            new Span<int>(ex, a.StateCount * Lanes).CopyTo(new Span<int>(e, a.StateCount * Lanes));
            new Span<int>(errorX, a.StateCount * Lanes).CopyTo(new Span<int>(error, a.StateCount * Lanes));
            return x;
        }
        int states = a.StateCount, shift = a.Variables;
        for (int t = 1; t < step.Sources.Length; t++)
        {
            PackStep b = pack.Steps[step.Sources[t]];
            PackKernel<L, F, I>.Products(x, states, scratch.Values + b.Offset * Lanes, b.StateCount, shift, own, wanted, step.Columns);
            PackKernel<L, F, I>.Exponents(ex, errorX, states, scratch.Exponents + b.States * Lanes, scratch.Errors + b.States * Lanes, b.StateCount, shift, e, error, wanted);
            // A third factor and more multiply in place, by states of the whole.
            x = own;
            ex = e;
            errorX = error;
            states = step.StateCount;
            shift += b.Variables;
        }
        return own;
    }

    [MethodImpl(Hot)]
    private static void CarryDown(TablePack pack, float* weights, Func<int, nint>? inputs, ReadOnlySpan<uint> states, in Scratch scratch)
    {
        PackStep top = pack.Steps[^1];
        new Span<float>(scratch.Slopes, top.Offset * Lanes).Clear();
        new Span<float>(scratch.Largest, Lanes).Clear();
        for (int i = states.Length - 1; i >= 0; i--)
        {
            PackStep step = pack.Steps[i];
            if (step.Sum < 0) continue;
            bool ends = Picks(pack, step, inputs);
            PackKernel<L, F, I>.Slopes(weights + pack.Groups[step.Sum], scratch.Slopes + step.Offset * Lanes, scratch.Scales + step.States * Lanes,
                ends ? null : scratch.Below, scratch.Largest, states[i], step.Channels, step.Columns);
            if (!ends) PassOn(pack, step, states[i], scratch);
        }
    }

    /// <summary>Adds the slopes of a product times the other factors to each factor.</summary>
    [MethodImpl(Hot)]
    private static void PassOn(TablePack pack, PackStep step, uint states, in Scratch scratch)
    {
        PackStep a = pack.Steps[step.Sources[0]];
        float* d = scratch.Below;
        if (step.Sources.Length == 2)
        {
            PackStep b = pack.Steps[step.Sources[1]];
            PackKernel<L, F, I>.PassOn(d, scratch.Values + a.Offset * Lanes, scratch.Slopes + a.Offset * Lanes,
                scratch.Values + b.Offset * Lanes, scratch.Slopes + b.Offset * Lanes, a.Variables, states, step.Columns);
            return;
        }
        for (; states != 0; states &= states - 1)
        {
            int state = BitOperations.TrailingZeroCount(states);
            PassOnState(pack, step, state, d + state * step.Columns * Lanes, scratch);
        }
    }

    /// <summary>One state of a product of one factor, or of three and more.</summary>
    private static void PassOnState(TablePack pack, PackStep step, int state, float* d, in Scratch scratch)
    {
        int shift = 0;
        for (int t = 0; t < step.Sources.Length; t++)
        {
            PackStep source = pack.Steps[step.Sources[t]];
            float* q = scratch.Slopes + (source.Offset + (state >> shift & (source.StateCount - 1)) * source.Channels) * Lanes;
            shift += source.Variables;
            float* factor = d;
            int otherShift = 0, left = step.Sources.Length - 1;
            if (left == 0) PackKernel<L, F, I>.Add(d, q, step.Columns);
            for (int u = 0; u < step.Sources.Length; u++)
            {
                PackStep other = pack.Steps[step.Sources[u]];
                float* x = scratch.Values + (other.Offset + (state >> otherShift & (other.StateCount - 1)) * other.Channels) * Lanes;
                otherShift += other.Variables;
                if (u == t) continue;
                if (--left == 0) PackKernel<L, F, I>.MultiplyAdd(factor, x, q, step.Columns);
                else
                {
                    PackKernel<L, F, I>.Multiply(factor, x, scratch.Spare, step.Columns);
                    factor = scratch.Spare;
                }
            }
        }
    }

    [MethodImpl(Hot)]
    private static void Gather(TablePack pack, float* statistics, bool first, Func<int, nint>? inputs, Action<int, int, int, double> inputFlows,
        ReadOnlySpan<uint> states, in Scratch scratch)
    {
        for (int i = 0; i < states.Length; i++)
        {
            PackStep step = pack.Steps[i];
            float* q = scratch.Slopes + step.Offset * Lanes;
            if (step.Sum < 0)
            {
                GatherInput(pack, step, inputs, inputFlows, scratch);
                continue;
            }
            float* own = statistics + pack.Groups[step.Sum];
            if (Picks(pack, step, inputs))
            {
                PackKernel<L, F, I>.PickStatistics(own, q, states[i], step.Channels, first);
                continue;
            }
            float* products = step.Sources.Length == 1
                ? scratch.Values + pack.Steps[step.Sources[0]].Offset * Lanes
                : scratch.Products + step.Products * Lanes;
            PackKernel<L, F, I>.AddStatistics(own, q, products, states[i], step.Channels, step.Columns, first);
        }
    }

    private static void GatherInput(TablePack pack, PackStep step, Func<int, nint>? inputs, Action<int, int, int, double> inputFlows, in Scratch scratch)
    {
        if (IsIndicator(pack, step, inputs)) return;
        for (int m = 0; m < pack.Members.Length; m++)
            for (int s = 0; s < 2; s++)
                for (int k = 0; k < step.Channels; k++)
                {
                    int at = (step.Offset + s * step.Channels + k) * Lanes + m;
                    inputFlows(pack.Members[m].Inputs[step.Input], k, s, scratch.Slopes[at] * scratch.Values[at]);
                }
    }

    private static void FillInput(TablePack pack, PackStep step, Func<int, nint>? inputs, float* y, int* e)
    {
        if (IsIndicator(pack, step, inputs))
        {
            // Indicators: channel s is 1 in state s.
            new Span<float>(y, 4 * Lanes).Clear();
            new Span<float>(y, Lanes).Fill(1);
            new Span<float>(y + 3 * Lanes, Lanes).Fill(1);
            new Span<int>(e, 2 * Lanes).Clear();
            return;
        }
        for (int m = 0; m < Lanes; m++)
        {
            StateTable member = pack.Members[Math.Min(m, pack.Members.Length - 1)];
            var table = (float*)inputs!(member.Inputs[step.Input]);
            for (int s = 0; s < 2; s++)
            {
                for (int k = 0; k < step.Channels; k++) y[(s * step.Channels + k) * Lanes + m] = table[16 * k + s];
                e[s * Lanes + m] = ((int*)table)[16 * step.Channels + s];
            }
        }
    }

    /// <summary>The members whose slopes left the float range, or null when none did.</summary>
    private static bool[]? Lost(in Scratch scratch)
    {
        bool[]? lost = null;
        for (int m = 0; m < Lanes; m++)
            if (!(scratch.Largest[m] < SimdLimits.LargestSlope)) (lost ??= new bool[Lanes])[m] = true;
        return lost;
    }
}
