using System.Runtime.CompilerServices;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>Sums over lanes of flows with what inputs observe: the statistics of expectation maximisation.</summary>
internal static unsafe class StatisticsKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;

    /// <summary>Squares of values farther out leave the range.</summary>
    private const float Farthest = 1e18f;

    /// <summary>Sums over lanes of a component's flow, and of flow times pull times 1, z and z^2.</summary>
    /// <param name="table">The components as <see cref="DensityKernel{L, F, I}.Prepare"/> writes them.</param>
    /// <param name="channels">Number of components.</param>
    /// <param name="x">Values, [lane].</param>
    /// <param name="flows">Flows, [component, lane].</param>
    /// <param name="sums">Receives [component, 4]; not finite where a lane leaves the range.</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(Hot)]
    public static void Pulls<S>(float* table, int channels, float* x, float* flows, float* sums, int lanes) where S : IDensityShape<L, F, I>
    {
        int n = L.Count;
        F least = L.Broadcast(-Farthest), most = L.Broadcast(Farthest);
        for (int k = 0; k < channels; k++, table += DensityKernel<L, F, I>.Numbers, flows += lanes, sums += 4)
        {
            F location = L.Broadcast(table[0]), precision = L.Broadcast(table[1]), shift = L.Broadcast(table[2]);
            F total = default, pulls = default, pulled = default, squared = default;
            for (int at = 0; at < lanes; at += n)
            {
                F flow = L.Load(flows + at);
                F z = L.Max(L.Min(L.Fma(L.Subtract(L.Load(x + at), location), precision, shift), most), least);
                F pull = L.Multiply(flow, S.Pull(z)), moment = L.Multiply(pull, z);
                total = L.Add(total, flow);
                pulls = L.Add(pulls, pull);
                pulled = L.Add(pulled, moment);
                squared = L.Fma(moment, z, squared);
            }
            sums[0] = L.Sum(total);
            sums[1] = L.Sum(pulls);
            sums[2] = L.Sum(pulled);
            sums[3] = L.Sum(squared);
        }
    }

    /// <summary>Sums over lanes of flows by the value of a variable.</summary>
    /// <param name="flows">Flows, [component, lane].</param>
    /// <param name="channels">Number of components.</param>
    /// <param name="values">Values, [lane].</param>
    /// <param name="states">Number of values.</param>
    /// <param name="sums">Receives [component, value].</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(Hot)]
    public static void ByState(float* flows, int channels, byte* values, int states, float* sums, int lanes)
    {
        int n = L.Count;
        for (int k = 0; k < channels; k++, flows += lanes, sums += states)
            for (int s = 0; s < states; s++)
            {
                I state = L.BroadcastInt(s);
                F sum = default;
                for (int at = 0; at < lanes; at += n) sum = L.Fma(L.OneWhereEqual(L.Widen(values + at), state), L.Load(flows + at), sum);
                sums[s] = L.Sum(sum);
            }
    }
}
