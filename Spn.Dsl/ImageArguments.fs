namespace Spn

open Argu

/// <summary>Options of <c>scripts/structures-images.fsx</c>.</summary>
[<RequireQualifiedAccess>]
type StructureArguments =
    /// <summary>Which data sets.</summary>
    | Sets of names: string
    /// <summary>Which structures.</summary>
    | Models of names: string
    /// <summary>Which inputs.</summary>
    | Leaves of names: string
    /// <summary>What is asked of the models.</summary>
    | Tasks of names: string
    /// <summary>Channels of a region.</summary>
    | Channels of counts: string
    /// <summary>A short run.</summary>
    | Quick
    /// <summary>Passes over the images.</summary>
    | Epochs of count: int
    /// <summary>How many seeds, or which.</summary>
    | Seeds of seeds: string
    /// <summary>Most images to train on.</summary>
    | Images of count: int
    /// <summary>Most time of one training.</summary>
    | Budget of minutes: float
    /// <summary>Number of threads.</summary>
    | Threads of count: int
    /// <summary>The data folder.</summary>
    | Data of folder: string
    /// <summary>The folder of the results.</summary>
    | Out of folder: string
    /// <summary>Goes on where an earlier run ended.</summary>
    | Resume
    /// <summary>Writes a page for the documentation.</summary>
    | Markdown of file: string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Sets _ ->
                "names separated by commas: mnist, fashion-mnist, digits-grey (built in) (default: the first two where their files are, else digits-grey)"
            | Models _ -> "rat (random regions), pd (Poon-Domingos, four vertical strips) (default: rat,pd)"
            | Leaves _ ->
                "binomial (integer grey values, as the paper), categorical (a probability for each), normal (of de-quantised values) (default: binomial)"
            | Tasks _ ->
                "density (all classes; bits per dimension and samples), outliers (classes 1 to 9 against class 0) (default: both)"
            | Channels _ -> "inputs and sums K of a region, such as 10 or 10,40 (default: 10)"
            | Quick ->
                "a look in some seconds: the built-in digits unless --sets is given, 4 channels, 3 passes; marked"
            | Epochs _ ->
                "passes over the images (default: 20, as in the scripts of the paper; marked where they are fewer)"
            | Seeds _ -> "a number of seeds, or a list such as 1,5,9 (default: 1; the paper has 5)"
            | Images _ -> "at most so many images to train on, evenly spaced (default: all; marked)"
            | Budget _ -> "minutes after which a training stops, finished or not (default: none; marked)"
            | Threads _ -> "threads (default: one a processor)"
            | Data _ -> "data folder (default: the variable SPN_DATA, else data/ of the repository)"
            | Out _ -> "folder of results (default: the variable SPN_OUT, else out)"
            | Resume -> "keep the rows of an earlier run and do only what is missing"
            | Markdown _ -> "write the results as a Markdown page as well, with its pictures beside it"

/// <summary>Options of <c>scripts/hyperspn-svhn.fsx</c>.</summary>
[<RequireQualifiedAccess>]
type ClusterArguments =
    /// <summary>Which images.</summary>
    | Set of name: string
    /// <summary>Additional images.</summary>
    | Extra of count: int
    /// <summary>Number of groups.</summary>
    | Clusters of count: int
    /// <summary>How many of them get models.</summary>
    | First of count: int
    /// <summary>Channels of a region.</summary>
    | Channels of count: int
    /// <summary>A short run.</summary>
    | Quick
    /// <summary>Passes over the images.</summary>
    | Epochs of count: int
    /// <summary>How many seeds, or which.</summary>
    | Seeds of seeds: string
    /// <summary>Most images to train on.</summary>
    | Images of count: int
    /// <summary>Most time of one training.</summary>
    | Budget of minutes: float
    /// <summary>Number of threads.</summary>
    | Threads of count: int
    /// <summary>The data folder.</summary>
    | Data of folder: string
    /// <summary>The folder of the results.</summary>
    | Out of folder: string
    /// <summary>Goes on where an earlier run ended.</summary>
    | Resume
    /// <summary>Writes a page for the documentation.</summary>
    | Markdown of file: string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Set _ ->
                "svhn, fashion-mnist or digits-grey (built in) (default: the first whose files are there; only svhn is the paper's)"
            | Extra _ ->
                "at most so many of SVHN's 531,131 additional images, 12 KB each (default: 0; the paper has all)"
            | Clusters _ -> "groups by k-means, each with models of its own (default: 100; 10 for the built-in digits)"
            | First _ -> "models for so many of the groups only, from the first on (default: all)"
            | Channels _ -> "inputs and sums K of a region (default: 40)"
            | Quick ->
                "a look in some seconds: the built-in digits unless --set is given, 3 groups, 6 channels, 4 passes; marked"
            | Epochs _ -> "passes over the images of a group (default: 100; marked where they are fewer)"
            | Seeds _ -> "a number of seeds, or a list such as 1,5,9 (default: 1)"
            | Images _ -> "at most so many images to train on, evenly spaced (default: all; marked)"
            | Budget _ -> "minutes after which a training stops, finished or not (default: none; marked)"
            | Threads _ -> "threads (default: one a processor)"
            | Data _ ->
                "data folder, in which SVHN has a folder svhn (default: the variable SPN_DATA, else data/ of the repository)"
            | Out _ -> "folder of results (default: the variable SPN_OUT, else out)"
            | Resume -> "keep the rows of an earlier run and do only what is missing"
            | Markdown _ -> "write the results as a Markdown page as well, with its figure beside it"
