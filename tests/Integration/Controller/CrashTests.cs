using CvManager.Cluster;
using CvManager.Support;
using Xunit;

namespace CvManager.Integration.Controller;

/// <summary>R10 on the real control plane: the controller is killed, and the next one continues its work.</summary>
public sealed class CrashTests
{
    private const string Former = "aaaaaa1";
    private const string Next = "aaaaaa2";

    private const string Deployment = """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: app, labels: {cvapp: app}}
        spec:
          replicas: 3
          strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}
          selector: {matchLabels: {app: app}}
          template:
            metadata: {labels: {app: app}, annotations: {fakelet/delay: "1"}}
            spec: {containers: [{name: main, image: "REPO:aaaaaa1"}]}
        ---
        apiVersion: custom.k8s.io/v1
        kind: ContainerVersion
        metadata: {name: app}
        spec: {imageRepo: REPO, tag: demo, pollIntervalSeconds: 5, selector: {cvapp: app}, container: {name: main}}
        """;

    [Fact]
    public async Task A_rollout_whose_controller_is_killed_is_completed_by_the_next_one_and_started_only_once()
    {
        await using var scene = await Scene.CreateAsync("crash", Former, Next);
        scene.MoveTag(Next);
        await scene.ApplyAsync(Deployment);
        await using var first = ControllerProcess.Start(scene.Namespace, "-NoLeaderElection");
        var rollout = (await first.OutcomeAsync("Progressing"))["rollout"]!.GetValue<string>();

        await first.KillAsync();
        Assert.Equal("Progressing", await scene.ReadAsync("cv/app", ".status.currStatus"));
        await using var second = ControllerProcess.Start(scene.Namespace, "-NoLeaderElection");

        var resource = await scene.UntilSuccessAsync("app", Next);
        Assert.Equal(rollout, resource["status"]!["rollout"]!["id"]!.GetValue<string>());
        await scene.KubeCtlAsync("rollout", "status", "deployment/app", "--timeout=30s");
        Assert.Equal([$"{Next} Succeeded"], await scene.HistoryAsync());
        await second.TerminateAsync();
        Assert.Equal(0, second.ExitCode);
    }

