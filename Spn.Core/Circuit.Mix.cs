using Spn.Core.Engines;
using Spn.Core.Lowering;
using Spn.Core.Plans;

namespace Spn.Core;

public sealed partial class Circuit
{
    /// <summary>One circuit that mixes others: p(x) = sum of share times p(x) of each.</summary>
    /// <remarks>
    /// The parts keep their parameters and stay as they are; the mixture has copies, and may be trained on as a whole. Its root has
    /// accumulators without smoothing where all parts have accumulators, else free weights.
    /// </remarks>
    /// <param name="parts">The circuits, over the same variables and with as many class roots.</param>
    /// <param name="shares">How much each counts, at least 0 and not all 0; they need not add to 1. Null counts all alike.</param>
    /// <param name="engine">What runs it; null takes that of the first part.</param>
    /// <exception cref="CircuitException">There are no parts, or they do not fit together.</exception>
    /// <exception cref="ArgumentException">There is not one share a part, or a share is unfit.</exception>
    public static Circuit Mix(IReadOnlyList<Circuit> parts, IReadOnlyList<double>? shares = null, IEngine? engine = null)
    {
        ArgumentNullException.ThrowIfNull(parts);
        double[] weights = CheckShares(parts, shares);
        bool counted = parts.All(p => p.Spec.Weights is AccumulatorWeights);
        // Smoothing would move the shares.
        CircuitSpec spec = CircuitSpec.MixtureOf(parts.Select(p => p.Spec)).WithWeights(counted ? WeightSpec.Accumulators(smoothing: 0) : WeightSpec.Free());
        Plan plan = Lowerer.Lower(spec);
        var parameters = new float[plan.ParameterCount];
        int inputs = 0, rest = parts.Sum(p => InputCount(p.Plan));
        foreach (Circuit part in parts)
        {
            // Inputs of all parts come first, then what is left of each part.
            int own = InputCount(part.Plan);
            part.Parameters[..own].CopyTo(parameters.AsSpan(inputs));
            part.Parameters[own..].CopyTo(parameters.AsSpan(rest));
            inputs += own;
            rest += part.ParameterCount - own;
        }
        double most = weights.Max();
        double[][] logZ = [.. parts.Select(p => p.RawLogPartition())];
        for (int i = rest; i < parameters.Length; i++)
        {
            (int c, int part) = Math.DivRem(i - rest, weights.Length);
            double share = weights[part];
            // What the mixture adds up are values before they are normalised, which are larger by the part's partition function.
            parameters[i] = (float)(counted ? share : share > 0 ? Math.Log(share / most) - logZ[part][c] : NoWeight);
        }
        return new Circuit(spec, plan, engine ?? parts[0].engine, parameters) { Schema = parts[0].Schema };
    }

    private static double[] CheckShares(IReadOnlyList<Circuit> parts, IReadOnlyList<double>? shares)
    {
        if (parts.Count == 0) throw new CircuitException("Mixture", "no parts", "No circuit was given.", "Give at least one.");
        if (shares is null) return [.. parts.Select(_ => 1.0 / parts.Count)];
        if (shares.Count != parts.Count || shares.Any(s => !(s >= 0) || double.IsInfinity(s)) || !(shares.Sum() > 0))
            throw new ArgumentException($"The shares must be {parts.Count} finite numbers of at least 0, not all 0; they are {string.Join(", ", shares)}.", nameof(shares));
        double total = shares.Sum();
        return [.. shares.Select(s => s / total)];
    }

    private static int InputCount(Plan plan) => plan.Tensors.Where(t => t.Start is ParameterStart.ByInputs).Sum(t => t.Count);
}
