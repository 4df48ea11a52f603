using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Controller;
using CvManager.Following;
using CvManager.Resources;
using CvManager.Sandbox;
using CvManager.Support.Cluster;
using CvManager.Support.Records;
using CvManager.Versions;
using CvManager.Watching;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Controller;

/// <summary>R8, R10: a record is written before the status reports the end of its rollout, and no rollout waits for its record.</summary>
public sealed class ReconcilerRecordsTests : IAsyncLifetime, IResourceVersions
{
    private static readonly string Digest = "sha256:" + new string('b', 64);
    private static readonly string Pinned = "sha256:" + new string('c', 64);
    private InProcessCluster _cluster = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _cluster = await InProcessCluster.StartAsync();
        await CrdInstallation.InstallAsync(_cluster.Connection, TimeProvider.System, Token);
        await new ContainerVersionStore(_cluster.Connection).ApplyAsync(
            "shop",
            JsonNode
                .Parse(
                    """
                    {"apiVersion":"custom.k8s.io/v1","kind":"ContainerVersion","metadata":{"name":"cv"},
                     "spec":{"imageRepo":"r.example/app","tag":"demo","selector":{"cvapp":"app"},"container":{"name":"main"},"config":{"name":"app-version","key":"version"}}}
                    """
                )!
                .AsObject(),
            Token
        );
        await _cluster.Connection.CreateAsync(
            new ResourcePath("apps", "v1", "deployments", "shop"),
            JsonNode
                .Parse(
                    """
                    {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"app","labels":{"cvapp":"app"}},"spec":{"replicas":1,
                     "selector":{"matchLabels":{"app":"app"}},"template":{"metadata":{"labels":{"app":"app"}},"spec":{"containers":[{"name":"main","image":"r.example/app:1111111"}]}}}}
                    """
                )!
                .AsObject(),
            Token
        );
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_process_killed_between_record_and_status_continues_and_records_once(bool afterTheStatus)
    {
        var killed = false;
        _cluster.Faults = request =>
            request.Method == HttpMethod.Put
            && request.RequestUri!.AbsolutePath.EndsWith("/cv/status", StringComparison.Ordinal)
            && _cluster.Writes.Any(w => w.EndsWith("/configmaps", StringComparison.Ordinal))
            && !killed
            && (killed = true)
                ? new RequestFault { DropRequest = !afterTheStatus, DropResponse = afterTheStatus }
                : RequestFault.None;

        await Assert.ThrowsAsync<CvException>(RunAsync);
        Assert.Equal(afterTheStatus ? RolloutPhase.Succeeded : RolloutPhase.Progressing, (await StatusAsync()).Rollout!.Phase);
        await RunAsync();

        Assert.True(killed);
        var status = await StatusAsync();
        Assert.Equal((RolloutPhase.Succeeded, "2222222"), (status.Rollout!.Phase, status.SuccessVersion));
        Assert.Equal(
            (status.Rollout.Id, "1111111", "2222222"),
            (await _cluster.History().ReadAsync("shop", Token))
                .Select(one => (one.Record.Id, one.Record.FromVersion, one.Record.ToVersion))
                .Single()
        );
        Assert.Equal("2222222", (await _cluster.DataAsync("app-version"))["version"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_rollout_ends_although_nothing_can_be_recorded_and_is_recorded_as_soon_as_possible()
    {
        _cluster.Faults = request =>
            request.RequestUri!.AbsolutePath.Contains("/configmaps", StringComparison.Ordinal)
            || request.RequestUri.AbsolutePath.Contains("/events", StringComparison.Ordinal)
                ? new RequestFault { StatusCode = 403 }
                : RequestFault.None;
        await RunAsync();

        var status = await StatusAsync();
        Assert.Equal((RolloutPhase.Succeeded, CurrentStatus.Success), (status.Rollout!.Phase, status.CurrStatus));
        Assert.Equal(status.Rollout.Id, Assert.Single(status.Unrecorded!).Id);
        var ready = ConditionList.Find(status.Conditions, ConditionTypes.Ready)!;
        Assert.Equal("True", ready.Status);
        Assert.Equal(ErrorIds.ClusterRefused, status.NotRecorded?.Reason);

        // The same failure is not written again.
        _cluster.Requests.Clear();
        await RunAsync();
        Assert.DoesNotContain(_cluster.Writes, w => w.EndsWith("/status", StringComparison.Ordinal));

        _cluster.Faults = _ => RequestFault.None;
        await RunAsync();
        status = await StatusAsync();
        Assert.Null(status.Unrecorded);
        Assert.Null(status.NotRecorded);
        Assert.Single(await _cluster.History().ReadAsync("shop", Token));

        _cluster.Requests.Clear();
        await RunAsync();
        Assert.Empty(_cluster.Writes);
        Assert.DoesNotContain(_cluster.Requests, r => r.Contains("/configmaps", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Rollouts_of_one_version_within_one_second_have_separate_records()
    {
        await new ContainerVersionStore(_cluster.Connection).ApplyAsync(
            "shop",
            JsonNode
                .Parse(
                    """
                    {"apiVersion":"custom.k8s.io/v1","kind":"ContainerVersion","metadata":{"name":"cron"},
                     "spec":{"imageRepo":"r.example/app","tag":"demo","selector":{"cvapp":"cron"},"container":{"name":"main"}}}
                    """
                )!
                .AsObject(),
            Token
        );
        await _cluster.Connection.CreateAsync(
            new ResourcePath("batch", "v1", "cronjobs", "shop"),
            JsonNode
                .Parse(
                    """
                    {"apiVersion":"batch/v1","kind":"CronJob","metadata":{"name":"cron","labels":{"cvapp":"cron"}},"spec":{"schedule":"0 0 1 1 *",
                     "jobTemplate":{"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"main","image":"r.example/app:1111111"}]}}}}}}
                    """
                )!
                .AsObject(),
            Token
        );
        FakeTimeProvider stopped = new(RecordSamples.Noon);
        Reconciler reconciler = new(_cluster.Connection, this, new(stopped, _cluster.Log));

        // Another client restores the former image at once, each time.
        for (var i = 0; i < 3; i++)
        {
            RolloutStatus? finished = null;
            while (finished is null)
            {
                var snapshot = await reconciler.ReadAsync("shop", Token);
                var cron = snapshot.Resources.Single(r => r.Metadata.Name == "cron");
                finished = (await reconciler.ReconcileAsync(cron, snapshot.Around(cron), null, Token)).Finished;
            }

            await _cluster.Connection.PatchAsync(
                new ResourcePath("batch", "v1", "cronjobs", "shop", "cron"),
                PatchKind.Json,
                JsonNode.Parse(
                    """
                    [{"op":"replace","path":"/spec/jobTemplate/spec/template/spec/containers/0/image","value":"r.example/app:1111111"}]
                    """
                )!,
                Token
            );
        }

        string[] ids = [.. (await _cluster.History().ReadAsync("shop", Token)).Select(one => one.Record.Id)];
        Assert.Matches("^20260101120000-bbbbbb-[0-9a-f]{8}$", ids[^1]);
        Assert.Equal([$"{ids[^1]}-3", $"{ids[^1]}-2", ids[^1]], ids);
    }

    [Fact]
    public async Task A_pinned_version_that_failed_stays_quarantined_when_the_tag_moves()
    {
        ContainerVersionStore resources = new(_cluster.Connection);
        var pinned = await resources.PatchAsync(
            "shop",
            "cv",
            new JsonObject { ["spec"] = new JsonObject { ["pinVersion"] = "3333333" } },
            Token
        );
        await resources.UpdateStatusAsync(
            pinned with
            {
                Status = new ContainerVersionStatus
                {
                    Latest = new LatestVersion
                    {
                        Tag = "demo",
                        Version = "1111111",
                        Digest = "sha256:" + new string('a', 64),
                        SeenAt = RecordSamples.Noon,
                    },
                    Quarantined =
                    [
                        new QuarantinedDigest
                        {
                            Digest = Pinned,
                            Version = "3333333",
                            Reason = "it crashes",
                            At = RecordSamples.Noon,
                        },
                        new QuarantinedDigest
                        {
                            Digest = "sha256:" + new string('a', 64),
                            Version = "1111111",
                            Reason = "it crashes",
                            At = RecordSamples.Noon,
                        },
                    ],
                },
            },
            Token
        );

        await RunAsync();

        var status = await StatusAsync();
        Assert.Equal(Pinned, Assert.Single(status.Quarantined!).Digest);
        Assert.Equal(
            (ConditionReasons.Quarantined, "2222222"),
            (ConditionList.Find(status.Conditions, ConditionTypes.Stalled)!.Reason, status.Latest!.Version)
        );
        Assert.Null(status.Rollout);
    }

    public Task<ResolvedVersion?> FindAsync(ContainerVersion resource, PlanContext context, CancellationToken cancellationToken) =>
        Task.FromResult<ResolvedVersion?>(new ResolvedVersion(new FollowedTag("demo"), Digest, "2222222", RecordSamples.Noon));

    public Task<ResolvedVersion?> FindPinnedAsync(ContainerVersion resource, PlanContext context, CancellationToken cancellationToken) =>
        Task.FromResult<ResolvedVersion?>(
            new ResolvedVersion(new FollowedTag("demo"), Pinned, resource.Spec.PinVersion, RecordSamples.Noon)
        );

    /// <summary>Runs one pass to the end of the rollout, in a new process without state.</summary>
    private async Task RunAsync()
    {
        Exception? failure = null;
        await new ReconcilePass(
            new Reconciler(_cluster.Connection, this, new(TimeProvider.System, _cluster.Log)),
            TimeProvider.System
        ).RunAsync(
            "shop",
            snapshot => Task.FromResult(snapshot.Resources),
            new ReconcilePassOptions
            {
                Wait = true,
                Ended = _ => Task.CompletedTask,
                Failed = (_, e) =>
                {
                    failure = e;
                    return Task.CompletedTask;
                },
            },
            Token
        );
        if (failure is not null)
            throw failure;
    }

    private async Task<ContainerVersionStatus> StatusAsync() =>
        (await new ContainerVersionStore(_cluster.Connection).GetAsync("shop", "cv", Token)).Status!;
}
