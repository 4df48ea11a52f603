namespace CvManager.Sandbox.Registry;

/// <summary>A reference as container runtimes parse it: <c>[host/]repository[:tag][@digest]</c>.</summary>
/// <param name="Host">The registry; docker.io if the reference has none.</param>
/// <param name="Repository">The repository.</param>
/// <param name="Reference">The digest if there is one, otherwise the tag, otherwise <c>latest</c>.</param>
internal sealed record ImageReference(string Host, string Repository, string Reference)
{
    public static ImageReference Parse(string image)
    {
        int slash = image.IndexOf('/', StringComparison.Ordinal);
        string first = slash < 0 ? "" : image[..slash];
        bool hasHost = first == "localhost" || first.AsSpan().IndexOfAny('.', ':') >= 0;
        string rest = hasHost ? image[(slash + 1)..] : image;
        int at = rest.IndexOf('@', StringComparison.Ordinal);
        string name = at < 0 ? rest : rest[..at];
        int colon = name.LastIndexOf(':');
        string tag = colon < 0 ? "latest" : name[(colon + 1)..];
        return new ImageReference(hasHost ? first : "docker.io", colon < 0 ? name : name[..colon], at < 0 ? tag : rest[(at + 1)..]);
    }
}
