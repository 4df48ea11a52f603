using CvManager.Records;
using CvManager.Resources;
using CvManager.Sandbox;
using CvManager.Support;
using CvManager.Support.Cluster;
using CvManager.Workloads;
using Xunit;
using static CvManager.Support.Records.RecordSamples;

namespace CvManager.Unit.Records;

public sealed class RolloutRecordsTests : IAsyncLifetime
{
    private static readonly ConfigSpec Config = new() { Name = "app-version", Key = "version" };
    private InProcessCluster _cluster = null!;
    private RolloutRecords _records = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _cluster = await InProcessCluster.StartAsync();
        _records = new RolloutRecords(_cluster.Connection, new(TimeProvider.System, _cluster.Log));
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public void A_record_has_the_time_at_which_the_tag_was_seen_on_its_digest()
    {
        var rollout = Rollout();
        LatestVersion latest = new()
        {
            Tag = "demo",
            Digest = rollout.Digest,
            SeenAt = rollout.StartedAt.AddMinutes(-3),
        };

        DateTimeOffset? SeenOf(RolloutStatus ended, LatestVersion? seen) =>
            RolloutRecord.Of(Resource() with { Status = new ContainerVersionStatus { Latest = seen } }, ended).Single().TagSeen;

        Assert.Equal(rollout.StartedAt.AddMinutes(-3), SeenOf(rollout, latest));
        Assert.Null(SeenOf(rollout, null));
        Assert.Null(SeenOf(rollout, latest with { Digest = "sha256:other" }));
        Assert.Null(SeenOf(rollout, latest with { SeenAt = rollout.StartedAt.AddMinutes(1) }));
        Assert.Null(SeenOf(rollout with { StartedBy = "sam" }, latest));
    }

    [Fact]
    public async Task A_finished_rollout_has_a_record_for_each_workload_with_versions_and_images()
    {
        var rollout = Rollout(RolloutPhase.Succeeded, "7", "app", "other") with { StartedBy = "sam", StartedFor = "too slow" };

        var status = await _records.WriteAsync(Resource(), Status(rollout), rollout, Token);

        Assert.Null(status.Unrecorded);
        var record = (await _cluster.History().ReadAsync("shop", Token)).Select(r => r.Record).First();
        Assert.Equal(
            new RolloutRecord
            {
                Id = "7",
                CV = "cv",
                Kind = "Deployment",
                Name = "app",
                Container = "main",
                FromVersion = "1111111",
                ToVersion = "2222222",
                FromImage = "r.example/app:1111111",
                ToImage = "r.example/app:2222222",
                Digest = rollout.Digest,
                Started = Noon,
                Finished = Noon.AddSeconds(30),
                Outcome = "Succeeded",
                Reason = "too slow",
                Who = "sam",
            },
            record
        );
        Assert.Equal(["app", "other"], (await _cluster.History().ReadAsync("shop", Token)).Select(r => r.Record.Name));
    }

    [Fact]
    public async Task A_resource_deleted_during_a_rollout_gets_its_record_and_those_still_to_be_written()
    {
        var waiting = Rollout(RolloutPhase.Failed, "1");
        var gone = Resource() with
        {
            Status = new ContainerVersionStatus
            {
                Rollout = Rollout(RolloutPhase.Progressing, "2") with { FinishedAt = null },
                Unrecorded = [waiting],
            },
        };
        Assert.True(RolloutRecords.NeedsFinalRecord(gone));

        // A second call, for example by another controller, changes nothing.
        await _records.WriteDeletedAsync(gone, Noon.AddMinutes(1), Token);
        await _records.WriteDeletedAsync(gone, Noon.AddMinutes(2), Token);

        Assert.Equal(
            [("2", "Abandoned", Noon.AddMinutes(1)), ("1", "Failed", Noon.AddSeconds(30))],
            (await _cluster.History().ReadAsync("shop", Token)).Select(r => (r.Record.Id, r.Record.Outcome, r.Record.Finished))
        );
        Assert.False(RolloutRecords.NeedsFinalRecord(Resource() with { Status = new ContainerVersionStatus { Rollout = Rollout() } }));
    }

    [Fact]
    public async Task A_status_with_nothing_to_write_makes_no_request()
    {
        var status = Status(Rollout()) with { Config = new ConfigStatus("app-version", "version", "2222222") };

        Assert.Equivalent(status, await _records.WriteAsync(Resource(Config), status, null, Token), strict: true);
        Assert.Empty(_cluster.Requests);
    }

    [Fact]
    public async Task A_rolled_out_version_is_written_to_the_ConfigMap_and_a_failed_one_is_not()
    {
        var status = await _records.WriteAsync(Resource(Config), Status(Rollout()), Rollout(), Token);
        Assert.Equal(new ConfigStatus("app-version", "version", "2222222"), status.Config);

        var failed = Rollout(RolloutPhase.Failed, "2") with { Version = "3333333" };
        await _records.WriteAsync(
            Resource(Config),
            status with
            {
                CurrVersion = "3333333",
                CurrStatus = CurrentStatus.Failed,
            },
            failed,
            Token
        );
        Assert.Equal("2222222", (await _cluster.DataAsync("app-version"))["version"]!.GetValue<string>());
    }

