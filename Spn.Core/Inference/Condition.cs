using Spn.Core.Engines.Reference;
using Spn.Core.Lowering;
using Spn.Core.Plans;

namespace Spn.Core;

/// <content>Circuits given evidence.</content>
public sealed partial class Circuit
{
    /// <summary>Stands for a logit of minus infinity: the weight is 0 in every precision.</summary>
    private const float NoWeight = -1e30f;

    /// <summary>
    /// The circuit over the hidden variables whose log-likelihoods are the conditional ones, log p(rest | observed): observed
    /// variables are gone and the sums' weights have taken up what they say.
    /// </summary>
    /// <remarks>
    /// The remaining variables keep their order and move up. With class roots, class c of the result is p(rest | observed, class c), and
    /// its <see cref="ClassPrior"/> is what the evidence says of the classes; of a class that the evidence makes impossible it is 0, and
    /// the distribution of that class means nothing. The result can be trained, saved and conditioned again.
    /// A sum's weight becomes w_c v_c / sum, with v_c what its child says of the observed variables (Darwiche 2003, section 4).
    /// </remarks>
    /// <param name="evidence">One sample: what is observed. Sets of values cannot be taken up.</param>
    /// <exception cref="EvidenceException">The evidence does not fit, is more than one sample, holds a set of values, or has probability 0.</exception>
    /// <exception cref="CircuitException">No variable is hidden.</exception>
    public Circuit Condition(Evidence evidence)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        Check(evidence);
        if (evidence.Count != 1) throw new EvidenceException($"A circuit is conditioned on one sample of evidence; {evidence.Count} were given.");
        if (Enumerable.Range(0, Variables).FirstOrDefault(v => evidence.SetOf(0, v) is not null, -1) is >= 0 and int set)
            throw new EvidenceException($"Row 0, {NameOf(set)}: a set of values cannot be taken up by weights. Observe the variable, hide it, or pass the set to the query.", 0, set);
        int[] observed = [.. Enumerable.Range(0, Variables).Where(v => !evidence.IsHidden(0, v))];
        float[] current = Snapshot().Parameters;
        if (observed.Length == 0) return new Circuit(Spec, Plan, engine, (float[])current.Clone()) { Schema = Schema, constantPrior = constantPrior };

        AbsorbVariables rest = AbsorbVariables.From(Plan, observed);
        var pass = new LogSpacePass(Plan);
        pass.SetParameters(current);
        pass.Upward(evidence, 0);
        if (double.IsNegativeInfinity(LogSum.Of(pass.Values(Plan.Regions.Root)))) throw Impossible(0);

        var parameters = new float[rest.Plan.ParameterCount];
        for (int r = 0; r < rest.Plan.Regions.Count; r++)
        {
            int from = rest.Source[r];
            if (Plan.Regions.Kind(from) == RegionKind.Input)
                current.AsSpan(Plan.Regions.Input(from).Offset, Plan.Regions.Input(from).Family.ParameterCount).CopyTo(parameters.AsSpan(rest.Plan.Regions.Input(r).Offset));
            if (Plan.Regions.Kind(from) == RegionKind.Sum)
                Reweigh(pass, from, parameters.AsSpan(rest.FirstLogit + rest.Plan.Blocks[rest.Plan.Regions.Block(r)].Offset));
        }
        // Variables that an earlier condition took out come first; the others are counted among what that one left.
        int[] left = [.. Enumerable.Range(0, Spec.Structure.VariableCount).Except(Spec.Absorbed)];
        var spec = Spec with { Absorbed = new([.. Spec.Absorbed.Concat(observed.Select(v => left[v])).Order()]) };
        Schema? columns = Schema is null ? null
            : new Schema(Enumerable.Range(0, Variables).Except(observed).Select(v => Schema.Columns[v]), Schema.Missing, Schema.Ignored.Concat(observed.Select(v => Schema.Columns[v].Name)));
        return new Circuit(spec, rest.Plan, engine, parameters) { Schema = columns, ClassPrior = Classes == 1 ? null : ClassShares(pass.Values(Plan.Regions.Root).ToArray(), null, 0) };
    }

    /// <summary>Logits of a sum whose terms carry what they say of the observed variables.</summary>
    private void Reweigh(LogSpacePass pass, int region, Span<float> logits)
    {
        (int rows, int columns, int offset) = Plan.Blocks[Plan.Regions.Block(region)];
        for (int i = 0; i < rows; i++)
        {
            double total = pass.Values(region)[i];
            int c = 0;
            foreach (int child in Plan.Regions.Children(region))
                foreach (double value in pass.Values(child))
                {
                    double log = Math.Log(pass.Weights[offset + i * columns + c]) + value - total;
                    logits[i * columns + c++] = double.IsFinite(log) ? (float)log : double.IsNegativeInfinity(total) ? 0 : NoWeight;
                }
        }
    }
}
