namespace Spn

open System
open System.Threading
open Spn.Core
open Spn.Core.Inference
open Spn.Core.Layerwise

/// <summary>Layers of deep convolutional Gaussian mixtures.</summary>
[<AbstractClass; Sealed>]
type Gmm =

    /// <summary>Folding F(kernel, stride): every patch of cells becomes one cell with all its channels.</summary>
    /// <param name="kernel">Cells of a patch along each axis.</param>
    /// <param name="stride">Distance between patches, in cells; 1 unless told.</param>
    static member Folding(kernel: int, ?stride: int) : LayerwiseLayer =
        FoldingSpec(kernel, defaultArg stride 1)

    /// <summary>Max-pooling P(kernel, stride) of each channel.</summary>
    /// <param name="kernel">Cells of a window along each axis.</param>
    /// <param name="stride">Distance between windows, in cells.</param>
    /// <param name="rounding">Sizes where windows do not cover the grid evenly; only whole windows unless told.</param>
    /// <param name="backward">What becomes of a signal from above; copied to the whole window unless told.</param>
    static member Pooling
        (kernel: int, stride: int, ?rounding: PoolingRounding, ?backward: PoolingBackward)
        : LayerwiseLayer =
        PoolingSpec(
            kernel,
            stride,
            Rounding = defaultArg rounding PoolingRounding.Floor,
            Backward = defaultArg backward PoolingBackward.Dense
        )

    /// <summary>Mixture layer G(components): a Gaussian mixture at every cell, whose output are the responsibilities.</summary>
    /// <param name="components">Number of components; a square number where training anneals.</param>
    /// <param name="independent">Whether every cell has parameters of its own; all cells share them unless told.</param>
    /// <param name="loss">What training raises; the largest component's score unless told.</param>
    /// <param name="factors">Directions along which a component is wider; 0, diagonal Gaussians, unless told.</param>
    static member Mixture(components: int, ?independent: bool, ?loss: MixtureLoss, ?factors: int) : LayerwiseLayer =
        MixtureSpec(
            components,
            Independent = defaultArg independent false,
            Loss = defaultArg loss MixtureLoss.MaxComponent,
            Factors = defaultArg factors 0
        )

    /// <summary>Linear classifier C(classes) on top.</summary>
    /// <param name="classes">Number of classes.</param>
    /// <param name="reads">Layers that it reads, by their place from 0; the one below it unless told.</param>
    static member Classifier(classes: int, ?reads: seq<int>) : LayerwiseLayer =
        ClassifierSpec(classes, Reads = ValueList<int>(defaultArg reads Seq.empty))

