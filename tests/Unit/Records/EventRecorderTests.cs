using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Records;
using CvManager.Sandbox;
using CvManager.Support.Cluster;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using static CvManager.Support.Records.RecordSamples;

namespace CvManager.Unit.Records;

public sealed class EventRecorderTests : IAsyncLifetime
{
    private static readonly ClusterEvent Failed = new(
        EventSubject.Of(Resource()),
        true,
        "RolloutFailed",
        "Version 2222222 failed: it crashes"
    );
    private readonly FakeTimeProvider _time = new(Noon);
    private InProcessCluster _cluster = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _cluster = await InProcessCluster.StartAsync();

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task An_event_has_its_object_reason_and_message()
    {
        await WriteAsync(Failed);

        var written = Assert.Single(await EventsAsync());
        Assert.Equal(
            """{"apiVersion":"custom.k8s.io/v1","kind":"ContainerVersion","namespace":"shop","name":"cv","uid":"u-cv"}""",
            written["involvedObject"]!.ToJsonString()
        );
        Assert.Equal(
            ("Warning", "RolloutFailed", "Version 2222222 failed: it crashes", "cvmanager", 1),
            (
                written["type"]!.GetValue<string>(),
                written["reason"]!.GetValue<string>(),
                written["message"]!.GetValue<string>(),
                written["source"]!["component"]!.GetValue<string>(),
                written["count"]!.GetValue<int>()
            )
        );
    }

    [Fact]
    public async Task A_repeated_event_is_counted_by_any_process()
    {
        await WriteAsync(Failed);
        _time.Advance(TimeSpan.FromMinutes(5));
        await WriteAsync(Failed);
        await WriteAsync(Failed);
        await WriteAsync(Failed with { Message = "Version 3333333 failed: it crashes" });

        var events = await EventsAsync();
        Assert.Equal([1, 3], events.Select(e => e["count"]!.GetValue<int>()).Order());
        var counted = events.Single(e => e["count"]!.GetValue<int>() == 3);
        Assert.Equal(
            ("2026-01-01T12:00:00Z", "2026-01-01T12:05:00Z"),
            (counted["firstTimestamp"]!.GetValue<string>(), counted["lastTimestamp"]!.GetValue<string>())
        );
    }

    [Fact]
    public async Task Concurrent_writers_are_all_counted()
    {
        await WriteAsync(Failed);
        var raced = false;
        _cluster.Faults = request =>
            request.Method == HttpMethod.Patch && !raced && (raced = true) ? new RequestFault { StatusCode = 409 } : RequestFault.None;

        await WriteAsync(Failed);

        Assert.True(raced);
        Assert.Equal(2, Assert.Single(await EventsAsync())["count"]!.GetValue<int>());
    }

    [Theory]
    [InlineData(403)]
    [InlineData(500)]
    public async Task An_event_that_cannot_be_written_is_logged_and_does_not_throw(int code)
    {
        _cluster.Faults = _ => new RequestFault { StatusCode = code };

        await WriteAsync(Failed);

        var told = Assert.Single(_cluster.Log.Events);
        Assert.Equal(
            (LogEvents.EventNotWritten, "RolloutFailed", "ContainerVersion", "shop", "cv"),
            (told.Id, told.Fields["Reason"], told.Fields["Kind"], told.Fields["Namespace"], told.Fields["Name"])
        );
    }

    private Task WriteAsync(ClusterEvent happened) =>
        new EventRecorder(_cluster.Connection, new(_time, _cluster.Log)).WriteAsync(happened, Token);

    private Task<IReadOnlyList<JsonObject>> EventsAsync() =>
        _cluster.Connection.ListAsync(new ResourcePath("", "v1", "events", "shop"), null, null, Token);
}