    [Theory]
    [InlineData(403)]
    [InlineData(500)]
    public async Task Records_that_cannot_be_written_stay_in_the_status_until_they_are(int code)
    {
        _cluster.Faults = request =>
            request.RequestUri!.AbsolutePath.Contains("configmaps", StringComparison.Ordinal)
                ? new RequestFault { StatusCode = code }
                : RequestFault.None;
        var resource = Resource(Config);
        var first = await _records.WriteAsync(resource, Status(Rollout()), Rollout(), Token);
        var second = await _records.WriteAsync(resource, first, Rollout(RolloutPhase.Failed, "2"), Token);

        Assert.Equal(["1", "2"], second.Unrecorded!.Select(r => r.Id));
        Assert.Null(second.Config);
        Assert.True(RolloutRecords.HasUnwrittenRecords(resource with { Status = second }));
        var reason = code == 403 ? ErrorIds.ClusterRefused : ErrorIds.ClusterFailed;
        Assert.Equal((reason, reason), (first.NotRecorded?.Reason, second.NotRecorded?.Reason));
        Facts.AssertIn(second.NotRecorded!.Message, "configmaps");
        Assert.Equal(first.Conditions, second.Conditions);
        Assert.Contains(_cluster.Log.Of(LogEvents.RecordNotWritten), one => one.Fields["Resource"] == "shop/cv" && one.ErrorId == reason);

        _cluster.Faults = _ => RequestFault.None;
        var third = await _records.WriteAsync(resource, second, null, Token);

        Assert.Null(third.Unrecorded);
        Assert.Null(third.NotRecorded);
        Assert.Equal("2222222", third.Config!.Version);
        Assert.False(RolloutRecords.HasUnwrittenRecords(resource with { Status = third }));
        Assert.Equal(["2", "1"], (await _cluster.History().ReadAsync("shop", Token)).Select(r => r.Record.Id));
    }

    [Fact]
    public async Task A_status_keeps_a_limited_number_of_unwritten_records()
    {
        _cluster.Faults = _ => new RequestFault { StatusCode = 403 };
        var status = Status(Rollout()) with
        {
            Unrecorded = [.. Enumerable.Range(0, RolloutRecords.MaxUnrecorded).Select(i => Rollout(id: $"{i}"))],
        };

        var after = await _records.WriteAsync(Resource(), status, Rollout(id: "last"), Token);

        Assert.Equal(
            (RolloutRecords.MaxUnrecorded, "1", "last"),
            (after.Unrecorded!.Count, after.Unrecorded[0].Id, after.Unrecorded[^1].Id)
        );
        Assert.Single(_cluster.Log.Of(LogEvents.RecordsGivenUp));
    }

    [Fact]
    public async Task Resource_and_workload_get_events_for_start_and_end()
    {
        var none = Resource();
        var begun = none with { Status = Status(Rollout(RolloutPhase.Progressing)) };
        var ended = none with { Status = Status(Rollout()) };
        Workload workload = new()
        {
            Kind = "Deployment",
            ApiVersion = "v1",
            Namespace = "shop",
            Name = "app",
            Uid = "u-app",
        };

        await _records.PublishEventsAsync(none, begun, [workload], Token);
        await _records.PublishEventsAsync(begun, begun, [workload], Token);
        await _records.PublishEventsAsync(begun, ended, [workload], Token);

        var events = await _cluster.Connection.ListAsync(new CvManager.Cluster.ResourcePath("", "v1", "events", "shop"), null, null, Token);
        Assert.Equal(
            [
                ("ContainerVersion", "RolloutStarted"),
                ("ContainerVersion", "RolloutSucceeded"),
                ("Deployment", "RolloutStarted"),
                ("Deployment", "RolloutSucceeded"),
            ],
            events.Select(e => (e["involvedObject"]!["kind"]!.GetValue<string>(), e["reason"]!.GetValue<string>())).Order()
        );
        Assert.All(events, e => Facts.AssertIn(e["message"]!.GetValue<string>(), "2222222"));
        Assert.All(events, e => Assert.Equal(1, e["count"]!.GetValue<int>()));
        Assert.Contains(events, e => e["involvedObject"]!["apiVersion"]!.GetValue<string>() == "apps/v1");
    }

    [Fact]
    public void A_stalled_resource_gets_one_event()
    {
        var well = Resource() with { Status = Status(Rollout()) };
        var stalled = well with
        {
            Status = well.Status! with
            {
                Conditions = ConditionList.Stalled(well.Status!.Conditions, ConditionReasons.TagNotFound, "There is no tag demo.", 1, Noon),
            },
        };

        var told = Assert.Single(RolloutEvents.Between(well, stalled, []));
        Assert.Equal((true, "TagNotFound", "There is no tag demo."), (told.IsWarning, told.Reason, told.Message));
        Assert.Empty(RolloutEvents.Between(stalled, stalled, []));
    }

    private static ContainerVersionStatus Status(RolloutStatus rollout) =>
        new()
        {
            CurrVersion = "2222222",
            CurrStatus = CurrentStatus.Success,
            SuccessVersion = "2222222",
            Rollout = rollout,
            Conditions = ConditionList.Ready(null, ConditionReasons.UpToDate, "Deployment/app is on version 2222222.", 1, Noon),
        };
}
