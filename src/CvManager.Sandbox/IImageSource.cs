namespace CvManager.Sandbox;

/// <summary>
/// The registry that the sandbox's kubelet pulls images from. Called concurrently, once for each container start that needs a pull.
/// Implementations must be thread-safe and report failures as an outcome, not as an exception.
/// </summary>
public interface IImageSource
{
    /// <param name="image">The reference in the pod template: <c>[registry/]repository[:tag][@digest]</c>.</param>
    /// <param name="cancellationToken">Cancelled when the pod is deleted or the cluster stops.</param>
    ValueTask<ImagePull> PullAsync(string image, CancellationToken cancellationToken);
}

public enum ImagePullOutcome
{
    Pulled,

    /// <summary>No such repository, tag or digest.</summary>
    NotFound,
    Unauthorized,

    /// <summary>The registry did not respond, or not with a usable response.</summary>
    Unreachable,
}

/// <summary>The result of one pull.</summary>
/// <param name="Outcome">The outcome.</param>
/// <param name="Digest">The manifest's digest (<c>sha256:…</c>); null if the pull failed.</param>
/// <param name="Message">The container runtime's error message; empty if the image was pulled.</param>
public sealed record ImagePull(ImagePullOutcome Outcome, string? Digest, string Message);
