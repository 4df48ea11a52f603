namespace CvManager.Sandbox.Registry;

/// <summary>A reference as container runtimes parse it: <c>[host/]repository[:tag][@digest]</c>.</summary>
/// <param name="Host">The registry; docker.io if the reference has none.</param>
/// <param name="Repository">The repository.</param>
/// <param name="Reference">The digest if there is one, otherwise the tag, otherwise <c>latest</c>.</param>
internal sealed record ImageReference(string Host, string Repository, string Reference)
{
    public static ImageReference Parse(string image)
    {
        var slash = image.IndexOf('/', StringComparison.Ordinal);
        var first = slash < 0 ? "" : image[..slash];
        var hasHost = first == "localhost" || first.AsSpan().IndexOfAny('.', ':') >= 0;
        var rest = hasHost ? image[(slash + 1)..] : image;
        var at = rest.IndexOf('@', StringComparison.Ordinal);
        var name = at < 0 ? rest : rest[..at];
        var colon = name.LastIndexOf(':');
        var tag = colon < 0 ? "latest" : name[(colon + 1)..];
        return new ImageReference(hasHost ? first : "docker.io", colon < 0 ? name : name[..colon], at < 0 ? tag : rest[(at + 1)..]);
    }
}
