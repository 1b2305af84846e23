namespace Spn.Core.Engines.Simd;

/// <summary>The choice of a child in hard expectation maximisation.</summary>
internal static class Winners
{
    /// <summary>One of the terms; -1 when none is positive.</summary>
    /// <param name="terms">At least 0.</param>
    /// <param name="drawShare">Share of the choices that are drawn in proportion; the others take the largest, by lot among equals.</param>
    /// <param name="uniform">In [0, 1).</param>
    public static int Choose(ReadOnlySpan<double> terms, double drawShare, double uniform)
    {
        if (uniform < drawShare) return Draw(terms, uniform / drawShare);
        double most = 0;
        int equal = 0, last = -1;
        for (int c = 0; c < terms.Length; c++)
        {
            if (terms[c] < most || terms[c] == 0) continue;
            equal = terms[c] == most ? equal + 1 : 1;
            (most, last) = (terms[c], c);
        }
        if (equal < 2) return last;
        int chosen = Math.Min((int)((uniform - drawShare) / (1 - drawShare) * equal), equal - 1);
        for (int c = 0; ; c++)
            if (terms[c] == most && chosen-- == 0) return c;
    }

    private static int Draw(ReadOnlySpan<double> terms, double uniform)
    {
        double left = 0;
        foreach (double term in terms) left += term;
        left *= uniform;
        int last = -1;
        for (int c = 0; c < terms.Length; c++)
        {
            if (terms[c] == 0) continue;
            last = c;
            if ((left -= terms[c]) < 0) break;
        }
        return last;
    }
}
