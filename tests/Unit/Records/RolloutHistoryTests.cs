using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Sandbox;
using CvManager.Support.Cluster;
using Xunit;
using static CvManager.Support.Records.RecordSamples;

namespace CvManager.Unit.Records;

public sealed class RolloutHistoryTests : IAsyncLifetime
{
    private static readonly HistorySpec Own = new();
    private static readonly HistorySpec Shared = new() { Name = "shared" };
    private InProcessCluster _cluster = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _cluster = await InProcessCluster.StartAsync();

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task Records_are_written_to_the_ConfigMap_of_the_workload_and_read_newest_first()
    {
        var history = _cluster.History();
        await history.AppendAsync("shop", Own, [Record("1"), Record("1", name: "other")], Token);
        await history.AppendAsync("shop", Own, [Record("2", minute: 5)], Token);

        Assert.Equal(
            "CVManager",
            (await _cluster.Connection.GetAsync(InProcessCluster.ConfigMap("app.history"), Token))["metadata"]!["labels"]![
                "OWNED_BY"
            ]!.GetValue<string>()
        );
        var all = await history.ReadAsync(null, Token);
        Assert.Equal(
            [("shop", "2", "app"), ("shop", "1", "app"), ("shop", "1", "other")],
            all.Select(r => (r.Namespace, r.Record.Id, r.Record.Name))
        );
    }

    [Fact]
    public async Task A_record_that_is_already_present_is_not_written_again()
    {
        await _cluster.History().AppendAsync("shop", Own, [Record()], Token);
        _cluster.Requests.Clear();

        await _cluster.History().AppendAsync("shop", Own, [Record()], Token);

        Assert.Empty(_cluster.Writes);
    }

    [Fact]
    public async Task A_foreign_ConfigMap_is_not_changed_until_it_is_labelled()
    {
        await _cluster.Connection.PatchAsync(
            InProcessCluster.ConfigMap("app.history"),
            PatchKind.Apply,
            JsonNode.Parse("""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"app.history"},"data":{"records":"[]"}}""")!,
            Token,
            "somebody-else"
        );

        var refused = await Assert.ThrowsAsync<CvException>(() => _cluster.History().AppendAsync("shop", Own, [Record()], Token));

        Assert.Equal("HistoryNotOwned", refused.ErrorId);
        Assert.Equal("""{"records":"[]"}""", (await _cluster.DataAsync("app.history")).ToJsonString());

        // The label of the original program.
        await _cluster.Connection.PatchAsync(
            InProcessCluster.ConfigMap("app.history"),
            PatchKind.Merge,
            JsonNode.Parse("""{"metadata":{"labels":{"OWNED_BY":"CVManager"}}}""")!,
            Token
        );
        await _cluster.History().AppendAsync("shop", Own, [Record()], Token);
        Assert.Single(await _cluster.History().ReadAsync("shop", Token));
    }

    [Fact]
    public async Task A_history_that_lost_its_labels_is_continued()
    {
        await _cluster.History().AppendAsync("shop", Own, [Record("1")], Token);
        await _cluster.Connection.PatchAsync(
            InProcessCluster.ConfigMap("app.history"),
            PatchKind.Merge,
            JsonNode.Parse("""{"metadata":{"labels":null}}""")!,
            Token
        );

        await _cluster.History().AppendAsync("shop", Own, [Record("2", minute: 1)], Token);

        Assert.Equal(["2", "1"], (await _cluster.History().ReadAsync("shop", Token)).Select(r => r.Record.Id));
    }

    [Fact]
    public async Task A_disabled_history_makes_no_request()
    {
        await _cluster.History().AppendAsync("shop", new HistorySpec { Enabled = false }, [Record()], Token);

        Assert.Empty(_cluster.Requests);
    }

    [Fact]
    public async Task Concurrent_writes_of_several_resources_to_one_ConfigMap_lose_no_record()
    {
        const int Writers = 6,
            Each = 8;
        await Task.WhenAll(
            Enumerable
                .Range(0, Writers)
                .Select(async writer =>
                {
                    // Each as a separate process.
                    var history = _cluster.History(_cluster.Connect());
                    for (var i = 0; i < Each; i++)
                        await history.AppendAsync("shop", Shared, [Record($"{i}", cv: $"cv{writer}", minute: i)], Token);
                })
        );

        var all = await _cluster.History().ReadAsync("shop", Token);
        Assert.Equal(Writers * Each, all.Select(r => r.Record.Key).Distinct().Count());
        Assert.Equal(Writers * Each, all.Count);
        Assert.Equal(
            Writers * Each,
            (await _cluster.DataAsync("shared.history"))["Info"]!.GetValue<string>().Split("Update occurred at:").Length - 1
        );
    }

    [Fact]
    public async Task A_lost_response_does_not_write_a_record_twice()
    {
        var lost = 0;
        _cluster.Faults = request =>
            request.Method != HttpMethod.Get && lost++ == 0 ? new RequestFault { DropResponse = true } : RequestFault.None;

        await _cluster.History().AppendAsync("shop", Own, [Record()], Token);

        Assert.Equal(1, lost);
        Assert.Single(await _cluster.History().ReadAsync("shop", Token));
    }

    [Theory]
    [InlineData(409, 3)]
    [InlineData(500, 2)]
    public async Task Transient_errors_are_retried(int code, int times)
    {
        var left = times;
        _cluster.Faults = request =>
            request.Method != HttpMethod.Get && left-- > 0 ? new RequestFault { StatusCode = code } : RequestFault.None;

        await _cluster.History().AppendAsync("shop", Own, [Record()], Token);

        Assert.Single(await _cluster.History().ReadAsync("shop", Token));
    }

    [Theory]
    [InlineData(500, "ClusterFailed", 3)]
    [InlineData(403, "ClusterRefused", 1)]
    public async Task Permanent_errors_are_thrown_after_a_few_attempts(int code, string id, int attempts)
    {
        _cluster.Faults = request => request.Method != HttpMethod.Get ? new RequestFault { StatusCode = code } : RequestFault.None;

        var e = await Assert.ThrowsAsync<CvException>(() => _cluster.History().AppendAsync("shop", Own, [Record()], Token));

        Assert.Equal((id, attempts), (e.ErrorId, _cluster.Writes.Count()));
    }

    [Fact]
    public async Task A_ConfigMap_that_cannot_be_parsed_is_set_aside_and_logged()
    {
        await _cluster.History().AppendAsync("shop", Own, [Record("1")], Token);
        await _cluster.Connection.PatchAsync(
            InProcessCluster.ConfigMap("app.history"),
            PatchKind.Merge,
            new JsonObject { ["data"] = new JsonObject { ["records"] = "oops" } },
            Token
        );

        Assert.Empty(await _cluster.History().ReadAsync("shop", Token));
        await _cluster.History().AppendAsync("shop", Own, [Record("2")], Token);

        Assert.Equal("oops", (await _cluster.DataAsync("app.history"))["records.broken"]!.GetValue<string>());
        Assert.Equal("2", Assert.Single(await _cluster.History().ReadAsync("shop", Token)).Record.Id);
        Assert.Contains(_cluster.Log.Of(LogEvents.HistorySetAside), one => one.Fields["Key"] == "records.broken");
        Assert.NotEmpty(_cluster.Log.Of(LogEvents.HistoryUnreadable));
    }
}
