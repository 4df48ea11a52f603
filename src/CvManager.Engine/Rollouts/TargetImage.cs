using CvManager.Registries;
using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>The image that a resource's workloads should run, and its comparison with the image that they run. Pure.</summary>
internal static class TargetImage
{
    /// <summary>
    /// <c>repo:version@digest</c>; <c>repo:version</c> if pinDigest is false; <c>repo@digest</c> if the digest is the version.
    /// </summary>
    public static string Of(ContainerVersionSpec spec, string version, string digest) =>
        version == digest ? $"{spec.ImageRepo}@{digest}"
        : spec.PinDigest ? $"{spec.ImageRepo}:{version}@{digest}"
        : $"{spec.ImageRepo}:{version}";

    /// <summary>
    /// True if an image is the version, in any notation: version tags are immutable, so that <c>repo:version</c> does not need a rollout
    /// only to add its digest.
    /// </summary>
    public static bool IsRunning(string image, ContainerVersion resource, string version, string digest)
    {
        if (image == Of(resource.Spec, version, digest))
            return true;
        if (!ImageReference.TryParse(image, out var running) || running.Repository != resource.Repository)
            return false;
        return running.Digest is { } present ? present == digest : version != digest && running.Tag == version;
    }
}
