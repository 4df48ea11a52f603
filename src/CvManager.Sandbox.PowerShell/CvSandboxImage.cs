using CvManager.PowerShell;

namespace CvManager.Sandbox.PowerShell;

/// <summary>An image in the registry of a sandbox.</summary>
public sealed class CvSandboxImage
{
    /// <summary>The registry and repository, as in imageRepo of a ContainerVersion.</summary>
    public string Repository { get; init; } = "";

    /// <summary>The tags of the image.</summary>
    public Listed<string> Tag { get; init; } = [];

    public string Digest { get; init; } = "";

    /// <summary>False if the image was created with -Broken, so that no node can pull it.</summary>
    public bool Pullable { get; init; }

    /// <summary>The image reference with the first tag.</summary>
    public string Image => $"{Repository}:{Tag[0]}";
}
