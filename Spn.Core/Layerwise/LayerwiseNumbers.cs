using Spn.Core.Engines.Simd;

namespace Spn.Core.Layerwise;

/// <summary>Parameters of a layerwise model with what the kernels need beside them.</summary>
internal sealed unsafe class LayerwiseNumbers
{
    private readonly float[] parameters;
    private readonly float* first;
    private readonly NativeBuffer[] shifts, constants, shares;

    public LayerwiseNumbers(LayerwisePlan plan, ReadOnlySpan<float> values)
    {
        Plan = plan;
        parameters = GC.AllocateUninitializedArray<float>(Math.Max(plan.ParameterCount, 1), pinned: true);
        values.CopyTo(parameters);
        first = (float*)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(parameters, 0);
        int count = plan.Mixtures.Length;
        (shifts, constants, shares) = (new NativeBuffer[count], new NativeBuffer[count], new NativeBuffer[count]);
        foreach (MixtureStage stage in plan.Mixtures)
        {
            long units = (long)stage.Sets * stage.Components;
            shifts[stage.Number] = new NativeBuffer(units * stage.Inputs * sizeof(float));
            constants[stage.Number] = new NativeBuffer(units * sizeof(float));
            shares[stage.Number] = new NativeBuffer(units * sizeof(float));
            for (int unit = 0; unit < units; unit++) Shift(stage, unit);
            for (int set = 0; set < stage.Sets; set++) Normalise(stage, set);
        }
    }

    public LayerwisePlan Plan { get; }

    public ReadOnlySpan<float> Values => parameters.AsSpan(0, Plan.ParameterCount);

    /// <summary>All parameters.</summary>
    public float* At(int offset) => first + offset;

    public float* Logits(MixtureStage stage, int set) => first + stage.Logits + (long)set * stage.Components;

    /// <summary>[component, input]</summary>
    public float* Centres(MixtureStage stage, int set) => first + stage.Centres + (long)set * stage.Components * stage.Inputs;

    /// <summary>[component, input]</summary>
    public float* Deviations(MixtureStage stage, int set) => first + stage.Deviations + (long)set * stage.Components * stage.Inputs;

    /// <summary>[component, factor, input]</summary>
    public float* Loadings(MixtureStage stage, int set) => first + stage.Loadings + (long)set * stage.Components * stage.Layer.Factors * stage.Inputs;

    /// <summary>Minus centres times inverse deviations, [component, input].</summary>
    public float* Shifts(MixtureStage stage, int set) => shifts[stage.Number].Floats + (long)set * stage.Components * stage.Inputs;

    /// <summary>What a score is at the centre, [component]: log pi + sum of log s.</summary>
    public float* Constants(MixtureStage stage, int set) => constants[stage.Number].Floats + (long)set * stage.Components;

    /// <summary>pi, [component].</summary>
    public float* Shares(MixtureStage stage, int set) => shares[stage.Number].Floats + (long)set * stage.Components;

    /// <summary>Brings the shares and constants of a set in line with its logits and deviations.</summary>
    /// <param name="stage">The mixture.</param>
    /// <param name="set">The set of parameters.</param>
    public void Normalise(MixtureStage stage, int set)
    {
        float* logits = Logits(stage, set), c = Constants(stage, set), pi = Shares(stage, set);
        double most = double.NegativeInfinity, sum = 0;
        for (int k = 0; k < stage.Components; k++) most = Math.Max(most, logits[k]);
        for (int k = 0; k < stage.Components; k++) sum += pi[k] = (float)Math.Exp(logits[k] - most);
        double logSum = Math.Log(sum), scale = 1 / sum;
        for (int k = 0; k < stage.Components; k++)
        {
            pi[k] = (float)(pi[k] * scale);
            c[k] = (float)(logits[k] - most - logSum + MixtureKernels.Best.SumOfLogs(Deviations(stage, set) + (long)k * stage.Inputs, stage.Inputs));
        }
    }

    private void Shift(MixtureStage stage, int unit)
    {
        float* mu = first + stage.Centres + (long)unit * stage.Inputs, s = first + stage.Deviations + (long)unit * stage.Inputs;
        float* m = shifts[stage.Number].Floats + (long)unit * stage.Inputs;
        for (int i = 0; i < stage.Inputs; i++) m[i] = -mu[i] * s[i];
    }
}
