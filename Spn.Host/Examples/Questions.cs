using Spn.Core;
using Spn.Core.Data;
using Spn.Core.Inference;
using Spn.Core.Training;

namespace Spn.Host.Examples;

/// <summary>Questions to a model of a small table, with evidence from records and from conditions.</summary>
public static class Questions
{
    /// <summary>A row of the table; what is null is not known.</summary>
    public sealed record Day(double? Temperature, string? Sky, string? Umbrella);

    private static readonly Schema Schema = new([
        new RealColumn("Temperature", location: 16, scale: 7),
        new DiscreteColumn("Sky", "sun", "clouds", "rain"),
        new DiscreteColumn("Umbrella", "no", "yes"),
    ]);

    private static readonly Day[] Days =
    [
        new(27, "sun", "no"), new(24, "sun", "no"), new(21, "sun", null), new(19, "clouds", "no"), new(17, "clouds", "no"),
        new(16, "clouds", "yes"), new(null, "clouds", "no"), new(12, "rain", "yes"), new(10, "rain", "yes"), new(8, "rain", "no"),
    ];

    /// <summary>Trains a small circuit and asks it.</summary>
    public static void Run(TextWriter output)
    {
        Evidence days = Evidence.FromRecords(Days, Schema);
        using Circuit circuit = Circuit.Compile(CircuitSpec.Over(new BinaryTrees(3, Replicas: 2))
            .With(Schema.Inputs(components: 2)).SumPerRegion(3).HadamardProduct().RootSum());
        circuit.Initialise(days).Fit(days, options: new GradientOptions { Steps = 100 });

        Evidence umbrella = Schema.Given("Umbrella = yes"), cool = Schema.Given("Temperature <= 15, Sky in {clouds, rain}");
        output.WriteLine($"p(umbrella)        {Math.Exp(circuit.LogLikelihood(umbrella)[0]):F2}");
        output.WriteLine($"p(umbrella | cool) {Math.Exp(circuit.Conditional(umbrella, cool)[0]):F2}");

        Evidence cloudy = Evidence.FromRecords([new Day(null, "clouds", null)], Schema);
        Posterior posterior = circuit.Posterior(cloudy);
        output.WriteLine($"under clouds       {posterior.Mean(0, 0):F1} degrees, give or take {Math.Sqrt(posterior.Variance(0, 0)):F1}");
        MpeResult likeliest = circuit.Mpe(cloudy);
        output.WriteLine($"likeliest          {Schema.Text(2, likeliest.Completed.Row(0)[2])} umbrella; {likeliest.Exactness}");
        Evidence draws = circuit.Sample(cloudy, draws: 1000), filled = circuit.Complete(Evidence.FromRecords(Days, Schema), Completion.Mean);
        output.WriteLine($"{draws.Count} draws, and the gaps filled: {Schema.Text(0, filled.Row(6)[0])} degrees, {Schema.Text(2, filled.Row(2)[2])} umbrella");
        foreach (QuerySupport query in circuit.Support().Where(query => query.Level != QueryLevel.Exact))
            output.WriteLine($"not exact: {query.Query}");
    }
}
