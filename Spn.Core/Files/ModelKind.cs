namespace Spn.Core.Files;

/// <summary>What a model file may hold.</summary>
public enum ModelKind
{
    /// <summary>A circuit; <see cref="Spn.Core.Circuit.Load"/> reads it.</summary>
    Circuit,

    /// <summary>A deep convolutional Gaussian mixture; <see cref="Layerwise.LayerwiseModel.Load"/> reads it.</summary>
    Layerwise,
}

/// <summary>How files and errors name kinds of models.</summary>
internal static class ModelKinds
{
    /// <summary>The metadata key of the description, by which files of different kinds are told apart.</summary>
    public static string Key(this ModelKind kind) => kind switch
    {
        ModelKind.Circuit => "spn.circuit",
        _ => "spn.layerwise",
    };

    public static string Text(this ModelKind kind) => kind switch
    {
        ModelKind.Circuit => "circuit",
        _ => "deep Gaussian mixture",
    };

    /// <summary>What reads such a file.</summary>
    public static string Loader(this ModelKind kind) => kind switch
    {
        ModelKind.Circuit => $"{nameof(Circuit)}.{nameof(Circuit.Load)}",
        _ => $"{nameof(Layerwise.LayerwiseModel)}.{nameof(Layerwise.LayerwiseModel.Load)}",
    };
}
