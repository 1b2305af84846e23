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
}

/// <summary>Makes state tables and carries the slopes gathered for them down to weights and input parameters.</summary>
internal sealed unsafe class TablePacks<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const int Lanes = 16;
    private const int MostStates = 16;
    private const MethodImplOptions Hot = MethodImplOptions.AggressiveOptimization;

    /// <summary>Floats of scratch that a pack needs: values, slopes, products and their slopes, scales, exponents, errors, largest slopes.</summary>
    public static int ScratchFloats(TablePack pack)
    {
        (int units, int states, int products) = pack.Steps[^1].End;
        return Lanes * (2 * units + 3 * states + 2 * products + 1 + 2 * MostStates);
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
        public readonly int* Aside;

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
            Aside = (int*)(Largest + Lanes);
        }
    }

    /// <summary>Evaluates all states of all members and writes their tables.</summary>
    /// <param name="pack">The pack.</param>
    /// <param name="weights">Weights in the engine's layout.</param>
    /// <param name="inputs">First float of an input region's value table, by region, or null for indicators.</param>
    /// <param name="tables">Receives the tables.</param>
    /// <param name="memory">Scratch.</param>
    [MethodImpl(Hot)]
    public static void Make(TablePack pack, float* weights, Func<int, nint> inputs, float* tables, float* memory)
    {
        var scratch = new Scratch(pack, memory);
        Upward(pack, weights, inputs, scratch);
        PackStep top = pack.Steps[^1];
        float* values = scratch.Values + top.Offset * Lanes;
        int* exponents = scratch.Exponents + top.States * Lanes, errors = scratch.Errors + top.States * Lanes;
        for (int m = 0; m < pack.Members.Length; m++)
        {
            float* to = tables + pack.Members[m].Offset, from = values + m;
            for (int s = 0; s < top.StateCount; s++)
                for (int k = 0; k < top.Channels; k++, from += Lanes) to[k * 16 + s] = *from;
            int* toInt = (int*)to + top.Channels * 16;
            for (int s = 0; s < top.StateCount; s++)
            {
                toInt[s] = exponents[s * Lanes + m];
                toInt[16 + s] = errors[s * Lanes + m];
            }
        }
    }

    /// <summary>Adds the statistics of all members from the slopes of their tables.</summary>
    /// <param name="pack">The pack.</param>
    /// <param name="weights">Weights in the engine's layout.</param>
    /// <param name="statistics">Statistics in the same layout, added to.</param>
    /// <param name="inputs">First float of an input region's value table, by region, or null for indicators.</param>
    /// <param name="slopes">Slopes of the tables, laid out as the tables.</param>
    /// <param name="lost">Told (member, state) of slopes that left the range; those are left out.</param>
    /// <param name="inputFlows">Told (input region, component, value, flow).</param>
    /// <param name="memory">Scratch.</param>
    [MethodImpl(Hot)]
    public static void Downward(
        TablePack pack, float* weights, float* statistics, Func<int, nint> inputs, float* slopes, Action<int, int> lost, Action<int, int, int, double> inputFlows, float* memory)
    {
        var scratch = new Scratch(pack, memory);
        Upward(pack, weights, inputs, scratch);
        PackStep top = pack.Steps[^1];
        bool[]? dropped = null;
        while (true)
        {
            GatherSlopes(pack, slopes, dropped, scratch.Slopes + top.Offset * Lanes);
            new Span<float>(scratch.Largest, Lanes).Clear();
            CarryDown(pack, weights, inputs, scratch);
            if (dropped is not null || (dropped = Lost(scratch)) is null) break;
            for (int m = 0; m < pack.Members.Length; m++)
                if (dropped[m])
                    for (int s = 0; s < top.StateCount; s++) lost(m, s);
        }
        Gather(pack, statistics, inputs, inputFlows, scratch);
    }

    /// <summary>Turns the members' slopes round: [channel, state] of each becomes [state, channel, member].</summary>
    [MethodImpl(Hot)]
    private static void GatherSlopes(TablePack pack, float* slopes, bool[]? dropped, float* q)
    {
        PackStep top = pack.Steps[^1];
        float** from = stackalloc float*[Lanes];
        for (int m = 0; m < Lanes; m++) from[m] = slopes + pack.Members[Math.Min(m, pack.Members.Length - 1)].Offset;
        for (int k = 0; k < top.Channels; k++)
            for (int s = 0; s < top.StateCount; s++)
            {
                float* to = q + (s * top.Channels + k) * Lanes;
                int at = 16 * k + s;
                for (int m = 0; m < Lanes; m += 4)
                {
                    to[m] = from[m][at];
                    to[m + 1] = from[m + 1][at];
                    to[m + 2] = from[m + 2][at];
                    to[m + 3] = from[m + 3][at];
                }
            }
        // Lanes without a member, or whose slopes left the range, count for nothing.
        for (int m = 0; m < Lanes; m++)
            if (m >= pack.Members.Length || dropped?[m] == true)
                for (int i = 0; i < top.StateCount * top.Channels; i++) q[i * Lanes + m] = 0;
    }

    [MethodImpl(Hot)]
    private static void Upward(TablePack pack, float* weights, Func<int, nint> inputs, in Scratch scratch)
    {
        foreach (PackStep step in pack.Steps)
        {
            float* y = scratch.Values + step.Offset * Lanes;
            int* e = scratch.Exponents + step.States * Lanes;
            if (step.Sum < 0)
            {
                FillInput(pack, step, inputs, y, e);
                new Span<int>(scratch.Errors + step.States * Lanes, 2 * Lanes).Fill(SimdLimits.Lost);
                continue;
            }
            float* p = Join(pack, step, scratch, e, scratch.Errors + step.States * Lanes);
            PackKernel<L, F, I>.Sum(weights + pack.Groups[step.Sum], p, y, scratch.Scales + step.States * Lanes, e, scratch.Errors + step.States * Lanes,
                step.StateCount, step.Channels, step.Columns);
        }
    }

    /// <summary>The products that a sum mixes, [state, column, 16], with their exponents and errors.</summary>
    [MethodImpl(Hot)]
    private static float* Join(TablePack pack, PackStep step, in Scratch scratch, int* e, int* error)
    {
        PackStep first = pack.Steps[step.Sources[0]];
        float* product = scratch.Values + first.Offset * Lanes, own = scratch.Products + step.Products * Lanes;
        int states = first.StateCount;
        new Span<int>(scratch.Exponents + first.States * Lanes, states * Lanes).CopyTo(new Span<int>(e, states * Lanes));
        new Span<int>(scratch.Errors + first.States * Lanes, states * Lanes).CopyTo(new Span<int>(error, states * Lanes));
        for (int t = 1; t < step.Sources.Length; t++)
        {
            PackStep next = pack.Steps[step.Sources[t]];
            int size = states * step.Columns * Lanes;
            // The factors so far stand at the start of the place that receives the longer product: they move aside first.
            if (t > 1)
            {
                new Span<float>(own, size).CopyTo(new Span<float>(scratch.Below, size));
                product = scratch.Below;
            }
            PackKernel<L, F, I>.Products(product, states, scratch.Values + next.Offset * Lanes, next.StateCount, own, step.Columns);
            int* aside = scratch.Aside;
            new Span<int>(e, states * Lanes).CopyTo(new Span<int>(aside, states * Lanes));
            new Span<int>(error, states * Lanes).CopyTo(new Span<int>(aside + states * Lanes, states * Lanes));
            PackKernel<L, F, I>.Exponents(aside, aside + states * Lanes, states, scratch.Exponents + next.States * Lanes, scratch.Errors + next.States * Lanes,
                next.StateCount, e, error);
            product = own;
            states *= next.StateCount;
        }
        return product;
    }

    [MethodImpl(Hot)]
    private static void CarryDown(TablePack pack, float* weights, Func<int, nint> inputs, in Scratch scratch)
    {
        PackStep top = pack.Steps[^1];
        new Span<float>(scratch.Slopes, top.Offset * Lanes).Clear();
        for (int i = pack.Steps.Length - 1; i >= 0; i--)
        {
            PackStep step = pack.Steps[i];
            if (step.Sum < 0) continue;
            PackStep below = pack.Steps[step.Sources[0]];
            bool ends = below.Sum < 0 && step.Sources.Length == 1 && inputs(pack.Members[0].Inputs[below.Input]) == 0;
            float* d = ends ? null : scratch.Below;
            PackKernel<L, F, I>.Slopes(weights + pack.Groups[step.Sum], scratch.Slopes + step.Offset * Lanes, scratch.Scales + step.States * Lanes, d, scratch.Largest,
                step.StateCount, step.Channels, step.Columns);
            if (!ends) PassOn(pack, step, d, scratch);
        }
    }

    /// <summary>Adds the slopes of a product times the other factors to each factor.</summary>
    [MethodImpl(Hot)]
    private static void PassOn(TablePack pack, PackStep step, float* d, in Scratch scratch)
    {
        PackStep a = pack.Steps[step.Sources[0]];
        float* qa = scratch.Slopes + a.Offset * Lanes;
        if (step.Sources.Length == 1)
        {
            RegionKernel<L, F, I>.Add(d, qa, step.StateCount * step.Columns * Lanes);
            return;
        }
        if (step.Sources.Length == 2)
        {
            PackStep b = pack.Steps[step.Sources[1]];
            PackKernel<L, F, I>.PassOn(d, scratch.Values + a.Offset * Lanes, qa, a.StateCount,
                scratch.Values + b.Offset * Lanes, scratch.Slopes + b.Offset * Lanes, b.StateCount, step.Columns);
            return;
        }
        float* spare = scratch.Products + step.Products * Lanes;
        for (int state = 0; state < step.StateCount; state++, d += step.Columns * Lanes)
            PassOnState(pack, step, state, d, spare, scratch);
        // The products were overwritten and are needed once more.
        Join(pack, step, scratch, scratch.Exponents + step.States * Lanes, scratch.Errors + step.States * Lanes);
    }

    /// <summary>One state of a product of three or more factors.</summary>
    private static void PassOnState(TablePack pack, PackStep step, int state, float* d, float* spare, in Scratch scratch)
    {
        int shift = 0;
        for (int t = 0; t < step.Sources.Length; t++)
        {
            PackStep source = pack.Steps[step.Sources[t]];
            float* q = scratch.Slopes + (source.Offset + (state >> shift & (source.StateCount - 1)) * source.Channels) * Lanes;
            shift += source.Variables;
            float* factor = d;
            int otherShift = 0;
            for (int u = 0, left = step.Sources.Length - 1; u < step.Sources.Length; u++)
            {
                PackStep other = pack.Steps[step.Sources[u]];
                float* x = scratch.Values + (other.Offset + (state >> otherShift & (other.StateCount - 1)) * other.Channels) * Lanes;
                otherShift += other.Variables;
                if (u == t) continue;
                if (--left == 0) PackKernel<L, F, I>.MultiplyAdd(factor, x, q, step.Columns);
                else
                {
                    PackKernel<L, F, I>.Multiply(factor, x, spare, step.Columns);
                    factor = spare;
                }
            }
        }
    }

    [MethodImpl(Hot)]
    private static void Gather(TablePack pack, float* statistics, Func<int, nint> inputs, Action<int, int, int, double> inputFlows, in Scratch scratch)
    {
        foreach (PackStep step in pack.Steps)
        {
            float* q = scratch.Slopes + step.Offset * Lanes;
            if (step.Sum < 0)
            {
                GatherInput(pack, step, inputs, inputFlows, scratch);
                continue;
            }
            float* products = step.Sources.Length == 1
                ? scratch.Values + pack.Steps[step.Sources[0]].Offset * Lanes
                : scratch.Products + step.Products * Lanes;
            PackKernel<L, F, I>.AddStatistics(statistics + pack.Groups[step.Sum], q, products, step.StateCount, step.Channels, step.Columns);
        }
    }

    private static void GatherInput(TablePack pack, PackStep step, Func<int, nint> inputs, Action<int, int, int, double> inputFlows, in Scratch scratch)
    {
        if (inputs(pack.Members[0].Inputs[step.Input]) == 0) return;
        for (int m = 0; m < pack.Members.Length; m++)
            for (int s = 0; s < 2; s++)
                for (int k = 0; k < step.Channels; k++)
                {
                    int at = (step.Offset + s * step.Channels + k) * Lanes + m;
                    inputFlows(pack.Members[m].Inputs[step.Input], k, s, scratch.Slopes[at] * scratch.Values[at]);
                }
    }

    private static void FillInput(TablePack pack, PackStep step, Func<int, nint> inputs, float* y, int* e)
    {
        if (inputs(pack.Members[0].Inputs[step.Input]) == 0)
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
            var table = (float*)inputs(member.Inputs[step.Input]);
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
