using CvManager.Workloads;
using Xunit;

namespace CvManager.Unit.Workloads;

/// <summary>Which references are the same image, in the notations of templates, webhooks and container runtimes.</summary>
public sealed class RunningImageTests
{
    private const string New = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    private const string Old = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    private const string Platform = "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";

    [Theory]
    [InlineData("nginx", "docker.io/library/nginx:latest", true)]
    [InlineData("nginx:1", "index.docker.io/library/nginx:1", true)]
    [InlineData($"r.example/app:1@{New}", $"r.example/app@{New}", true)]
    [InlineData($"r.example/app:1@{New}", $"r.example/app:1@{Old}", false)]
    [InlineData($"r.example/app:1@{New}", "r.example/app:1", false)]
    [InlineData($"r.example/app@{New}", $"mirror.example/app@{New}", false)]
    [InlineData("r.example/app:1", "r.example/app:2", false)]
    [InlineData("no reference!", "no reference!", true)]
    public void References_are_compared_in_any_notation(string one, string other, bool same) =>
        Assert.Equal(same, RunningImage.AreSame(one, other));

    // The notations of kubelets: containerd (the image's own id for a digest reference), dockershim, CRI-O (the platform's digest), a
    // mirror.
    [Theory]
    [InlineData($"sha256:1234", $"r.example/app@{New}", $"r.example/app@{Old}", true)]
    [InlineData($"r.example/app:2", $"docker-pullable://r.example/app@{New}", $"docker-pullable://r.example/app@{Old}", true)]
    [InlineData($"sha256:1234", $"r.example/app@{Platform}", $"r.example/app@{Old}", true)]
    [InlineData($"sha256:1234", $"mirror.example/r.example/app@{New}", $"mirror.example/r.example/app@{New}", true)]
    [InlineData($"sha256:9876", $"r.example/app@{Old}", $"r.example/app@{Old}", false)]
    [InlineData("r.example/app:1", $"r.example/app@{Old}", $"r.example/app@{Old}", false)]
    [InlineData($"r.example/app:2@{New}", "", $"r.example/app@{Old}", false)]
    public void A_container_runs_the_new_image_if_its_digest_matches_or_its_imageID_changed(
        string image,
        string imageId,
        string former,
        bool started
    ) =>
        Assert.Equal(
            started,
            RunningImage.IsStarted(
                new WorkloadContainer("main", $"r.example/app:2@{New}", false, 0) { RunningImage = image, ImageId = imageId },
                New,
                former
            )
        );

    [Theory]
    [InlineData($"r.example/app@{New}", true)]
    [InlineData($"mirror.example/app:2@{New}", true)]
    [InlineData("mirror.example/app:2", true)]
    [InlineData("r.example/app:1", false)]
    [InlineData($"mirror.example/app:2@{Old}", false)]
    [InlineData("mirror.example/app:stable", false)]
    public void A_rewritten_image_is_accepted_if_it_has_the_same_content_or_version(string answered, bool stands) =>
        Assert.Equal(stands, RunningImage.StandsFor(answered, $"r.example/app:2@{New}", "r.example/app:1", New));
}
