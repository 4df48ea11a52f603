using CvManager.Registries;

namespace CvManager.Workloads;

/// <summary>Compares images with each other and with what a container runtime reports. Pure.</summary>
internal static class RunningImage
{
    /// <summary>
    /// True for two references to one image in any notation: <c>nginx:1</c> and <c>docker.io/library/nginx:1</c>, or a digest with or
    /// without a tag.
    /// </summary>
    public static bool AreSame(string one, string other)
    {
        if (one == other)
            return true;
        if (!ImageReference.TryParse(one, out var a) || !ImageReference.TryParse(other, out var b) || a.Repository != b.Repository)
            return false;
        return a.Digest is not null || b.Digest is not null ? a.Digest == b.Digest : (a.Tag ?? "latest") == (b.Tag ?? "latest");
    }

    /// <summary>The digest in a reference or an imageID (<c>docker-pullable://repo@sha256:…</c>); null if there is none.</summary>
    public static string? DigestOf(string image)
    {
        var at = image.LastIndexOf('@');
        return at >= 0 && ImageReference.IsDigest(image[(at + 1)..]) ? image[(at + 1)..] : null;
    }

    /// <summary>
    /// Whether a Pod's container runs the image of its changed specification. It does if the digest in imageID is the expected one.
    /// However, the digest of an image index differs from that of the platform's manifest, and runtimes report either; then a changed
    /// imageID is sufficient.
    /// </summary>
    /// <param name="container">The container with the runtime's report.</param>
    /// <param name="digest">The expected digest; null if unknown.</param>
    /// <param name="former">The imageID before the change; null if unknown.</param>
    public static bool IsStarted(WorkloadContainer container, string? digest, string? former) =>
        container.ImageId.Length > 0
        && (
            (digest is not null && DigestOf(container.ImageId) == digest)
            || AreSame(container.Image, container.RunningImage)
            || former is null
            || container.ImageId != former
        );

    /// <summary>
    /// Whether the image that the API server stored is an acceptable rewrite of the requested one: the same content, or the same tag in
    /// another repository, but not the former image.
    /// </summary>
    public static bool StandsFor(string answered, string asked, string former, string? digest)
    {
        if (AreSame(answered, asked))
            return true;
        if (DigestOf(answered) is { } present)
            return present == (DigestOf(asked) ?? digest);
        return !AreSame(answered, former)
            && ImageReference.TryParse(answered, out var reference)
            && ImageReference.TryParse(asked, out var wanted)
            && wanted.Tag is { } tag
            && reference.Tag == tag;
    }
}