/// <summary>Builds, trains and asks deep convolutional Gaussian mixtures.</summary>
[<RequireQualifiedAccess>]
module Gmm =

    let private told (report: 'progress -> unit) = {
        new IProgress<'progress> with
            member _.Report value = report value
    }

    /// <summary>A stack of layers over images, bottom up.</summary>
    /// <param name="variables">The images, such as <c>Variables.Image(height = 28, width = 28)</c>.</param>
    /// <param name="layers">The layers.</param>
    /// <exception cref="T:System.ArgumentException">The grid has not two axes.</exception>
    let stack (variables: GridVariables) (layers: LayerwiseLayer list) : LayerwiseSpec =
        if variables.Extents.Count <> 2 then
            invalidArg
                (nameof variables)
                $"A stack stands on images, which have two axes; the {variables.Name} has not."

        LayerwiseSpec(variables.Extents[0], variables.Extents[1], variables.Colours, ValueList<LayerwiseLayer> layers)

    /// <summary>Allocates a model and starts its parameters.</summary>
    /// <param name="seed">The same seed gives the same parameters.</param>
    /// <param name="spec">The stack.</param>
    /// <exception cref="T:Spn.Core.CircuitException">The stack breaks a rule; all findings are listed.</exception>
    let compile (seed: int64) (spec: LayerwiseSpec) : LayerwiseModel = spec.Compile seed

    /// <summary>Writes description and parameters to a file in safetensors layout, and gives the model back.</summary>
    /// <exception cref="T:Spn.Core.Files.ModelFileException">The file cannot be written.</exception>
    let save (path: string) (model: LayerwiseModel) : LayerwiseModel =
        model.Save path
        model

    /// <summary>Reads a model that <c>save</c> wrote.</summary>
    /// <exception cref="T:Spn.Core.Files.ModelFileException">The file cannot be read, is no model file or holds a circuit.</exception>
    let load (path: string) : LayerwiseModel = LayerwiseModel.Load path

    /// <summary>Training that tells how it stands and can be cancelled.</summary>
    /// <param name="report">Called about five times a second.</param>
    /// <param name="cancellation">Ends the training; the model keeps what it has learned so far.</param>
    /// <param name="train">Images in [0, 1].</param>
    /// <param name="options">Settings.</param>
    /// <param name="model">The model, changed in place.</param>
    let trainWith
        (report: LayerwiseProgress -> unit)
        (cancellation: CancellationToken)
        (train: Evidence)
        (options: LayerwiseOptions)
        (model: LayerwiseModel)
        : LayerwiseReport =
        model.Fit(train, options, progress = told report, cancellation = cancellation)

    /// <summary>Trains all layers at once, each by its own loss; a classifier needs classes to learn from (<c>trainClasses</c>).</summary>
    /// <inheritdoc cref="M:Spn.GmmModule.trainWith"/>
    let train (train: Evidence) (options: LayerwiseOptions) (model: LayerwiseModel) : LayerwiseReport =
        trainWith ignore CancellationToken.None train options model

    /// <summary>Trains all layers at once, the classifier on top of them too.</summary>
    /// <param name="classes">The class of each image.</param>
    /// <param name="train">Images in [0, 1].</param>
    /// <param name="options">Settings.</param>
    /// <param name="model">A model with a classifier, changed in place.</param>
    /// <exception cref="T:System.InvalidOperationException">The stack has no classifier.</exception>
    let trainClasses
        (classes: int[])
        (train: Evidence)
        (options: LayerwiseOptions)
        (model: LayerwiseModel)
        : LayerwiseReport =
        model.Fit(train, options, labels = classes)

    /// <summary>Loss of each image at the topmost mixture layer, in nats; the higher, the more normal.</summary>
    /// <param name="images">Images in [0, 1].</param>
    /// <param name="model">The model.</param>
    let scores (images: Evidence) (model: LayerwiseModel) : float[] = model.Scores images

    /// <summary>The most probable class of each image.</summary>
    /// <param name="images">Images in [0, 1].</param>
    /// <param name="model">A model with a classifier.</param>
    let classify (images: Evidence) (model: LayerwiseModel) : int[] = model.Classify images

    /// <summary>Draws images.</summary>
    /// <param name="count">Number of images.</param>
    /// <param name="options">How components are drawn.</param>
    /// <param name="model">The model.</param>
    let sample (count: int) (options: LayerwiseSampleOptions) (model: LayerwiseModel) : Evidence =
        model.Sample(count, options)

    /// <summary>Draws images of given classes.</summary>
    /// <param name="classes">The class of each image.</param>
    /// <param name="options">How components are drawn.</param>
    /// <param name="model">A model with a classifier.</param>
    let sampleClasses (classes: int[]) (options: LayerwiseSampleOptions) (model: LayerwiseModel) : Evidence =
        model.SampleClasses(classes, options)

    /// <summary>Fills in the hidden pixels of images.</summary>
    /// <param name="by">How hidden pixels count on the way up.</param>
    /// <param name="options">How components are drawn on the way down.</param>
    /// <param name="images">Images in [0, 1] with what is to be filled in hidden.</param>
    /// <param name="model">The model.</param>
    let complete
        (by: LayerwiseCompletion)
        (options: LayerwiseSampleOptions)
        (images: Evidence)
        (model: LayerwiseModel)
        : Evidence =
        model.Complete(images, by, options)
