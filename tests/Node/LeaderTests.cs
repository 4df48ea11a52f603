using Xunit;

namespace CvManager.Node;

/// <summary>R10 and leader election, with real signals and a frozen container.</summary>
[Collection(nameof(Disruptive))]
public sealed class LeaderTests(InstalledController controller)
{
    private const string Former = "1.0.0";
    private const string Next = "1.1.0";

    private static readonly TimeSpan GracePeriod = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_rollout_whose_controller_is_killed_is_completed_with_one_record()
    {
        await using var scene = await NodeScene.RunSlowlyAsync("killed", Former, Next);
        var leader = (await controller.ReplicasAsync()).Leader;
        scene.MoveTag(Next);
        await scene.UntilProgressingAsync(Next);

        await leader.SignalAsync("KILL");
        var restarted = await controller.UntilPodAsync(leader.Name, pod => pod.Restarts > leader.Restarts);

        Assert.Equal(128 + 9, restarted.ExitCode);
        await scene.UntilSuccessAsync("app", Next);
        Assert.Equal([$"{Next} Succeeded"], await scene.HistoryAsync());
    }

    [Fact]
    public async Task A_leader_that_is_frozen_for_longer_than_its_lease_writes_nothing_when_it_wakes()
    {
        await using var scene = await NodeScene.RunSlowlyAsync("frozen", Former, Next);
        (var leader, var standby) = await controller.ReplicasAsync();
        await using var log = FollowedOutput.OfPod(TestNode.ControllerNamespace, leader.Name);
        scene.MoveTag(Next);
        await scene.UntilProgressingAsync(Next);

        DateTimeOffset woken;
        leader.Freeze(true);
        try
        {
            await controller.UntilLeaderAsync(holder => holder.StartsWith(standby.Name, StringComparison.Ordinal));
        }
        finally
        {
            woken = TimeProvider.System.GetUtcNow();
            leader.Freeze(false);
        }

        await log.EventAsync(LogEvents.LeaseLost);
        await log.EventAsync(LogEvents.LeaderObserved);
        await scene.UntilSuccessAsync("app", Next);

        var requests = InstalledController.RequestsOf(leader).Where(request => request.At >= woken).ToList();
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"After it woke, the former leader sent {requests.Count} requests, of which {requests.Count(request => request.IsWrite)} were writes."
        );
        Assert.NotEmpty(requests);
        // A renewal that was rejected is not a write.
        Assert.DoesNotContain(requests, request => request.IsWrite && !(request.Resource == "leases" && request.Code >= 400));
        Assert.Equal([$"{Next} Succeeded"], await scene.HistoryAsync());
    }

    [Fact]
    public async Task SIGTERM_ends_the_leader_with_exit_code_0_and_hands_the_lease_over_within_2_seconds()
    {
        (var leader, var standby) = await controller.ReplicasAsync();

        var sent = TimeProvider.System.GetUtcNow();
        await leader.SignalAsync("TERM");
        var acquired = (await controller.UntilLeaderAsync(holder => holder.StartsWith(standby.Name, StringComparison.Ordinal))).Acquired;

        TestContext.Current.TestOutputHelper?.WriteLine(
            $"The other replica acquired the lease {(acquired - sent).TotalSeconds:0.00} s after SIGTERM."
        );
        var restarted = await controller.UntilPodAsync(leader.Name, pod => pod.Restarts > leader.Restarts);
        Assert.Equal(0, restarted.ExitCode);
        Assert.InRange(acquired - sent, TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task A_deleted_pod_ends_with_exit_code_0_within_its_grace_period()
    {
        var leader = (await controller.ReplicasAsync()).Leader;

        var deleted = TimeProvider.System.GetUtcNow();
        await controller.Space.KubeCtlAsync("delete", "pod", leader.Name, "--wait=false");
        var ended = await controller.UntilPodAsync(leader.Name, pod => pod.IsTerminated);

        Assert.Equal(0, ended.ExitCode);
        Assert.InRange(ended.FinishedAt!.Value - deleted, TimeSpan.FromSeconds(-1), GracePeriod);
        var replacement = await controller.ReplicasAsync();
        Assert.NotEqual(leader.Name, replacement.Leader.Name);
        Assert.NotEqual(leader.Name, replacement.Standby.Name);
    }
}
