using System.Net;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.PowerShell;
using CvManager.Support;
using CvManager.Support.Cluster;
using Xunit;

namespace CvManager.Unit.PowerShell.CvRollout;

/// <summary>Waits for a resource of a scripted API server, under a virtual clock.</summary>
public sealed class RolloutWaiterTests : IDisposable
{
    private const string Resource = "/apis/custom.k8s.io/v1/namespaces/shop/containerversions/cv";

    private readonly SteppedClock _time = new();
    private readonly FakeApiServer _server;
    private readonly ClusterConnection _cluster;
    private readonly List<string> _lines = [];
    private readonly TaskCompletionSource<(string Text, TimeSpan After)> _warning = new();
    private Func<HttpResponseMessage> _leases = () =>
        FakeApiServer.Answer(403, FakeApiServer.Status(403, "Forbidden", "leases.coordination.k8s.io is forbidden"));

    public RolloutWaiterTests()
    {
        _server = new FakeApiServer(request =>
            request.Path.EndsWith("/leases", StringComparison.Ordinal) ? _leases()
            : request.Path == Resource ? null
            : FakeApiServer.Answer(200, """{"metadata":{},"items":[]}""")
        );
        _cluster = _server.Connect();
    }

    public void Dispose()
    {
        _cluster.Dispose();
        _server.Dispose();
    }

    [Fact]
    public async Task A_resource_that_nothing_reconciles_is_reported_within_15_seconds_without_the_permission_to_read_leases()
    {
        Put(generation: 5, status: """{"observedGeneration": 4, "currVersion": "1.0.1", "currStatus": "Success"}""");

        var (text, after) = await WarningAsync();

        Assert.InRange(after, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(15));
        Facts.AssertIn(text, "shop/cv", "changed", "Start-CvReconcile");
        Assert.DoesNotContain("Lease", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_lease_that_nobody_holds_is_named()
    {
        Put(generation: 1, status: null);
        _leases = () => Leases("", "2026-01-01T11:00:00.000000Z");

        var (text, _) = await WarningAsync();

        Facts.AssertIn(text, "shop/cv", "created", "cvmanager/cvmanager-controller");
    }

    [Fact]
    public async Task A_lease_that_its_holder_does_not_renew_is_named_for_a_resource_that_does_not_change()
    {
        Put(generation: 5, status: """{"observedGeneration": 5, "currVersion": "1.0.1", "currStatus": "Success"}""");
        _leases = () => Leases("node-7", "2026-01-01T11:00:00.000000Z");

        var (text, after) = await WarningAsync();

        Assert.InRange(after, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(15));
        Facts.AssertIn(text, "shop/cv", "cvmanager/cvmanager-controller", "node-7");
    }

    [Fact]
    public async Task A_controller_that_renews_its_lease_is_not_reported()
    {
        Put(generation: 5, status: """{"observedGeneration": 5, "currVersion": "1.0.1", "currStatus": "Success"}""");
        _leases = () => Leases("node-7", _time.GetUtcNow().ToString("O"));

        var error = await TimeOutAsync();

        Assert.False(_warning.Task.IsCompleted);
        Assert.Equal("RolloutWaitTimedOut", error.ErrorId);
    }

    [Fact]
    public async Task The_default_time_limit_ends_the_wait_with_the_last_state_seen()
    {
        Put(
            generation: 5,
            status: """
            {"observedGeneration": 5, "currVersion": "1.0.2", "currStatus": "Progressing",
             "rollout": {"id": "r", "version": "1.0.2", "phase": "Verifying", "startedAt": "2026-01-01T12:00:00Z", "workloads": [],
              "gates": [{"stage": "Container", "kind": "Image", "image": "team/tests:demo", "phase": "Progressing",
               "pod": {"name": "cv-gate-abc"}, "reason": "ErrImagePull", "message": "ErrImagePull: no such image"}]},
             "conditions": [{"type": "Reconciling", "status": "True", "reason": "RolloutInProgress", "message": "Verifying version 1.0.2"}]}
            """
        );
        var startedAt = _time.GetUtcNow();

        var error = await TimeOutAsync();

        Assert.Equal(("RolloutWaitTimedOut", CvErrorKind.Timeout, "shop/cv"), (error.ErrorId, error.Kind, error.Target));
        var limit = TimeSpan.FromSeconds(300 + 1800 + 60);
        Assert.InRange(_time.GetUtcNow() - startedAt, limit, limit + TimeSpan.FromSeconds(2));
        Facts.AssertIn(
            error.Message,
            "1.0.3",
            "2160 s",
            "Verifying",
            "RolloutInProgress",
            "team/tests:demo",
            "cv-gate-abc",
            "no such image"
        );
    }

    [Fact]
    public async Task A_line_is_written_for_each_change_and_for_each_minute_without_one()
    {
        Put(generation: 5, status: """{"observedGeneration": 5, "currVersion": "1.0.1", "currStatus": "Success"}""");
        using CancellationTokenSource stop = new();
        var wait = WaitAsync(stop.Token);
        await _time.RunAsync(wait, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(130));
        Assert.Equal(3, _lines.Count);
        Assert.All(_lines, line => Facts.AssertIn(line, "shop/cv", "1.0.1", "1.0.3"));

        Put(generation: 5, status: """{"observedGeneration": 5, "currVersion": "1.0.3", "currStatus": "Success"}""");
        await _time.RunAsync(wait, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10));
        await wait;
        Assert.Equal(4, _lines.Count);
        Assert.DoesNotContain("1.0.1", _lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_API_server_that_cannot_be_reached_is_shown_and_tried_again()
    {
        Put(generation: 5, status: """{"observedGeneration": 5, "currVersion": "1.0.1", "currStatus": "Success"}""");
        var isDown = true;
        using FakeApiServer server = new(request =>
            request.Path == Resource && !isDown
                ? FakeApiServer.Answer(200, _server.Find(Resource)!.ToJsonString())
                : new HttpResponseMessage(HttpStatusCode.ServiceUnavailable)
        );
        using var cluster = server.Connect();
        var wait = WaitAsync(CancellationToken.None, cluster);
        await _time.RunAsync(wait, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5));
        Assert.NotEmpty(_lines);

        isDown = false;
        Put(generation: 5, status: """{"observedGeneration": 5, "currVersion": "1.0.3", "currStatus": "Success"}""");
        await _time.RunAsync(wait, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));
        await wait;
    }

    private async Task<(string Text, TimeSpan After)> WarningAsync()
    {
        using CancellationTokenSource stop = new();
        var wait = WaitAsync(stop.Token);
        await _time.RunAsync(_warning.Task, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(20));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait);
        Assert.True(_warning.Task.IsCompleted);
        return await _warning.Task;
    }

