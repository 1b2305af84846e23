namespace Spn.Host.Commands;

/// <summary>What spn fit does where the command line says nothing.</summary>
/// <param name="Replicas">Number of trees.</param>
/// <param name="Batch">Samples a batch.</param>
/// <param name="LearningRate">Step size.</param>
/// <param name="Patience">Evaluations without progress before it stops, or null for no such end.</param>
/// <param name="MostPeriod">Most steps between evaluations.</param>
internal sealed record FitDefaults(int Replicas, int Batch, double LearningRate, int? Patience, int MostPeriod)
{
    /// <summary>The protocol of the paper's experiments on binary data.</summary>
    public static FitDefaults Binary(FitModel model) => new(50, 500, model.IsHyper ? 5e-3 : 2e-2, null, 200);

    /// <summary>For tables with labels and numbers: fewer trees, since columns are few, and an early end, since densities overfit.</summary>
    public static FitDefaults Table { get; } = new(5, 200, 1e-2, 15, 20);

    /// <summary>Step size of expectation maximisation.</summary>
    public const double EmStep = 0.05;

    /// <summary>Passes over the samples of expectation maximisation.</summary>
    public const int EmEpochs = 50;
}
