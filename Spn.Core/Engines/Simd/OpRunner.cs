using System.Runtime.CompilerServices;
using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>Runs the steps of a program on a tile of lanes: upward, downward, statistics.</summary>
internal static unsafe partial class OpRunner<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <summary>Up to this depth the bound on errors may grow all the way; deeper programs look where it can be reset.</summary>
    private const int MostDepthUnsettled = 16;

    // Work starts at full speed: these loops would otherwise run a good part of a short training unoptimised.
    private const MethodImplOptions Hot = MethodImplOptions.AggressiveOptimization;

    [MethodImpl(Hot)]
    public static void Forward(OpProgram program, in RunSource source, Workspace ws, int lanes)
    {
        foreach (Op op in program.Ops) Forward(program, op, source, ws, lanes);
    }

    [MethodImpl(Hot)]
    public static void Forward(OpProgram program, Op op, in RunSource source, Workspace ws, int lanes)
    {
        float* y = ws.Units + (long)program.SlotUnits[op.Slot] * lanes;
        int* e = ws.Exponents + (long)op.Slot * lanes;
        float* scale = ws.Scales == null ? null : ws.Scales + (long)op.Slot * lanes;
        int* error = ErrorsOf(ws, op.Slot, lanes);
        switch (op.Kind)
        {
            case OpKind.Input:
                bool mayBeZero = InputRunner<L, F, I>.Forward(op, source, y, e, lanes);
                if (error == null) break;
                new Span<int>(error, lanes).Fill(SimdLimits.Lost);
                // Units of inputs are already normalised; a density of 0 everywhere raises the error.
                if (mayBeZero) RegionKernel<L, F, I>.Renormalise(y, op.Channels, e, error, null, lanes);
                break;
            case OpKind.LeafProduct:
                LeafProducts<L, F, I>.Forward(op, source, ws, y, e, lanes);
                if (error != null) new Span<int>(error, lanes).Fill(SimdLimits.Lost);
                DropProducts(op, source, y, ws, lanes);
                RegionKernel<L, F, I>.Renormalise(y, op.Channels, e, error, scale, lanes);
                break;
            case OpKind.LeafSum:
                LeafSums<L, F, I>.Forward(op, source, y, e, error, scale, lanes);
                break;
            case OpKind.Lookup:
                LookupPlace table = source.Component.Lookups[op.Place];
                byte* states = ws.States(op.Place);
                RegionKernel<L, F, I>.States(source.Codes, source.Stride, source.Component.TableVariables.AsSpan(table.First, table.Count), states, lanes);
                RegionKernel<L, F, I>.Lookup(source.Tables + table.Offset, op.Channels, states, y, e, error, lanes);
                break;
            case OpKind.Product:
                SumExponents(op, ws, e, lanes);
                MaxErrors(op, ws, error, lanes);
                for (int o = 0; o < op.Channels; o++) ProductOf(program, op, o, except: -1, ws, ws.Scratch + (long)o * lanes, lanes);
                new Span<float>(ws.Scratch, op.Channels * lanes).CopyTo(new Span<float>(y, op.Channels * lanes));
                DropProducts(op, source, y, ws, lanes);
                RegionKernel<L, F, I>.Renormalise(y, op.Channels, e, error, scale, lanes);
                break;
            case OpKind.SumOfProduct when IsPairOfFives(op) && source.Dropout is null && source.Winners == null && (error == null || program.Depth <= MostDepthUnsettled):
                if (source.Max) Pair<LargestTerm<L, F, I>>(program, op, source, ws, y, e, scale, error, lanes);
                else Pair<SumOfTerms<L, F, I>>(program, op, source, ws, y, e, scale, error, lanes);
                break;
            case OpKind.SumOfProduct when op.Table is { Split: > 0 and var inner } && !source.Max && source.Dropout is null:
                Factors(program, op, ws, lanes, out float* u, out float* v);
                if (source.Winners != null) FindWinners(op, source, ws, u, inner, v, lanes);
                MaxErrors(op, ws, error, lanes);
                SumExponents(op, ws, e, lanes);
                KroneckerKernel<L, F, I>.Multiply(source.Weights + source.Component.Weights[op.Place], op.Columns * op.Stride, op.Stride, op.Channels, inner, op.Columns / inner, u, v, y, lanes);
                RegionKernel<L, F, I>.Renormalise(y, op.Channels, e, error, scale, lanes);
                break;
            default:
                float* x = SumInputs(program, op, source, ws, lanes);
                if (source.Winners != null) FindWinners(op, source, ws, x, op.Columns, null, lanes);
                if (op.Kind == OpKind.SumOfMany)
                {
                    AlignErrors(op, ws, error, lanes);
                    new Span<int>(ws.OtherScratch, lanes).CopyTo(new Span<int>(e, lanes));
                }
                else
                {
                    MaxErrors(op, ws, error, lanes);
                    SumExponents(op, ws, e, lanes);
                }
                float* w = source.Weights + source.Component.Weights[op.Place];
                bool overwrites = x == y;
                float* target = overwrites ? ws.OtherScratch : y;
                if (source.Max) MaxKernel<L, F, I>.Multiply(w, op.Columns * op.Stride, op.Stride, op.Channels, op.Columns, x, target, lanes);
                else MatrixKernel<L, F, I>.Multiply(w, op.Columns * op.Stride, op.Stride, op.Channels, op.Columns, x, target, lanes);
                if (overwrites) new Span<float>(target, op.Channels * lanes).CopyTo(new Span<float>(y, op.Channels * lanes));
                RegionKernel<L, F, I>.Renormalise(y, op.Channels, e, error, scale, lanes);
                break;
        }
    }

    /// <summary>Sets the channels of a product to 0 that are dropped.</summary>
    private static void DropProducts(Op op, in RunSource source, float* x, Workspace ws, int lanes)
    {
        if (source.Dropout is not { } drops) return;
        foreach (int place in op.Products) DropoutKernel<L, F, I>.Apply(drops, source.Component.Products[place], source.Start, x, x, op.Channels, ws.Scratch, lanes);
    }

    /// <summary>The step that HyperSPNs are made of has kernels of its own.</summary>
    private static bool IsPairOfFives(Op op) => op is { Channels: 5, Columns: 5, Sources.Length: 2, Table: null };

    [MethodImpl(Hot)]
    private static void Pair<T>(OpProgram program, Op op, in RunSource source, Workspace ws, float* y, int* e, float* scale, int* error, int lanes) where T : IJoin<L, F, I> =>
        PairKernel<L, F, I>.Forward<T>(source.Weights + source.Component.Weights[op.Place],
            UnitsOf(program, ws, op.Sources[0], lanes), UnitsOf(program, ws, op.Sources[1], lanes),
            ws.Exponents + (long)op.Sources[0] * lanes, ws.Exponents + (long)op.Sources[1] * lanes, y, e, scale,
            ErrorsOf(ws, op.Sources[0], lanes), ErrorsOf(ws, op.Sources[1], lanes), error, lanes);

    private static float* UnitsOf(OpProgram program, Workspace ws, int slot, int lanes) => ws.Units + (long)program.SlotUnits[slot] * lanes;

    private static float* SlopesOf(OpProgram program, Workspace ws, int slot, int lanes) => ws.Slopes + (long)program.SlotSlopes[slot] * lanes;
}
