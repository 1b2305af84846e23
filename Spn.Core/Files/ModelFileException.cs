namespace Spn.Core.Files;

/// <summary>A model file that cannot be read or written.</summary>
/// <remarks>The message reads like <c>nltcs.safetensors: the file holds 96 bytes of tensors; expected 100.</c></remarks>
public sealed class ModelFileException : Exception
{
    /// <summary>The facts of the error; the message is made of them.</summary>
    /// <param name="file">Path of the file.</param>
    /// <param name="reason">What is wrong and what was expected, without a full stop.</param>
    /// <param name="inner">The error below this one, if any.</param>
    public ModelFileException(string file, string reason, Exception? inner = null)
        : base($"{Path.GetFileName(file)}: {reason.TrimEnd('.')}.", inner)
    {
        File = file;
        Reason = reason;
    }

    /// <summary>Path of the file; the message names its last part only.</summary>
    public string File { get; }

    /// <summary>What is wrong and what was expected.</summary>
    public string Reason { get; }
}
