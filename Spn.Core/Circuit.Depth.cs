using Spn.Core.Lowering;
using Spn.Core.Plans;

namespace Spn.Core;

/// <content>Circuits with more sum layers or fewer that say the same.</content>
public sealed partial class Circuit
{
    /// <summary>A circuit of the same distribution with so many sum layers in place of every sum of free or raw weights.</summary>
    /// <remarks>The factors of the new layers are 1; only learning tells the two circuits apart. See <see cref="CircuitSpec.Overparametrize(int)"/>.</remarks>
    /// <param name="depth">Number of sum layers in place of one; 1 collapses.</param>
    /// <exception cref="CircuitException">No sum has such weights, the depth is below 1 or above 30, or the circuit was conditioned on evidence.</exception>
    public Circuit Overparametrize(int depth) => Reparametrized(Spec.Overparametrize(depth));

    /// <summary>The same for the sums of some layers only.</summary>
    /// <param name="depth">Number of sum layers in place of one.</param>
    /// <param name="layers">Positions of the layers, from 0; each must be a sum or the root, whose top mixture is meant.</param>
    /// <exception cref="CircuitException">A layer has no such weights, the depth is below 1 or above 30, or the circuit was conditioned on evidence.</exception>
    public Circuit Overparametrize(int depth, IEnumerable<int> layers) => Reparametrized(Spec.Overparametrize(depth, layers));

    /// <summary>The circuit of the same distribution in which every weight is one parameter again: factors are multiplied out.</summary>
    /// <exception cref="CircuitException">The circuit was conditioned on evidence.</exception>
    public Circuit Collapse() => Reparametrized(Spec.Collapse());

    private Circuit Reparametrized(CircuitSpec spec)
    {
        if (Spec.Absorbed.Count > 0)
            throw new CircuitException("The circuit", "evidence taken up", "Its weights have taken up evidence and are free, one logit each.", "Change the number of layers before conditioning.");
        Plan plan = Lowerer.Lower(spec);
        return new Circuit(spec, plan, engine, CarryParameters.Over(Plan, Snapshot().Parameters, plan)) { Schema = Schema, constantPrior = constantPrior };
    }
}
