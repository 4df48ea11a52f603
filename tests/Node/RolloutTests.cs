using Xunit;
using static CvManager.Node.RollingWorkload;

namespace CvManager.Node;

/// <summary>R1, R5 and R6 with real containers.</summary>
public sealed class RolloutTests
{
    private static readonly string[] ExitsAtOnce = ["/bin/sh", "-c", "echo the configuration is missing; exit 3"];

    [Fact]
    public async Task A_tag_move_replaces_the_containers()
    {
        await using var scene = await RunningAsync("move");
        await scene.PushAsync(Next, NodeScene.Serves);

        scene.MoveTag(Next);
        await scene.UntilSuccessAsync("app", Next);

        await scene.KubeCtlAsync("rollout", "status", "deployment/app", "--timeout=30s");
        await ServesAsync(scene, Next);
        Assert.Equal([$"{Next} Succeeded"], await scene.HistoryAsync());
    }

    [Fact]
    public async Task An_image_that_cannot_be_pulled_is_rolled_back()
    {
        await using var scene = await RunningAsync("pull");
        var layer = await scene.PushAsync(Next, NodeScene.Serves);
        // The registry rejects a tag for an image without its layers.
        await SuspendAsync(scene, true);
        scene.MoveTag(Next);
        using HttpClient registry = new();
        using var deleted = await registry.DeleteAsync(
            new Uri($"http://{TestNode.RegistryFromOutside}/v2/{scene.Namespace}/app/blobs/{layer}"),
            TestContext.Current.CancellationToken
        );
        Assert.True(deleted.IsSuccessStatusCode, $"{deleted.StatusCode}");

        await SuspendAsync(scene, false);

        await IsRolledBackAsync(scene, "not found");
    }

    [Fact]
    public async Task An_image_that_exits_is_rolled_back()
    {
        await using var scene = await RunningAsync("exits");
        await scene.PushAsync(Next, ExitsAtOnce);
        scene.MoveTag(Next);

        await IsRolledBackAsync(scene, "exited with code 3");
    }

    [Fact]
    public async Task The_output_of_a_gate_that_fails_is_in_the_event_and_in_the_history()
    {
        await using var scene = await RunningAsync("gate", "verify: [{kind: Image, image: NS/tests, tag: demo, runAsUser: 65532}]");
        await scene.PushAsync(
            "demo",
            ["/bin/sh", "-c", "echo smoke test of $CV_VERSION in $NAMESPACE as $(id -u): 3 of 40 requests failed; exit 7"],
            "tests"
        );
        await scene.PushAsync(Next, NodeScene.Serves);

        scene.MoveTag(Next);
        var status = await scene.UntilPhaseAsync("Failed");

        var output = $"smoke test of {Next} in {scene.Namespace} as 65532: 3 of 40 requests failed";
        var record = (await scene.ReadHistoryAsync(TestContext.Current.CancellationToken))[0];
        Assert.Equal((Next, "Failed"), (record.ToVersion, record.Outcome));
        Assert.Contains(output, record.Reason, StringComparison.Ordinal);
        Assert.Contains(output, Assert.Single(await scene.EventsAsync("RolloutFailed")), StringComparison.Ordinal);
        Assert.Equal(Next, Assert.Single(status["quarantined"]!.AsArray())!["version"]!.GetValue<string>());
        // The containers still run the former version.
        await ServesAsync(scene, Good);
    }

    private static Task<string> SuspendAsync(NodeScene scene, bool isSuspended) =>
        scene.KubeCtlAsync(
            "patch",
            "cv/app",
            "--type=merge",
            "-p",
            isSuspended ? """{"spec": {"suspend": true}}""" : """{"spec": {"suspend": false}}"""
        );
}
