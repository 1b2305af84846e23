namespace Spn.Core.Plans;

/// <summary>A compiled circuit: what an engine runs. Immutable; holds no parameters and no data.</summary>
public sealed class Plan
{
    internal const string ClassLogitsName = "classes";

    internal Plan(int variables, RegionTable regions, WeightBlocks blocks, IReadOnlyList<WeightProgram> programs, IReadOnlyList<ParameterTensor> tensors)
    {
        Variables = variables;
        Regions = regions;
        Blocks = blocks;
        Programs = programs;
        Tensors = tensors;
        ParameterCount = tensors.Sum(t => t.Count);
        ClassLogits = tensors.FirstOrDefault(t => t.Name == ClassLogitsName);
        InputOf = new InputFamily?[variables];
        for (int r = 0; r < regions.Count; r++)
            if (regions.Kind(r) == RegionKind.Input && regions.Input(r) is var input && Before(input.Family, InputOf[input.Variable]))
                InputOf[input.Variable] = input.Family;
        FirstUnit = new int[regions.Count];
        List<InputUnit> units = [];
        for (int r = 0; r < regions.Count; r++)
        {
            FirstUnit[r] = units.Count;
            if (regions.Kind(r) == RegionKind.Input)
                for (int k = 0; k < regions.Channels(r); k++) units.Add(new InputUnit(r, k));
        }
        InputUnits = [.. units];
        ExpectationsOf = new int[variables + 1];
        for (int v = 0; v < variables; v++) ExpectationsOf[v + 1] = ExpectationsOf[v] + (InputOf[v]?.Expectations ?? 0);
    }

    /// <summary>Number of variables of a sample.</summary>
    public int Variables { get; }

    /// <summary>The regions, children first.</summary>
    public RegionTable Regions { get; }

    /// <summary>Shapes and places of the sums' weights.</summary>
    public WeightBlocks Blocks { get; }

    /// <summary>What makes the weights; every block belongs to one program.</summary>
    public IReadOnlyList<WeightProgram> Programs { get; }

    /// <summary>The named pieces of the flat parameter vector, in order.</summary>
    public IReadOnlyList<ParameterTensor> Tensors { get; }

    /// <summary>Length of the flat parameter vector.</summary>
    public int ParameterCount { get; }

    /// <summary>
    /// Where the logits of a learned p(class) stand, one a class, or null where it is a constant; see <see cref="RootSpec.ClassWeights"/>.
    /// No engine reads them: what passes give are log-likelihoods by class.
    /// </summary>
    public ParameterTensor? ClassLogits { get; }

    /// <summary>The entries of the flat parameter vector that learners may change, as runs in ascending order.</summary>
    public IReadOnlyList<ParameterRun> Learned => field ??= [.. LearnedRuns()];

    /// <summary>Number of entries that learners may change.</summary>
    public int LearnedCount => Learned.Sum(r => r.Count);

    /// <summary>Number of class roots.</summary>
    public int Classes => Regions.Channels(Regions.Root);

    /// <summary>For each variable a family that reads it (they agree on the domain), or null when none does; where several do, one that says most of the variable.</summary>
    internal InputFamily?[] InputOf { get; }

    /// <summary>A hidden variable may be asked for by indicators, and has no moments when any family of it has none.</summary>
    private static bool Before(InputFamily family, InputFamily? other) =>
        other is null || (family is IndicatorFamily && other is not IndicatorFamily) || (family.NoMoments(null) is not null && other.NoMoments(null) is null);

    /// <summary>All units of input regions, in order.</summary>
    public IReadOnlyList<InputUnit> InputUnits { get; }

    /// <summary>For each input region the number of its first unit.</summary>
    internal int[] FirstUnit { get; }

    /// <summary>For each region the place of its first statistic among those of all inputs, [input region in order, statistic]; one entry more for the end.</summary>
    internal int[] FirstStatistic => field ??= StatisticPlaces();

    /// <summary>Length of the statistics of all inputs; see <see cref="Engines.ISession.InputStatistics"/>.</summary>
    public int StatisticCount => FirstStatistic[^1];

