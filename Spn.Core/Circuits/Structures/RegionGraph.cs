namespace Spn.Core.Circuits.Structures;

/// <summary>Regions and partitions before any layer is put on them: what every structure builder makes.</summary>
/// <remarks>A region without partitions is a leaf. Children come before their parents.</remarks>
public sealed class RegionGraph
{
    private readonly List<Region> regions = [];

    /// <summary>Starts an empty graph.</summary>
    /// <param name="variables">Number of variables of the model.</param>
    public RegionGraph(int variables) => Variables = variables;

    /// <summary>One region: its scope, its partitions and its place.</summary>
    /// <param name="Scope">The variables it speaks of.</param>
    /// <param name="Partitions">Each a list of regions whose product has this region's scope.</param>
    /// <param name="Replica">The replica it belongs to, from 0.</param>
    /// <param name="Level">Distance from the leaves, 0 for a leaf.</param>
    /// <param name="Sector">Place among the sectors of its replica; the same in every replica.</param>
    public sealed record Region(Scope Scope, IReadOnlyList<int[]> Partitions, int Replica, int Level, int Sector);

    /// <summary>Number of variables of the model.</summary>
    public int Variables { get; }

    /// <summary>All regions, children first.</summary>
    public IReadOnlyList<Region> Regions => regions;

    /// <summary>The regions that the root joins.</summary>
    public List<int> Tops { get; } = [];

    /// <summary>Sector places a replica has in the layout with dead entries; 0 when the structure defines none.</summary>
    public int SectorPlaces { get; init; }

    /// <summary>Adds a region and returns its index.</summary>
    public int Add(Region region)
    {
        regions.Add(region);
        return regions.Count - 1;
    }

    /// <summary>Adds a region that partitions split, one level above its children, and returns its index.</summary>
    /// <param name="partitions">Each a list of earlier regions, which together are the region; at least one.</param>
    /// <param name="replica">The replica it belongs to, from 0.</param>
    /// <param name="sector">Place among the sectors of its replica.</param>
    public int Join(IReadOnlyList<int[]> partitions, int replica, int sector)
    {
        var scope = Scope.Union([.. partitions[0].Select(child => regions[child].Scope)]);
        int level = 1 + partitions.SelectMany(p => p).Max(child => regions[child].Level);
        return Add(new(scope, partitions, replica, level, sector));
    }
}
