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
internal readonly record struct PackStep(int[] Sources, int Sum, int Input, int Channels, int Columns, int Variables, int Offset, int States)
{
    public int StateCount => 1 << Variables;
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
    private const MethodImplOptions Hot = MethodImplOptions.AggressiveOptimization;

    /// <summary>Floats of scratch that a pack needs: values, slopes and products of all states, scales, exponents, largest slopes.</summary>
    public static int ScratchFloats(TablePack pack)
    {
        PackStep last = pack.Steps[^1];
        int units = last.Offset + last.StateCount * last.Channels, states = last.States + last.StateCount;
        int columns = pack.Steps.Max(s => s.Columns * s.StateCount);
        return Lanes * (2 * units + 3 * states + columns + pack.Steps.Max(s => s.Columns) + 1);
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

        public Scratch(TablePack pack, float* memory)
        {
            PackStep last = pack.Steps[^1];
            int units = (last.Offset + last.StateCount * last.Channels) * Lanes, states = (last.States + last.StateCount) * Lanes;
            Values = memory;
            Slopes = Values + units;
            Scales = Slopes + units;
            Exponents = (int*)(Scales + states);
            Errors = Exponents + states;
            Products = Scales + 3 * states;
            Below = Products + pack.Steps.Max(s => s.Columns * s.StateCount) * Lanes;
            Largest = Below + pack.Steps.Max(s => s.Columns) * Lanes;
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
            float* to = tables + pack.Members[m].Offset;
            for (int s = 0; s < top.StateCount; s++)
            {
                for (int k = 0; k < top.Channels; k++) to[k * 16 + s] = values[(s * top.Channels + k) * Lanes + m];
                ((int*)to)[top.Channels * 16 + s] = exponents[s * Lanes + m];
                ((int*)to)[(top.Channels + 1) * 16 + s] = errors[s * Lanes + m];
            }
        }
    }

    /// <summary>Adds the statistics of all members from the slopes of their tables; says whether a slope left the float range.</summary>
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
            float* q = scratch.Slopes + top.Offset * Lanes;
            for (int m = 0; m < Lanes; m++)
                for (int s = 0; s < top.StateCount; s++)
                    for (int k = 0; k < top.Channels; k++)
                        q[(s * top.Channels + k) * Lanes + m] =
                            m < pack.Members.Length && dropped?[m] != true ? slopes[pack.Members[m].Offset + k * 16 + s] : 0;
            new Span<float>(scratch.Largest, Lanes).Clear();
            CarryDown(pack, weights, scratch);
            if (dropped is not null || (dropped = Lost(scratch)) is null) break;
            for (int m = 0; m < pack.Members.Length; m++)
                if (dropped[m])
                    for (int s = 0; s < top.StateCount; s++) lost(m, s);
        }
        Gather(pack, statistics, inputs, inputFlows, scratch);
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
            float* w = weights + pack.Groups[step.Sum];
            for (int s = 0; s < step.StateCount; s++)
            {
                float* p = Product(pack, step, s, scratch, scratch.Below);
                int* own = e + s * Lanes;
                int* error = scratch.Errors + (step.States + s) * Lanes;
                AddExponents(pack, step, s, scratch, own, error);
                PackKernel<L, F, I>.Sum(w, p, y + s * step.Channels * Lanes, scratch.Scales + (step.States + s) * Lanes, own, error, step.Channels, step.Columns);
            }
        }
    }

    [MethodImpl(Hot)]
    private static void CarryDown(TablePack pack, float* weights, in Scratch scratch)
    {
        PackStep top = pack.Steps[^1];
        new Span<float>(scratch.Slopes, top.Offset * Lanes).Clear();
        for (int i = pack.Steps.Length - 1; i >= 0; i--)
        {
            PackStep step = pack.Steps[i];
            if (step.Sum < 0) continue;
            float* w = weights + pack.Groups[step.Sum];
            for (int s = 0; s < step.StateCount; s++)
            {
                float* q = scratch.Slopes + (step.Offset + s * step.Channels) * Lanes;
                PackKernel<L, F, I>.Slopes(w, q, scratch.Scales + (step.States + s) * Lanes, scratch.Below, scratch.Largest, step.Channels, step.Columns);
                PassOn(pack, step, s, scratch);
            }
        }
    }

    /// <summary>Adds the slopes of a product, in Below, times the other factors to each factor.</summary>
    private static void PassOn(TablePack pack, PackStep step, int state, in Scratch scratch)
    {
        int shift = 0;
        for (int t = 0; t < step.Sources.Length; t++)
        {
            PackStep source = pack.Steps[step.Sources[t]];
            float* q = scratch.Slopes + (source.Offset + (state >> shift & (source.StateCount - 1)) * source.Channels) * Lanes;
            float* factor = scratch.Below;
            if (step.Sources.Length == 1)
            {
                for (int o = 0; o < step.Columns * Lanes; o++) q[o] += factor[o];
                return;
            }
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
                    PackKernel<L, F, I>.Multiply(factor, x, scratch.Products, step.Columns);
                    factor = scratch.Products;
                }
            }
            shift += source.Variables;
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
            float* products = scratch.Products;
            if (step.Sources.Length == 1) products = scratch.Values + pack.Steps[step.Sources[0]].Offset * Lanes;
            else
                for (int s = 0; s < step.StateCount; s++) Product(pack, step, s, scratch, products + s * step.Columns * Lanes);
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
        for (int m = 0; m < Lanes; m++)
        {
            StateTable member = pack.Members[Math.Min(m, pack.Members.Length - 1)];
            var table = (float*)inputs(member.Inputs[step.Input]);
            for (int s = 0; s < 2; s++)
            {
                for (int k = 0; k < step.Channels; k++) y[(s * step.Channels + k) * Lanes + m] = table == null ? (k == s ? 1 : 0) : table[16 * k + s];
                e[s * Lanes + m] = table == null ? 0 : ((int*)table)[16 * step.Channels + s];
            }
        }
    }

    /// <summary>The product that a sum mixes in one state, [channel, 16].</summary>
    [MethodImpl(Hot)]
    private static float* Product(TablePack pack, PackStep step, int state, in Scratch scratch, float* to)
    {
        float* product = null;
        foreach (int t in step.Sources)
        {
            ref readonly PackStep source = ref pack.Steps[t];
            float* x = scratch.Values + (source.Offset + (state & (source.StateCount - 1)) * source.Channels) * Lanes;
            state >>= source.Variables;
            if (product != null) PackKernel<L, F, I>.Multiply(product, x, to, step.Columns);
            product = product == null ? x : to;
        }
        return product;
    }

    private static void AddExponents(TablePack pack, PackStep step, int state, in Scratch scratch, int* to, int* error)
    {
        new Span<int>(to, Lanes).Clear();
        new Span<int>(error, Lanes).Fill(SimdLimits.Lost);
        foreach (int t in step.Sources)
        {
            ref readonly PackStep source = ref pack.Steps[t];
            int from = (source.States + (state & (source.StateCount - 1))) * Lanes;
            RegionKernel<L, F, I>.AddExponents(to, scratch.Exponents + from, to, Lanes);
            RegionKernel<L, F, I>.MaxExponents(error, scratch.Errors + from, error, Lanes);
            state >>= source.Variables;
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
