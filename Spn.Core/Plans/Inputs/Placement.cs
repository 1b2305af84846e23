namespace Spn.Core.Plans;

/// <summary>Where a component starts, and the values that are its own.</summary>
/// <param name="Location">Its location.</param>
/// <param name="First">First of its values, in ascending order.</param>
/// <param name="Count">Number of its values.</param>
internal readonly record struct PlacedPart(double Location, int First, int Count);

/// <summary>Places components among the values of a variable; see <see cref="Init"/>.</summary>
internal static class Placement
{
    /// <summary>Components as a description of their start says.</summary>
    /// <param name="init">The description.</param>
    /// <param name="random">Source of randomness.</param>
    /// <param name="values">The values in the order of the samples, not empty.</param>
    /// <param name="sorted">The same in ascending order.</param>
    /// <param name="components">Number of components.</param>
    /// <param name="origin">Where equidistant locations are counted from.</param>
    /// <param name="unit">Unit of equidistant locations.</param>
    public static PlacedPart[] Of(Init init, RandomStream random, ReadOnlySpan<float> values, ReadOnlySpan<float> sorted, int components, double origin, double unit)
    {
        if (init is QuantileInit) return Quantiles(sorted, components);
        var locations = new double[components];
        switch (init)
        {
            case KMeansInit:
                KMeans.Place(random, sorted, locations);
                break;
            case EquidistantInit even:
                for (int k = 0; k < components; k++) locations[k] = origin + unit * even.At(k, components);
                break;
            default:
                for (int k = 0; k < components; k++) locations[k] = values[random.NextInt(values.Length)];
                break;
        }
        return Nearest(locations, sorted);
    }

    /// <summary>Given locations, each with the values that are nearest to it.</summary>
    public static PlacedPart[] Nearest(IReadOnlyList<double> locations, ReadOnlySpan<float> sorted)
    {
        int[] order = [.. Enumerable.Range(0, locations.Count).OrderBy(k => locations[k])];
        var parts = new PlacedPart[order.Length];
        for (int i = 0, first = 0; i < order.Length; i++)
        {
            double own = locations[order[i]];
            int end = i == order.Length - 1 ? sorted.Length : UpTo(sorted, 0.5 * (own + locations[order[i + 1]]));
            parts[order[i]] = new PlacedPart(own, first, end - first);
            first = end;
        }
        return parts;
    }

    /// <summary>The number of values up to a bound.</summary>
    public static int UpTo(ReadOnlySpan<float> sorted, double bound)
    {
        int low = 0, high = sorted.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (sorted[middle] <= bound) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    /// <summary>Parts of round(N / K) values, the last with the rest; a part that gets none starts at the value where it would stand.</summary>
    private static PlacedPart[] Quantiles(ReadOnlySpan<float> sorted, int components)
    {
        var parts = new PlacedPart[components];
        int size = (int)Math.Round((double)sorted.Length / components);
        for (int k = 0; k < components; k++)
        {
            int first = (int)Math.Min((long)k * size, sorted.Length), end = k == components - 1 ? sorted.Length : Math.Min(first + size, sorted.Length);
            double sum = 0;
            foreach (float value in sorted[first..end]) sum += value;
            double location = end > first ? sum / (end - first) : sorted[Math.Min((int)((long)k * sorted.Length / components), sorted.Length - 1)];
            parts[k] = new PlacedPart(location, first, end - first);
        }
        return parts;
    }
}