    private async Task<CvException> TimeOutAsync()
    {
        var wait = WaitAsync(CancellationToken.None);
        await _time.RunAsync(wait, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        return await Assert.ThrowsAsync<CvException>(() => wait);
    }

    private Task WaitAsync(CancellationToken cancellationToken, ClusterConnection? cluster = null)
    {
        var startedAt = _time.GetUtcNow();
        WaitOutput output = new(drawsProgress: false, _time, _ => Assert.Fail("a progress bar"), _lines.Add);
        return new RolloutWaiter(
            cluster ?? _cluster,
            _time,
            output,
            text => _warning.TrySetResult((text, _time.GetUtcNow() - startedAt))
        ).WaitAsync(
            [(ContainerVersionStore.Read((JsonObject)_server.Find(Resource)!.DeepClone()), "1.0.3")],
            null,
            _ => Task.CompletedTask,
            cancellationToken
        );
    }

    private void Put(long generation, string? status)
    {
        JsonObject resource = new()
        {
            ["apiVersion"] = "custom.k8s.io/v1",
            ["kind"] = "ContainerVersion",
            ["metadata"] = new JsonObject
            {
                ["name"] = "cv",
                ["namespace"] = "shop",
                ["generation"] = generation,
            },
            ["spec"] = new JsonObject
            {
                ["imageRepo"] = "registry.test/team/app",
                ["tag"] = "demo",
                ["selector"] = new JsonObject { ["cvapp"] = "app" },
                ["container"] = new JsonObject { ["name"] = "main" },
            },
        };
        if (status is not null)
            resource["status"] = JsonNode.Parse(status);
        _server.Put(Resource, resource);
    }

    private static HttpResponseMessage Leases(string holder, string renewTime) =>
        FakeApiServer.Answer(
            200,
            $$$"""
            {"metadata":{},"items":[{"metadata":{"name":"cvmanager-controller","namespace":"cvmanager"},
             "spec":{"holderIdentity":"{{{holder}}}","renewTime":"{{{renewTime}}}"}}]}
            """
        );
}