    [Fact]
    public async Task A_controller_whose_output_is_not_read_keeps_working_and_stops_within_the_grace_period()
    {
        await using var scene = await Scene.CreateAsync("unread", Former, Next);
        scene.MoveTag(Former);
        await scene.ApplyAsync(Deployment);
        var pipe = Path.Combine(Path.GetTempPath(), $"cvm-{Guid.NewGuid():N}");
        await ExternalProgram.RunAsync("mkfifo", [pipe]);
        try
        {
            // The pipe is open at both ends and full (pipe(7)), so that another write blocks forever.
            await using FileStream full = new(pipe, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
            full.Write(new byte[64 * 1024]);
            await using var controller = ControllerProcess.StartInto(pipe, scene.Namespace, $"-LeaseName {scene.Namespace}");
            await scene.UntilSuccessAsync("app", Former);
            scene.MoveTag(Next);
            await scene.UntilSuccessAsync("app", Next);

            await controller.TerminateAsync();

            Assert.Equal(0, controller.ExitCode);
            // It has released the lease.
            Assert.Equal(
                "",
                await scene.KubeCtlAsync(
                    "get",
                    "lease",
                    "-n",
                    ControllerAccount.Namespace,
                    scene.Namespace,
                    "-o",
                    "jsonpath={.spec.holderIdentity}"
                )
            );
        }
        finally
        {
            File.Delete(pipe);
        }
    }

    [Fact]
    public async Task A_controller_that_is_killed_while_it_writes_its_record_leaves_exactly_one_record()
    {
        await using var scene = await Scene.CreateAsync("record", Former, Next);
        scene.MoveTag(Next);
        await scene.ApplyAsync(Deployment);
        await using var first = ControllerProcess.Start(scene.Namespace, "-NoLeaderElection");
        await scene.UntilAsync(new ResourcePath("", "v1", "configmaps"), "app.history", _ => true);

        await first.KillAsync();
        await using var second = ControllerProcess.Start(scene.Namespace, "-NoLeaderElection");

        await scene.UntilSuccessAsync("app", Next);
        Assert.Equal([$"{Next} Succeeded"], await scene.HistoryAsync());
    }

    [Fact]
    public async Task A_standby_replica_takes_over_within_the_lease_duration_when_the_leader_is_killed()
    {
        await using var scene = await Scene.CreateAsync("lease", Former, Next);
        scene.MoveTag(Former);
        await scene.ApplyAsync(Deployment);
        await using var first = ControllerProcess.Start(scene.Namespace);
        await scene.UntilSuccessAsync("app", Former);
        await using var second = ControllerProcess.Start(scene.Namespace);
        await second.EventAsync(LogEvents.LeaderObserved);

        scene.MoveTag(Next);
        await first.OutcomeAsync("Progressing");
        await first.KillAsync();
        var killed = TimeProvider.System.GetUtcNow();

        await second.OutcomeAsync("Succeeded");
        var took = TimeProvider.System.GetUtcNow() - killed;
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"The other replica had completed the rollout {took.TotalSeconds:0.0} s after the kill."
        );
        Assert.Equal(Next, await scene.ReadAsync("cv/app", ".status.successVersion"));
        // Before it led, the standby wrote nothing: its log contains only who leads.
        Assert.DoesNotContain(
            "\"outcome\"",
            second.Said[..second.Said.IndexOf($"\"event\":{LogEvents.LeaseAcquired},", StringComparison.Ordinal)],
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_leader_that_was_paused_for_longer_than_its_lease_changes_nothing_when_it_resumes()
    {
        await using var scene = await Scene.CreateAsync("sleep", Former, Next);
        scene.MoveTag(Former);
        await scene.ApplyAsync(Deployment);
        await using var first = ControllerProcess.Start(scene.Namespace);
        await scene.UntilSuccessAsync("app", Former);
        await using var second = ControllerProcess.Start(scene.Namespace);
        await second.EventAsync(LogEvents.LeaderObserved);

        scene.MoveTag(Next);
        await first.OutcomeAsync("Progressing");
        await first.SignalAsync("STOP");
        try
        {
            await second.EventAsync(LogEvents.LeaseAcquired);
            await second.OutcomeAsync("Succeeded");
        }
        finally
        {
            await first.SignalAsync("CONT");
        }

        await first.EventAsync(LogEvents.LeaseLost);
        var woken = first.Said.Length;
        await first.EventAsync(LogEvents.LeaderObserved);
        Assert.DoesNotContain("\"outcome\"", first.Said[woken..], StringComparison.Ordinal);
        Assert.Equal([$"{Next} Succeeded"], (await scene.HistoryAsync()).Take(1));
        Assert.Single(await scene.HistoryAsync(), record => record.StartsWith(Next, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_leader_that_receives_SIGTERM_hands_over_at_once()
    {
        await using var scene = await Scene.CreateAsync("stop", Former, Next);
        scene.MoveTag(Former);
        await scene.ApplyAsync(Deployment);
        await using var first = ControllerProcess.Start(scene.Namespace);
        await scene.UntilSuccessAsync("app", Former);
        await using var second = ControllerProcess.Start(scene.Namespace);
        await second.EventAsync(LogEvents.LeaderObserved);

        await first.TerminateAsync();

        Assert.Equal(0, first.ExitCode);
        Assert.Contains($"\"event\":{LogEvents.LeaseReleased},", first.Said, StringComparison.Ordinal);
        scene.MoveTag(Next);
        await second.OutcomeAsync("Succeeded");
    }

    [Fact]
    public async Task Nothing_is_written_when_there_is_nothing_to_do()
    {
        await using var scene = await Scene.CreateAsync("idle", Former);
        scene.MoveTag(Former);
        await scene.ApplyAsync(Deployment);
        await using var controller = ControllerProcess.Start(scene.Namespace, "-NoLeaderElection");
        await scene.UntilSuccessAsync("app", Former);
        var version = await scene.ReadAsync("cv/app", ".metadata.resourceVersion");

        // Two more controllers reconcile everything.
        for (var i = 0; i < 2; i++)
        {
            await using var another = ControllerProcess.Start(scene.Namespace, "-NoLeaderElection");
            await another.EventAsync(LogEvents.InitialSyncComplete);
            scene.MoveTag(Former);
        }

        Assert.Equal(version, await scene.ReadAsync("cv/app", ".metadata.resourceVersion"));
    }
}
