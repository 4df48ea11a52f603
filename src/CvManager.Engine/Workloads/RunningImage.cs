using CvManager.Registries;

namespace CvManager.Workloads;

/// <summary>Whether two images, or an image and what a container runtime says that it runs, are the same. Pure.</summary>
internal static class RunningImage
{
    /// <summary>Two references to one image, however they are written: <c>nginx:1</c> and <c>docker.io/library/nginx:1</c>, with a tag beside the digest or without.</summary>
    public static bool AreSame(string one, string other)
    {
        if (one == other)
            return true;
        if (!ImageReference.TryParse(one, out ImageReference? a) || !ImageReference.TryParse(other, out ImageReference? b) || a.Repository != b.Repository)
            return false;
        return a.Digest is not null || b.Digest is not null ? a.Digest == b.Digest : (a.Tag ?? "latest") == (b.Tag ?? "latest");
    }

    /// <summary>The digest in a reference, or in an imageID (<c>docker-pullable://repo@sha256:…</c>); null where there is none.</summary>
    public static string? DigestOf(string image)
    {
        int at = image.LastIndexOf('@');
        return at >= 0 && ImageReference.IsDigest(image[(at + 1)..]) ? image[(at + 1)..] : null;
    }

    /// <summary>
    /// Whether a Pod's container runs the image that its specification got. A digest in imageID decides where it is the one that is meant; but that of
    /// an image index is another than that of the platform's manifest, and some runtimes write the one, some the other. Then it is enough that something
    /// else runs than before.
    /// </summary>
    /// <param name="container">With what its runtime says.</param>
    /// <param name="digest">That of the image that is meant; null where it is not known.</param>
    /// <param name="former">The imageID before the specification was changed; null where that is not known.</param>
    public static bool IsStarted(WorkloadContainer container, string? digest, string? former) =>
        container.ImageId.Length > 0
        && ((digest is not null && DigestOf(container.ImageId) == digest) || AreSame(container.Image, container.RunningImage) || former is null || container.ImageId != former);

    /// <summary>
    /// Whether what the API server made of an image that it was asked for may stand for it: the same content, or the same tag elsewhere. What it had
    /// before does not.
    /// </summary>
    public static bool StandsFor(string answered, string asked, string former, string? digest)
    {
        if (AreSame(answered, asked))
            return true;
        if (DigestOf(answered) is { } present)
            return present == (DigestOf(asked) ?? digest);
        return !AreSame(answered, former) && ImageReference.TryParse(answered, out ImageReference? reference) && ImageReference.TryParse(asked, out ImageReference? wanted)
            && wanted.Tag is { } tag && reference.Tag == tag;
    }
}