    /// <summary>The input regions that read a variable, in order.</summary>
    internal int[] InputsOf(int variable) =>
        [.. Enumerable.Range(0, Regions.Count).Where(r => Regions.Kind(r) == RegionKind.Input && Regions.Input(r).Variable == variable)];

    /// <summary>For each variable the place of its first expectation among those of all variables; one entry more for the end.</summary>
    internal int[] ExpectationsOf { get; }

    /// <summary>Refuses evidence that does not fit.</summary>
    /// <param name="evidence">The batch.</param>
    /// <param name="schema">The columns that the variables are, so that errors call them by name; null calls them by index.</param>
    /// <exception cref="EvidenceException">The width differs, an observed value lies outside its variable's domain, or a set is none of its values.</exception>
    public void CheckEvidence(Evidence evidence, Schema? schema = null)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        if (evidence.Variables != Variables)
            throw new EvidenceException($"The circuit has {Variables} variables, the evidence {evidence.Variables}.");
        for (int row = 0; row < evidence.Count; row++)
        {
            ReadOnlySpan<float> values = evidence.Row(row);
            for (int v = 0; v < values.Length; v++)
                if (InputOf[v] is { } family && !family.Accepts(values[v]) && !evidence.IsHidden(row, v))
                    throw Misfit(row, v, $"{values[v].ToString(System.Globalization.CultureInfo.InvariantCulture)} is not {family.Domain}");
            if (!evidence.HasSets) continue;
            for (int v = 0; v < values.Length; v++)
                if (evidence.SetOf(row, v) is { } set && InputOf[v]?.Refusal(set) is { } why)
                    throw Misfit(row, v, why);
        }

        EvidenceException Misfit(int row, int variable, string why) => schema is null
            ? new($"Row {row}, variable {variable}: {why}.", row, variable)
            : new($"Row {row}, column \"{schema.Columns[variable].Name}\": {why}{Labels(schema.Columns[variable])}.", row, variable);

