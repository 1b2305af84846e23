namespace Spn.Core;

/// <summary>The hidden Chow-Liu trees (HCLT) of Liu and Van den Broeck 2021, "Tractable regularization of probabilistic circuits".</summary>
public static class HiddenChowLiuTree
{
    /// <summary>A hidden variable for each variable, with as many states K as the input has components.</summary>
    /// <remarks>(n - 1) K^2 + K sum weights for n variables.</remarks>
    /// <param name="tree">The tree, such as <c>Training.ChowLiu.Tree</c> finds in data.</param>
    /// <param name="input">Densities of one variable given the state of its hidden variable.</param>
    /// <param name="classes">Class roots.</param>
    public static CircuitSpec Over(HiddenTree tree, InputSpec input, int classes = 1)
    {
        ArgumentNullException.ThrowIfNull(input);
        return CircuitSpec.Over(tree).With(input).HadamardProduct().SumPerRegion(input.Components).RootSum(classes);
    }
}
