using CvManager.Registries;
using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>The image that a resource's workloads should run, and whether one that they run is the same. Pure.</summary>
internal static class TargetImage
{
    /// <summary>
    /// <c>repo:version@digest</c>, or <c>repo:version</c> where pinDigest is off; <c>repo@digest</c> where the digest is the version.
    /// </summary>
    public static string Of(ContainerVersionSpec spec, string version, string digest) =>
        version == digest ? $"{spec.ImageRepo}@{digest}"
        : spec.PinDigest ? $"{spec.ImageRepo}:{version}@{digest}"
        : $"{spec.ImageRepo}:{version}";

    /// <summary>
    /// True where an image is the version, however it is written: version tags are immutable, so that <c>repo:version</c> needs no
    /// new rollout only to get its digest written beside it.
    /// </summary>
    public static bool IsRunning(string image, ContainerVersionSpec spec, string version, string digest)
    {
        if (image == Of(spec, version, digest))
            return true;
        if (!ImageReference.TryParse(image, out ImageReference? running) || !ImageReference.TryParse(spec.ImageRepo, out ImageReference? wanted)
            || running.Repository != wanted.Repository)
        {
            return false;
        }

        return running.Digest is { } present ? present == digest : version != digest && running.Tag == version;
    }
}
