namespace CvManager.Sandbox;

/// <summary>
/// What the sandbox's kubelet pulls images from. Called concurrently, once for each container start that needs a pull;
/// implementations are thread-safe and report failure by outcome, not by exception.
/// </summary>
public interface IImageSource
{
    /// <param name="image">The reference as the pod template has it: <c>[registry/]repository[:tag][@digest]</c>.</param>
    /// <param name="cancellationToken">Cancelled when the pod goes away or the cluster stops.</param>
    ValueTask<ImagePull> PullAsync(string image, CancellationToken cancellationToken);
}

public enum ImagePullOutcome
{
    Pulled,
    /// <summary>No such repository, tag or digest.</summary>
    NotFound,
    Unauthorized,
    /// <summary>The registry gave no usable answer.</summary>
    Unreachable,
}

/// <summary>The answer to one pull.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Digest">The manifest's digest (<c>sha256:…</c>) where the image was pulled.</param>
/// <param name="Message">What the container runtime would say; empty where the image was pulled.</param>
public sealed record ImagePull(ImagePullOutcome Outcome, string? Digest, string Message);
