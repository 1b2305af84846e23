using Spn.Core.Engines.Simd;

namespace Spn.Core.Layerwise;

/// <summary>The smoothing of component scores over a periodic grid that a mixture layer's training starts with.</summary>
/// <remarks>
/// Components of a layer lie on a sqrt(K) x sqrt(K) torus; component k's score is replaced by a mean of those around it, with weights
/// g_k(i) proportional to exp(-distance^2 / (2 radius^2)). The radius falls when the loss stops rising, down to where nothing is smoothed.
/// Source: Gepperth and Pfuelb 2021 (gradient-based training of Gaussian mixture models), as used by DCGMM.
/// </remarks>
internal sealed unsafe class Annealing : IDisposable
{
    /// <summary>Below this radius a neighbour's weight is under 1e-7.</summary>
    private const double Sharp = 0.17;

    private readonly NativeBuffer filter;
    private readonly LayerwiseOptions options;
    private readonly int components, window;
    private double sum, before, first;
    private int inWindow, windows;

    public Annealing(int components, LayerwiseOptions options)
    {
        this.components = components;
        this.options = options;
        window = Math.Max(1, (int)(1 / options.EndRate));
        filter = new NativeBuffer((long)components * components * sizeof(float));
        Radius = options.StartRadius ?? 0.25 * Math.Sqrt(2.0 * components);
        Rate = options.StartRate;
        Fill();
    }

    /// <summary>Radius of the filter, in components.</summary>
    public double Radius { get; private set; }

    /// <summary>The present step size.</summary>
    public double Rate { get; private set; }

    /// <summary>Whether nothing is smoothed any more.</summary>
    public bool IsIdentity => Radius < Sharp || components == 1;

    /// <summary>g_k(i), [k, i]; every row sums to 1.</summary>
    public float* Filter => filter.Floats;

    /// <summary>Takes the loss of one step; at the end of a window radius and step size may fall.</summary>
    public void Add(double loss)
    {
        sum += loss;
        if (++inWindow < window) return;
        double mean = sum / window;
        (sum, inWindow) = (0, 0);
        if (windows == 0) first = mean;
        if (windows >= 2)
        {
            double change = (mean - before) / (before - first);
            if (change > -2 * options.Plateau && change < options.Plateau)
            {
                Radius = Math.Max(0.9 * Radius, Math.Min(Radius, options.EndRadius));
                Rate = Math.Max(0.9 * Rate, Math.Min(Rate, options.EndRate));
                Fill();
            }
        }
        before = mean;
        windows++;
    }

    public void Dispose() => filter.Dispose();

    private void Fill()
    {
        if (IsIdentity) return;
        int side = (int)Math.Round(Math.Sqrt(components));
        for (int k = 0; k < components; k++)
        {
            double total = 0;
            for (int i = 0; i < components; i++) total += Weight(k, i);
            for (int i = 0; i < components; i++) Filter[k * components + i] = (float)(Weight(k, i) / total);
        }

        double Weight(int k, int i)
        {
            double rows = Apart(k / side, i / side), columns = Apart(k % side, i % side);
            return Math.Exp(-(rows * rows + columns * columns) / (2 * Radius * Radius));
        }

        int Apart(int a, int b) => Math.Min(Math.Abs(a - b), side - Math.Abs(a - b));
    }
}
