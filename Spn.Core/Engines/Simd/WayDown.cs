using Spn.Core.Plans;

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
    private readonly int lanes;
    private readonly Winner winner;
    private readonly EdgeList edges;
    private readonly double[] terms;
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
        terms = new double[program.Scratch];
    }

    /// <summary>Goes one way.</summary>
    /// <param name="way">The way, whose first choice lies in this component.</param>
    /// <param name="lane">Its lane.</param>
    public void Go(CountedWay way, int lane)
    {
        if (way.Column < 0) return;
        open.Clear();
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
            int column = Choose(op, at.Channel, lane, way.Draws.DoubleAt((ulong)bound.Source.Sums[op.Place]));
            if (column < 0)
            {
                edges.Drop(way);
                return;
            }
            edges.Add(bound.Blocks[op.Place], at.Channel * op.Columns + column);
            PassOn(op, column);
        }
        edges.Close(way);
    }

    private void Push(int slot, int channel)
    {
        if (ops[slot].Kind != OpKind.Input) open.Push((slot, channel));
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

    private int Choose(Op op, int channel, int lane, double uniform)
    {
        Span<double> own = terms.AsSpan(0, op.Columns);
        Inputs(op, lane, own);
        if (winner.Weighted)
        {
            float* w = weights + bound.Weights[op.Place] + channel * op.Columns * op.Stride;
            for (int c = 0; c < own.Length; c++) own[c] *= w[(long)c * op.Stride];
        }
        return Winners.Choose(own, winner.DrawShare, uniform);
    }

    /// <summary>What a sum mixes, [column].</summary>
    private void Inputs(Op op, int lane, Span<double> own)
    {
        if (op.Kind == OpKind.SumOfMany)
        {
            int highest = int.MinValue, at = 0;
            foreach (int slot in op.Sources) highest = Math.Max(highest, ws.Exponents[(long)slot * lanes + lane]);
            foreach (int slot in op.Sources)
            {
                float* x = ws.Units + (long)program.SlotUnits[slot] * lanes + lane;
                int exponent = Math.Max(ws.Exponents[(long)slot * lanes + lane] - highest, -1000);
                for (int k = 0; k < program.SlotChannels[slot]; k++) own[at++] = Math.ScaleB(x[(long)k * lanes], exponent);
            }
            return;
        }
        own.Fill(1);
        for (int t = 0; t < op.Sources.Length; t++)
        {
            float* x = ws.Units + (long)program.SlotUnits[op.Sources[t]] * lanes + lane;
            if (op.Table is null)
                for (int c = 0; c < own.Length; c++) own[c] *= x[(long)c * lanes];
            else
            {
                ReadOnlySpan<int> row = op.Table.Row(t);
                for (int c = 0; c < own.Length; c++) own[c] *= x[(long)row[c] * lanes];
            }
        }
    }
}
