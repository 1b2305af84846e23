using System.Numerics;
using System.Runtime.CompilerServices;

namespace Spn.Core.Engines.Simd;

/// <summary>Ways down one lane at a time: only the steps on the way are looked at.</summary>
internal sealed unsafe class WayDown<L, F, I>
    where L : Kernels.ILanes<F, I>
    where F : struct
    where I : struct
{
    private readonly BoundComponent bound;
    private readonly Op[] ops;
    private readonly OpProgram program;
    private readonly Workspace ws;
    private readonly float* weights;
    private readonly ushort* winners;
    private readonly int lanes;
    private readonly Winner winner;
    private readonly EdgeList edges;
    private readonly bool withEnds;
    private CountedWay current;
    private readonly float[] terms;
    private readonly float[] factors;
    private readonly double[] wideTerms;
    private readonly Stack<(int Slot, int Channel)> open = new();

    /// <param name="bound">The component; every slot of its program has one step.</param>
    /// <param name="source">The run.</param>
    /// <param name="ws">Units of an upward pass.</param>
    /// <param name="lanes">Number of lanes.</param>
    /// <param name="winner">How sums choose.</param>
    /// <param name="edges">Receives the edges.</param>
    public WayDown(BoundComponent bound, in RunSource source, Workspace ws, int lanes, Winner winner, EdgeList edges)
    {
        (this.bound, this.ws, this.lanes, this.winner, this.edges) = (bound, ws, lanes, winner, edges);
        program = bound.Program;
        ops = program.Ops;
        weights = source.Weights;
        winners = source.Winners;
        withEnds = source.Gathering == InputGathering.Statistics;
        terms = new float[program.Scratch];
        factors = new float[program.Scratch];
        wideTerms = new double[program.Scratch];
    }

    /// <summary>Goes one way.</summary>
    /// <param name="way">The way, whose first choice lies in this component.</param>
    /// <param name="lane">Its lane.</param>
    public void Go(CountedWay way, int lane)
    {
        if (way.Column < 0) return;
        open.Clear();
        current = way;
        for (int b = 0; b < program.Boundary.Length; b++)
        {
            int channel = way.Column - bound.Source.Columns[b];
            if (channel >= 0 && channel < program.SlotChannels[program.Boundary[b]]) Push(program.Boundary[b], channel);
        }
        while (open.TryPop(out (int Slot, int Channel) at))
        {
            Op op = ops[at.Slot];
            if (op.Kind == OpKind.Product)
            {
                PassOn(op, at.Channel);
                continue;
            }
            int column = winners == null ? Choose(op, at.Channel, lane, way) : winners[(long)at.Slot * lanes + lane];
            if (column is < 0 or RunSource.None)
            {
                edges.Drop(way);
                return;
            }
            edges.Add(bound.Blocks[op.Place], at.Channel * op.Columns + column);
            PassOn(op, column);
        }
        edges.Close(way.Count);
    }

    private void Push(int slot, int channel)
    {
        Op op = ops[slot];
        if (op.Inputs.Length == 0) open.Push((slot, channel));
        else if (withEnds)
            foreach (Op input in op.Inputs) edges.AddEnd(new InputEnd(current.Row, bound.Source.Inputs[input.Place], channel, current.Count));
    }

    private void PassOn(Op op, int column)
    {
        for (int t = 0; t < op.Sources.Length; t++)
        {
            int slot = op.Sources[t];
            if (op.Kind == OpKind.SumOfMany)
            {
                int channels = program.SlotChannels[slot];
                if (column < channels)
                {
                    Push(slot, column);
                    return;
                }
                column -= channels;
            }
            else Push(slot, op.Table is null ? column : op.Table[t, column]);
        }
    }

    private int Choose(Op op, int channel, int lane, in CountedWay way)
    {
        double uniform = way.Draws.DoubleAt((ulong)bound.Source.Sums[op.Place]);
        Span<float> own = terms.AsSpan(0, op.Columns);
        Inputs(op, lane, own);
        if (winner.Weighted)
        {
            float* w = weights + bound.Weights[op.Place] + (long)channel * op.Columns * op.Stride;
            if (op.Stride == 1) Multiply(own, w);
            else for (int c = 0; c < own.Length; c++) own[c] *= w[(long)c * op.Stride];
        }
        return winner.DrawShare == 0 && Largest(own) is var column and >= 0 ? column : Winners.Choose(Widen(own), winner.DrawShare, uniform);
    }

    private Span<double> Widen(ReadOnlySpan<float> own)
    {
        Span<double> wide = wideTerms.AsSpan(0, own.Length);
        for (int c = 0; c < own.Length; c++) wide[c] = own[c];
        return wide;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply(Span<float> own, float* w)
    {
        int c = 0;
        for (; c + Vector<float>.Count <= own.Length; c += Vector<float>.Count)
            (new Vector<float>(own[c..]) * Unsafe.ReadUnaligned<Vector<float>>(w + c)).CopyTo(own[c..]);
        for (; c < own.Length; c++) own[c] *= w[c];
    }

    /// <summary>The largest term, -1 when it is not the only one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Largest(ReadOnlySpan<float> own)
    {
        float most = 0;
        int c = 0;
        if (own.Length >= Vector<float>.Count)
        {
            Vector<float> all = default;
            for (; c + Vector<float>.Count <= own.Length; c += Vector<float>.Count) all = Vector.Max(all, new Vector<float>(own[c..]));
            for (int i = 0; i < Vector<float>.Count; i++) most = Math.Max(most, all[i]);
        }
        for (; c < own.Length; c++) most = Math.Max(most, own[c]);
        int first = own.IndexOf(most);
        return most > 0 && own[(first + 1)..].IndexOf(most) < 0 ? first : -1;
    }

    /// <summary>What a sum mixes, [column].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Inputs(Op op, int lane, Span<float> own)
    {
        if (op.Kind == OpKind.SumOfMany)
        {
            int highest = int.MinValue, at = 0;
            foreach (int slot in op.Sources) highest = Math.Max(highest, ws.Exponents[(long)slot * lanes + lane]);
            foreach (int slot in op.Sources)
            {
                float* x = ws.Units + (long)program.SlotUnits[slot] * lanes + lane;
                int exponent = Math.Max(ws.Exponents[(long)slot * lanes + lane] - highest, -1000);
                for (int k = 0; k < program.SlotChannels[slot]; k++) own[at++] = MathF.ScaleB(x[(long)k * lanes], exponent);
            }
            return;
        }
        if (op.Table is { Split: > 0 and var inner })
        {
            Span<float> u = factors.AsSpan(0, inner), v = factors.AsSpan(inner, op.Columns / inner);
            u.Fill(1);
            v.Fill(1);
            for (int t = 0; t < op.Sources.Length; t++)
            {
                bool first = op.Table.InFirstFactor(t);
                Span<float> factor = first ? u : v;
                ReadOnlySpan<int> row = op.Table.Row(t);
                float* x = ws.Units + (long)program.SlotUnits[op.Sources[t]] * lanes + lane;
                for (int j = 0; j < factor.Length; j++) factor[j] *= x[(long)row[first ? j : j * inner] * lanes];
            }
            for (int g = 0, c = 0; g < v.Length; g++)
                for (int j = 0; j < u.Length; j++) own[c++] = u[j] * v[g];
            return;
        }
        for (int t = 0; t < op.Sources.Length; t++)
        {
            float* x = ws.Units + (long)program.SlotUnits[op.Sources[t]] * lanes + lane;
            ReadOnlySpan<int> row = op.Table is null ? default : op.Table.Row(t);
            for (int c = 0; c < own.Length; c++)
            {
                float factor = x[(long)(row.IsEmpty ? c : row[c]) * lanes];
                own[c] = t == 0 ? factor : own[c] * factor;
            }
        }
    }
}
