namespace Spn.Core.Training;

/// <summary>What an optimiser remembers from step to step; handed to one training after another it makes them one.</summary>
/// <remarks>Adam's running means of the gradient and of its square. A state belongs to one circuit and one optimiser.</remarks>
public sealed class OptimiserState
{
    /// <summary>Number of steps taken.</summary>
    public int Steps { get; internal set; }

    internal float[] Mean { get; private set; } = [];

    internal float[] Square { get; private set; } = [];

    /// <summary>Makes room for a circuit's parameters.</summary>
    /// <exception cref="ArgumentException">The state is of another circuit.</exception>
    internal void Fit(int parameters)
    {
        if (Steps > 0 && Mean.Length != parameters)
            throw new ArgumentException($"The optimiser's state is of a circuit with {Mean.Length} parameters, this one has {parameters}; start with a new state.");
        if (Mean.Length != parameters) (Mean, Square) = (new float[parameters], new float[parameters]);
    }
}
