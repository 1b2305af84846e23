namespace Spn.Core.Layerwise;

/// <summary>One layer of a deep convolutional Gaussian mixture; says what, holds no numbers.</summary>
public abstract record LayerwiseLayer
{
    /// <summary>How the layer is called in summaries and errors.</summary>
    public abstract string Name { get; }
}

/// <summary>Folding F(f, stride): every patch of f x f cells becomes one cell with all its channels.</summary>
/// <remarks>
/// In [H, W, C], out [1 + (H - f) / stride, 1 + (W - f) / stride, f f C]: rows of the patch outermost, then its columns, channels
/// innermost. Backwards an input cell receives the average of its copies, and 0 where no patch covers it.
/// Source: Gepperth 2022 (DCGMM), folding layers.
/// </remarks>
/// <param name="Kernel">Cells of a patch along each axis, at least 1.</param>
/// <param name="Stride">Distance between patches, in cells, at least 1.</param>
public sealed record FoldingSpec(int Kernel, int Stride = 1) : LayerwiseLayer
{
    /// <inheritdoc/>
    public override string Name => $"F({Kernel},{Stride})";
}

/// <summary>Sizes that a pooling layer makes where its windows do not cover the grid evenly.</summary>
public enum PoolingRounding
{
    /// <summary>Only whole windows.</summary>
    Floor,

    /// <summary>The last window may reach beyond the border, where there is nothing.</summary>
    Ceiling,
}

/// <summary>What a pooling layer does with a control signal from above.</summary>
public enum PoolingBackward
{
    /// <summary>Copies it to the whole window.</summary>
    Dense,

    /// <summary>Gives it to one random cell of the window; the others have no signal, and mixture layers below yield 0 there.</summary>
    Sparse,
}

/// <summary>Max-pooling P(f, stride) of each channel.</summary>
/// <param name="Kernel">Cells of a window along each axis, at least 1.</param>
/// <param name="Stride">Distance between windows, in cells, at least 1.</param>
public sealed record PoolingSpec(int Kernel, int Stride) : LayerwiseLayer
{
    /// <summary>Sizes where windows do not cover the grid evenly.</summary>
    public PoolingRounding Rounding { get; init; }

    /// <summary>What becomes of a control signal.</summary>
    public PoolingBackward Backward { get; init; }

    /// <inheritdoc/>
    public override string Name => $"P({Kernel},{Stride}{(Rounding == PoolingRounding.Ceiling ? ", ceiling" : "")})";
}

/// <summary>What a mixture layer raises.</summary>
public enum MixtureLoss
{
    /// <summary>The largest weighted log-density: a lower bound of the log-likelihood, and the paper's choice.</summary>
    MaxComponent,

    /// <summary>The log-likelihood.</summary>
    Full,
}

/// <summary>Mixture layer G(K): at every cell a Gaussian mixture over the channels, whose output are the responsibilities.</summary>
/// <remarks>
/// In [H, W, D], out [H, W, K]. Parameters of a component: a logit, a centroid [D] and inverse standard deviations [D].
/// log score_k = log pi_k + sum_d log |s_kd| - 1/2 sum_d s_kd^2 (a_d - mu_kd)^2 - D/2 log(2 pi); responsibilities are its softmax.
/// Source: Gepperth 2022 (DCGMM), convolutional Gaussian mixture layers.
/// </remarks>
/// <param name="Components">Number of components; a square number where training anneals.</param>
public sealed record MixtureSpec(int Components) : LayerwiseLayer
{
    /// <summary>True gives every cell parameters of its own, false lets all cells share them.</summary>
    public bool Independent { get; init; }

    /// <summary>What training raises.</summary>
    public MixtureLoss Loss { get; init; }

    /// <summary>Directions of a component along which it is wider, 0 for diagonal Gaussians: with factors it is a factor analyser.</summary>
    /// <remarks>The covariance of component k is S^-1 (I + W W^T) S^-1 with S = diag(s_k) and loadings W_k [D, Factors].</remarks>
    public int Factors { get; init; }

    /// <inheritdoc/>
    public override string Name => $"G({Components}{(Independent ? ", independent" : "")}{(Loss == MixtureLoss.Full ? ", full loss" : "")}{(Factors > 0 ? $", {Factors} factors" : "")})";
}

/// <summary>Linear classifier C(S) on the output of one or several layers; its loss does not touch them.</summary>
/// <remarks>Its logits are the sum of a linear function of each layer that it reads, and a bias.</remarks>
/// <param name="Classes">Number of classes, at least 2.</param>
public sealed record ClassifierSpec(int Classes) : LayerwiseLayer
{
    /// <summary>Which layers it reads, by their place in the stack from 0, ascending; none reads the layer below it.</summary>
    public ValueList<int> Reads { get; init; } = [];

    /// <inheritdoc/>
    public override string Name => $"C({Classes}{(Reads.Count == 0 ? "" : $", reads {string.Join(" and ", Reads)}")})";
}