        // A value in a batch is a code, which says little to those who know the labels only.
        static string Labels(Column column) => column is DiscreteColumn { LabelsAreCodes: false } ? $", the code of {column.Domain}" : "";
    }

    /// <summary>Refuses a schema whose columns are not the variables.</summary>
    /// <param name="schema">The schema.</param>
    /// <exception cref="ArgumentException">There is not one column a variable, or a column and its input differ in the number of values.</exception>
    public void CheckSchema(Schema schema)
    {
        ArgumentNullException.ThrowIfNull(schema);
        if (schema.Variables != Variables)
            throw new ArgumentException($"The schema has {schema.Variables} columns, the circuit {Variables} variables; they must be as many.");
        for (int v = 0; v < Variables; v++)
            if (InputOf[v] is { Domain: var domain } && !schema.Columns[v].Fits(domain))
                throw new ArgumentException($"Column \"{schema.Columns[v].Name}\" has {Values(schema.Columns[v].States, schema.Columns[v] is CountColumn)}, variable {v} of the circuit {Values(domain.HasCodes ? domain.States : null, domain.IsInteger)}.");

        static string Values(int? states, bool counts) => states is int count ? $"{count} values" : counts ? "counts" : "real values";
    }

    /// <summary>Refuses what is no distribution over the classes.</summary>
    /// <returns>A copy.</returns>
    internal double[] CheckPrior(IReadOnlyList<double> prior)
    {
        if (prior.Count != Classes || prior.Any(p => !(p >= 0)) || !(Math.Abs(prior.Sum() - 1) <= 1e-6))
            throw new ArgumentException($"The prior must hold {Classes} numbers of at least 0 that add to 1; it is {string.Join(", ", prior)}.", nameof(prior));
        return [.. prior];
    }

    /// <summary>The p(class) that parameters say, or null where it is not learned.</summary>
    internal double[]? LearnedPrior(ReadOnlySpan<float> parameters)
    {
        if (ClassLogits is not { } tensor) return null;
        var prior = new double[tensor.Count];
        for (int c = 0; c < prior.Length; c++) prior[c] = parameters[tensor.Offset + c];
        WeightProgram.Softmax(prior, prior);
        return prior;
    }

    /// <summary>What makes weights of sums that need not add to 1, or null where all weights do.</summary>
    internal NormalisedProgram? Unnormalised => Programs.OfType<NormalisedProgram>().FirstOrDefault();

    /// <summary>Fresh parameters.</summary>
    /// <param name="seed">The same seed gives the same parameters.</param>
    /// <param name="train">Samples whose values place learned input densities, or null.</param>
    public float[] Initialise(long seed, Evidence? train = null)
    {
        var parameters = new float[ParameterCount];
        for (int t = 0; t < Tensors.Count; t++)
        {
            var random = new RandomStream(seed, "parameters", t);
            Span<float> own = parameters.AsSpan(Tensors[t].Offset, Tensors[t].Count);
            if (Tensors[t].Start is ParameterStart.Uniform uniform)
                foreach (ref float p in own) p = (float)(uniform.Low + (uniform.High - uniform.Low) * random.NextDouble());
            else if (Tensors[t].Start is ParameterStart.LogUniform logs)
                foreach (ref float p in own) p = (float)Math.Log(logs.Low + (logs.High - logs.Low) * random.NextDouble());
            else if (Tensors[t].Start is ParameterStart.LogTruncatedNormal normal)
                foreach (ref float p in own)
                {
                    double z = random.NextNormal();
                    while (Math.Abs(z) > 2) z = random.NextNormal();
                    p = (float)Math.Log(Math.Max(normal.Mean + normal.Deviation * z, normal.Least));
                }
        }
        foreach (AccumulatorProgram program in Programs.OfType<AccumulatorProgram>()) program.Initialise(Blocks, seed, parameters);
        InitialiseInputs(seed, train, parameters);
        return parameters;
    }

    private void InitialiseInputs(long seed, Evidence? train, float[] parameters)
    {
        // Some variables at a time: their values of one sample stand side by side, and a column each is made of them.
        const int together = 16;
        ILookup<int, int> readers = Enumerable.Range(0, Regions.Count)
            .Where(r => Regions.Kind(r) == RegionKind.Input && Regions.Input(r).Family.ParameterCount > 0).ToLookup(r => Regions.Input(r).Variable);
        int[][] blocks = [.. readers.Select(g => g.Key).Order().Chunk(together)];
        Parallel.For(0, blocks.Length, b =>
        {
            float[][] columns = [.. blocks[b].Select(_ => train is null ? [] : new float[train.Count])];
            int[] counts = train?.Columns(blocks[b], columns) ?? new int[columns.Length];
            for (int i = 0; i < columns.Length; i++)
                foreach (int r in readers[blocks[b][i]])
                {
                    InputPlace input = Regions.Input(r);
                    var random = new RandomStream(seed, "inputs", r);
                    Span<float> own = parameters.AsSpan(input.Offset, input.Family.ParameterCount);
                    if (counts[i] == 0) input.Family.Initialise(random, own);
                    else input.Family.InitialiseFrom(random, columns[i].AsSpan(0, counts[i]), own);
                }
        });
    }

    private int[] StatisticPlaces()
    {
        var first = new int[Regions.Count + 1];
        for (int r = 0; r < Regions.Count; r++)
            first[r + 1] = first[r] + (Regions.Kind(r) == RegionKind.Input && Regions.Input(r).Family.Learns ? Regions.Input(r).Family.StatisticCount : 0);
        return first;
    }

    private IEnumerable<ParameterRun> LearnedRuns()
    {
        int first = 0;
        foreach (ParameterRun frozen in Tensors.SelectMany(t => t.Frozen))
        {
            if (frozen.Offset > first) yield return new ParameterRun(first, frozen.Offset - first);
            first = frozen.End;
        }
        if (first < ParameterCount) yield return new ParameterRun(first, ParameterCount - first);
    }
}

/// <summary>One density of one variable: a channel of an input region.</summary>
/// <param name="Region">The input region.</param>
/// <param name="Component">The channel.</param>
public readonly record struct InputUnit(int Region, int Component);
