namespace Spn

open Spn.Core
open Spn.Core.Training

/// <summary>Variables on a grid, for stacks of spatial layers and for regions that are boxes.</summary>
[<AbstractClass; Sealed>]
type Variables =
    /// <summary>An image; its variables are numbered row by row, the colours of a cell innermost.</summary>
    static member Image(height: int, width: int, ?colours: int) : GridVariables =
        GridVariables.Image(height, width, defaultArg colours 1)

    /// <summary>A signal of so many steps.</summary>
    static member Line(length: int, ?colours: int) : GridVariables =
        GridVariables.Line(length, defaultArg colours 1)

    /// <summary>A volume.</summary>
    static member Volume(depth: int, height: int, width: int, ?colours: int) : GridVariables =
        GridVariables.Volume(depth, height, width, defaultArg colours 1)

/// <summary>Which regions a circuit has.</summary>
[<AbstractClass; Sealed>]
type Regions =
    /// <summary>Balanced binary trees over the variables, in another random order in every replica.</summary>
    /// <remarks>Source: Shih, Sadigh and Ermon 2021, section 3.</remarks>
    /// <param name="variables">Number of variables, at least 1.</param>
    /// <param name="replicas">Number of trees, at least 1.</param>
    /// <param name="seed">Seed of the orders; 1 unless told.</param>
    static member RandomBinaryTrees(variables: int, replicas: int, ?seed: int64) : StructureSpec =
        BinaryTrees(variables, replicas, defaultArg seed 1L)

    /// <summary>Random halvings of the variables down to a depth: the regions of RAT-SPNs, repeated in every replica.</summary>
    /// <remarks>Source: Peharz et al. 2019, algorithm 1.</remarks>
    /// <param name="variables">Number of variables, at least 1.</param>
    /// <param name="depth">Number of halvings D; leaves are regions of n / 2^D variables.</param>
    /// <param name="replicas">Number of repetitions R, at least 1.</param>
    /// <param name="seed">Seed of the halves; 1 unless told.</param>
    static member Rat(variables: int, depth: int, replicas: int, ?seed: int64) : StructureSpec =
        RatRegions(variables, depth, replicas, defaultArg seed 1L)

    /// <summary>All boxes of a grid that cuts at given distances reach; see <see cref="T:Spn.Core.PoonDomingos"/>.</summary>
    /// <param name="grid">The variables.</param>
    /// <param name="distances">Distances between cuts in cells along every axis, coarse to fine; or</param>
    /// <param name="pieces">numbers of pieces of every axis, coarse to fine.</param>
    /// <param name="axes">The axes that are cut, from 0; all unless told.</param>
    /// <param name="mostCuts">The most cuts on the way to a box; no bound unless told.</param>
    /// <exception cref="T:System.ArgumentException">Neither distances nor pieces are given, or both.</exception>
    static member PoonDomingos
        (grid: GridVariables, ?distances: seq<float>, ?pieces: seq<int>, ?axes: seq<int>, ?mostCuts: int)
        : StructureSpec =
        let cut =
            match distances, pieces with
            | Some distances, None -> PoonDomingos.At(grid, Array.ofSeq distances)
            | None, Some pieces -> PoonDomingos.Pieces(grid, Array.ofSeq pieces)
            | _ -> invalidArg (nameof pieces) "Give either the distances between cuts or the numbers of pieces."

        PoonDomingos(
            cut.Grid,
            cut.Distances,
            Axes = (axes |> Option.map ValueList<int> |> Option.toObj),
            MostCuts = Option.toNullable mostCuts
        )

    /// <summary>An image halved along both axes at once, again and again: the quad tree. Any grid works likewise.</summary>
    /// <param name="grid">The variables.</param>
    /// <param name="binary">True halves one axis at a time, the longest; false unless told.</param>
    /// <param name="patch">Boxes of at most this length are not split along that axis; 1 unless told.</param>
    static member QuadTree(grid: GridVariables, ?binary: bool, ?patch: int) : StructureSpec =
        let split =
            if defaultArg binary false then
                QuadSplit.Halves
            else
                QuadSplit.Quarters

        QuadRegions(grid, split, defaultArg patch 1)

    /// <summary>An image halved into top and bottom and into left and right, a partition each, again and again: the quad graph. Any grid works likewise.</summary>
    /// <param name="grid">The variables.</param>
    /// <param name="patch">Boxes of at most this length are not split along that axis; 1 unless told.</param>
    static member QuadGraph(grid: GridVariables, ?patch: int) : StructureSpec =
        QuadRegions(grid, QuadSplit.AllHalves, defaultArg patch 1)

    /// <summary>Variables joined one after another; with a Kronecker product and sums a tensor train.</summary>
    /// <param name="variables">Number of variables, at least 1.</param>
    /// <param name="replicas">Number of trees; 1 unless told.</param>
    /// <param name="seed">Seed of random orders; the variables' own order unless told.</param>
    /// <param name="orders">The variables of each replica in order.</param>
    static member Linear(variables: int, ?replicas: int, ?seed: int64, ?orders: seq<#seq<int>>) : StructureSpec =
        LinearTrees(
            variables,
            defaultArg replicas 1,
            Seed = Option.toNullable seed,
            Orders =
                (orders
                 |> Option.map (fun orders -> ValueList [ for order in orders -> ValueList<int>(order) ])
                 |> Option.toObj)
        )

    /// <summary>A tree of hidden variables, one for each variable; see <see cref="T:Spn.Core.HiddenTree"/>.</summary>
    /// <param name="parents">The parent of each variable; -1 for the root.</param>
    static member HiddenTree(parents: seq<int>) : StructureSpec = HiddenTree(ValueList<int> parents)

    /// <summary>The hidden tree along the Chow-Liu tree of samples; see <see cref="M:Spn.Core.Training.ChowLiu.Tree"/>.</summary>
    /// <param name="train">Samples; hidden entries are left out pair by pair.</param>
    /// <param name="bins">Most values of a variable; variables with others are cut at quantiles. 16 unless told.</param>
    /// <param name="smoothing">Count shared out among the joint values of a pair; 1 unless told.</param>
    static member ChowLiu(train: Evidence, ?bins: int, ?smoothing: float) : StructureSpec =
        ChowLiu.Tree(train, defaultArg bins 16, defaultArg smoothing 1.0)

    /// <summary>Regions given one by one, children before parents; those that are no child are the tops.</summary>
    /// <param name="variables">Number of variables, at least 1.</param>
    /// <param name="regions">Made by <c>Leaf</c> and <c>Join</c>; a region's index is its place in the list, from 0.</param>
    static member HandBuilt(variables: int, regions: seq<HandBuiltRegions -> HandBuiltRegions>) : StructureSpec =
        (HandBuiltRegions(variables), regions) ||> Seq.fold (fun graph add -> add graph) :> StructureSpec

    /// <summary>A region without children.</summary>
    /// <param name="scope">The variables it speaks of.</param>
    static member Leaf(scope: seq<int>) : HandBuiltRegions -> HandBuiltRegions = _.Leaf(Array.ofSeq scope)

    /// <summary>A region that partitions split.</summary>
    /// <param name="partitions">Each a list of indices of earlier regions.</param>
    static member Join(partitions: seq<#seq<int>>) : HandBuiltRegions -> HandBuiltRegions =
        _.Join([| for partition in partitions -> Array.ofSeq partition |])
