namespace Spn

open Argu

/// <summary>Options of <c>scripts/dgcspn-inpainting.fsx</c>.</summary>
[<RequireQualifiedAccess>]
type InpaintArguments =
    /// <summary>Which data sets.</summary>
    | Sets of names: string
    /// <summary>Which networks.</summary>
    | Presets of names: string
    /// <summary>How they are trained.</summary>
    | Learners of names: string
    /// <summary>Which parts are hidden.</summary>
    | Occlusions of names: string
    /// <summary>Which pixels the standard scores are taken from.</summary>
    | Stats of pixels: string
    /// <summary>A short run.</summary>
    | Quick
    /// <summary>Passes over the images.</summary>
    | Epochs of count: int
    /// <summary>How many seeds, or which.</summary>
    | Seeds of seeds: string
    /// <summary>Most images to train on.</summary>
    | Images of count: int
    /// <summary>Most images to complete.</summary>
    | [<CustomCommandLine "--test-images">] TestImages of count: int
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
                "names separated by commas: olivetti, caltech101 (one network for all images), caltech101-categories (one a category), mnist, fashion-mnist, digits-grey (built in); all: the first, second, fourth and fifth (default: olivetti where its files are, else digits-grey)"
            | Presets _ ->
                "networks: paper (all combinations first, 16 sums a cell), twoSums (the early released code), or both (default: paper)"
            | Learners _ -> "hard EM: plain, usi (unweighted sum inputs), or both (default: both)"
            | Occlusions _ -> "halves to complete: bottom, left, right, top (default: bottom,left)"
            | Stats _ ->
                "pixels that mean and deviation are taken from: full (all of the image, as the paper does, which leaks), visible, global (all training images), or several of them (default: full)"
            | Quick ->
                "a look in some seconds: the built-in digits unless --sets is given, 3 passes, 50 test images; marked"
            | Epochs _ -> "passes over the images (default: 15, the paper's)"
            | Seeds _ -> "a number of seeds, or a list such as 1,5,9 (default: 1; the paper has 5)"
            | Images _ -> "at most so many images to train on, evenly spaced (default: all; marked)"
            | TestImages _ -> "at most so many images to complete, evenly spaced (default: all; marked)"
            | Budget _ -> "minutes after which a training stops, finished or not (default: none; marked)"
            | Threads _ -> "threads (default: one a processor)"
            | Data _ -> "data folder (default: the variable SPN_DATA, else data/ of the repository)"
            | Out _ -> "folder of results (default: the variable SPN_OUT, else out)"
            | Resume -> "keep the rows and the networks of an earlier run and do only what is missing"
            | Markdown _ -> "write the results into a Markdown page as well"

/// <summary>Options of <c>scripts/dgcspn-classification.fsx</c>.</summary>
[<RequireQualifiedAccess>]
type ClassifyArguments =
    /// <summary>Which data sets.</summary>
    | Sets of names: string
    /// <summary>Which networks.</summary>
    | Presets of names: string
    /// <summary>A short run.</summary>
    | Quick
    /// <summary>Passes over the images.</summary>
    | Epochs of count: int
    /// <summary>Step size.</summary>
    | Rate of rate: float
    /// <summary>Step size at the end.</summary>
    | [<CustomCommandLine "--final-rate">] FinalRate of rate: float
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
                "names separated by commas: mnist, fashion-mnist, digits-grey (built in); all: the first two (default: mnist where its files are, else digits-grey)"
            | Presets _ ->
                "paper (Adam at rate 0.001), paperRate (at 0.0001), notebook (the small network of the released library) (default: paper)"
            | Quick -> "a look in some seconds: the built-in digits unless --sets is given, 12 passes; marked"
            | Epochs _ ->
                "passes over the images (default: 20, or 15 for notebook; the paper has 400; marked where they are fewer)"
            | Rate _ -> "step size of Adam (default: the preset's; 0.03 for the built-in digits)"
            | FinalRate _ -> "step size at the end, reached in a straight line (default: the step size of the start)"
            | Seeds _ -> "a number of seeds, or a list such as 1,5,9 (default: 1; the paper has 5)"
            | Images _ -> "at most so many images to train on, evenly spaced (default: all; marked)"
            | Budget _ -> "minutes after which a training stops, finished or not (default: none; marked)"
            | Threads _ -> "threads (default: one a processor)"
            | Data _ -> "data folder (default: the variable SPN_DATA, else data/ of the repository)"
            | Out _ -> "folder of results (default: the variable SPN_OUT, else out)"
            | Resume ->
                "keep the rows of an earlier run, and go on from the last evaluation of an unfinished training, with Adam's moments afresh"
            | Markdown _ -> "write the results into a Markdown page as well"
