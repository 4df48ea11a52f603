using Xunit;
using static CvManager.Node.RollingWorkload;

namespace CvManager.Node;

/// <summary>R6: the record of a version that never becomes ready has what the kubelet says about it.</summary>
public sealed class ReadinessTests
{
    private static readonly string[] NeverServes = ["/bin/sleep", "3600"];

    [Fact]
    public async Task An_image_that_never_becomes_ready_is_rolled_back()
    {
        await using var scene = await RunningAsync("unready");
        await scene.PushAsync(Next, NeverServes);
        scene.MoveTag(Next);

        await IsRolledBackAsync(scene, "container main: running, but not ready", "Readiness probe failed: ", "connection refused");
    }

    [Fact]
    public async Task An_image_whose_readiness_probe_gets_an_error_is_rolled_back()
    {
        await using var scene = await RunningAsync("notfound");
        // Its server runs, but has no /version.
        await scene.PushAsync(Next, ["/bin/httpd", "-f", "-p", "8080", "-h", "/bin"]);
        scene.MoveTag(Next);

        await IsRolledBackAsync(scene, "container main: running, but not ready", "HTTP probe failed with statuscode: 404");
    }

    [Fact]
    public async Task An_image_whose_liveness_probe_fails_is_rolled_back()
    {
        await using var scene = await RunningAsync(
            "unalive",
            probe: $"{NodeScene.Probe}, livenessProbe: {{tcpSocket: {{port: 8080}}, periodSeconds: 1, failureThreshold: 1, initialDelaySeconds: 1}}"
        );
        await scene.PushAsync(Next, NeverServes);
        scene.MoveTag(Next);

        await IsRolledBackAsync(scene, "container main: ", "Liveness probe failed: dial tcp");
    }
}
