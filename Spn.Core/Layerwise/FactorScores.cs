namespace Spn.Core.Layerwise;

/// <summary>One component of a mixture of factor analysers at one cell: its covariance is S^-1 (I + W W^T) S^-1.</summary>
/// <remarks>
/// With t = s (x - mu), u = W^T t and M = I + W^T W the log-density is sum log s - 1/2 (log det M + |t|^2 - u^T M^-1 u). The posterior mean
/// of the factors is v = M^-1 u, and r = t - W v is what they leave unexplained: derivatives are -s r by x, s r by mu,
/// 1/s - r t / s by s and r v^T - W M^-1 by W.
/// </remarks>
internal readonly unsafe ref struct FactorScores
{
    private readonly LayerwiseWorkspace work;
    private readonly PatchTable table;
    private readonly int index, cell, inputs, factors, lanes;
    private readonly float* s, w, t, v, r;
    private readonly double[] inverse;
    private readonly double logDeterminant;

    /// <summary>Finds t, v and r of all lanes.</summary>
    public FactorScores(LayerwiseNumbers numbers, LayerwiseWorkspace work, int index, MixtureStage stage, int cell, int component, int worker = 0)
    {
        (this.work, this.index, this.cell, table) = (work, index, cell, stage.Table);
        (inputs, factors, lanes) = (stage.Inputs, stage.Layer.Factors, work.Lanes);
        int set = stage.Set(cell);
        s = numbers.Deviations(stage, set) + (long)component * inputs;
        w = numbers.Loadings(stage, set) + (long)component * factors * inputs;
        float* m = numbers.Shifts(stage, set) + (long)component * inputs;
        t = work.Scratch(worker);
        r = t + (long)inputs * lanes;
        v = r + (long)inputs * lanes;
        float* u = v + (long)factors * lanes;
        for (int run = 0, o = 0; run < table.Runs; run++)
            for (int j = 0; j < table.RunLength; j++, o++)
            {
                float* x = Row(work.Input(index), run, j), to = t + (long)o * lanes;
                for (int lane = 0; lane < lanes; lane++) to[lane] = s[o] * x[lane] + m[o];
            }
        MixtureKernels.Best.Multiply(w, inputs, 1, factors, inputs, t, u, lanes);
        (inverse, logDeterminant) = Invert();
        float* kept = u + (long)factors * lanes;
        for (int i = 0; i < inverse.Length; i++) kept[i] = (float)inverse[i];
        MixtureKernels.Best.Multiply(kept, factors, 1, factors, factors, u, v, lanes);
        MixtureKernels.Best.Multiply(w, 1, inputs, inputs, factors, v, r, lanes);
        for (long i = 0; i < (long)inputs * lanes; i++) r[i] = t[i] - r[i];
    }

    public static long ScratchFloats(int inputs, int factors, int lanes) => (2L * inputs + 2L * factors) * lanes + (long)factors * factors;

    /// <summary>log det M + |t|^2 - u^T M^-1 u, which is t^T r beside the determinant.</summary>
    public void Squares(float* y)
    {
        for (int lane = 0; lane < lanes; lane++) y[lane] = (float)logDeterminant;
        for (int o = 0; o < inputs; o++)
            for (int lane = 0; lane < lanes; lane++) y[lane] += t[(long)o * lanes + lane] * r[(long)o * lanes + lane];
    }

    /// <summary>Adds derivatives by inputs.</summary>
    /// <param name="d">Derivatives by the score, [lane].</param>
    public void PullBack(float* d)
    {
        for (int run = 0, o = 0; run < table.Runs; run++)
            for (int j = 0; j < table.RunLength; j++, o++)
            {
                float* to = Row(work.InputSlopes(index), run, j), own = r + (long)o * lanes;
                for (int lane = 0; lane < lanes; lane++) to[lane] -= d[lane] * s[o] * own[lane];
            }
    }

    /// <summary>Adds the gradient of the score summed over lanes.</summary>
    /// <param name="weights">Weight of each lane, [lane].</param>
    /// <param name="byCentre">[input]</param>
    /// <param name="byDeviation">[input], without the 1/s of each lane.</param>
    /// <param name="byLoading">[factor, input]</param>
    public void AddGradient(float* weights, float* byCentre, float* byDeviation, float* byLoading)
    {
        float total = 0;
        for (int lane = 0; lane < lanes; lane++) total += weights[lane];
        for (int o = 0; o < inputs; o++)
        {
            float* own = r + (long)o * lanes, offset = t + (long)o * lanes;
            float sum = 0, moment = 0;
            for (int lane = 0; lane < lanes; lane++)
            {
                sum += weights[lane] * own[lane];
                moment += weights[lane] * own[lane] * offset[lane];
            }
            byCentre[o] += s[o] * sum;
            byDeviation[o] -= moment / s[o];
            for (int f = 0; f < factors; f++)
            {
                float* factor = v + (long)f * lanes;
                float shared = 0;
                double pull = 0;
                for (int lane = 0; lane < lanes; lane++) shared += weights[lane] * own[lane] * factor[lane];
                for (int g = 0; g < factors; g++) pull += inverse[f * factors + g] * w[(long)g * inputs + o];
                byLoading[(long)f * inputs + o] += shared - total * (float)pull;
            }
        }
    }

    private float* Row(float* from, int run, int j) => from + (long)(table.Starts[cell * table.Runs + run] + j) * lanes;

    /// <summary>M^-1 and log det M by Gauss-Jordan elimination; M is at least the identity, so no pivot is small.</summary>
    private (double[] Inverse, double LogDeterminant) Invert()
    {
        var m = new double[factors * factors];
        var result = new double[factors * factors];
        for (int f = 0; f < factors; f++)
        {
            for (int g = 0; g < factors; g++)
            {
                double sum = f == g ? 1 : 0;
                for (int o = 0; o < inputs; o++) sum += (double)w[(long)f * inputs + o] * w[(long)g * inputs + o];
                m[f * factors + g] = sum;
            }
            result[f * factors + f] = 1;
        }
        double log = 0;
        for (int f = 0; f < factors; f++)
        {
            double pivot = m[f * factors + f];
            log += Math.Log(pivot);
            for (int g = 0; g < factors; g++)
            {
                m[f * factors + g] /= pivot;
                result[f * factors + g] /= pivot;
            }
            for (int row = 0; row < factors; row++)
            {
                double times = m[row * factors + f];
                if (row == f || times == 0) continue;
                for (int g = 0; g < factors; g++)
                {
                    m[row * factors + g] -= times * m[f * factors + g];
                    result[row * factors + g] -= times * result[f * factors + g];
                }
            }
        }
        return (result, log);
    }
}
