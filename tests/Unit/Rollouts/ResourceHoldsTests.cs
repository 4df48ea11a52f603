using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Rollouts;
using CvManager.Support;
using CvManager.Support.Cluster;
using CvManager.Support.Records;
using Xunit;

namespace CvManager.Unit.Rollouts;

public sealed class ResourceHoldsTests : IAsyncLifetime
{
    private InProcessCluster _cluster = null!;
    private ContainerVersionStore _resources = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private ResourceHolds Holds => new(_cluster.Connection, new(TimeProvider.System, _cluster.Log), "sam");

    public async ValueTask InitializeAsync()
    {
        _cluster = await InProcessCluster.StartAsync();
        await CrdInstallation.InstallAsync(_cluster.Connection, TimeProvider.System, Token);
        _resources = new ContainerVersionStore(_cluster.Connection);
        await _resources.ApplyAsync(
            "shop",
            JsonNode
                .Parse(
                    """
                    {"apiVersion":"custom.k8s.io/v1","kind":"ContainerVersion","metadata":{"name":"cv","annotations":{"team":"web"}},
                     "spec":{"imageRepo":"r.example/app","tag":"demo","selector":{"cvapp":"app"},"container":{"name":"main"}}}
                    """
                )!
                .AsObject(),
            Token
        );
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task A_hold_records_who_and_why_and_a_resume_removes_it()
    {
        var before = await GetAsync();
        var held = await Holds.SuspendAsync(before, "freeze", Token);

        Assert.True(held.Spec.Suspend);
        Assert.Equal(new Hold("sam", "freeze"), Hold.Of(held));
        var pinned = await Holds.PinAsync(held, "1111111", "slow", Token);
        Assert.Equal((false, "1111111", new Hold("sam", "slow")), (pinned.Spec.Suspend, pinned.Spec.PinVersion, Hold.Of(pinned)));

        await Holds.ResumeAsync(pinned, null, Token);
        var resumed = await GetAsync();
        Assert.Equal((false, ""), (resumed.Spec.Suspend, resumed.Spec.PinVersion));
        Assert.Equal([("team", "web")], resumed.Metadata.Annotations!.Select(a => (a.Key, a.Value)));
        var events = (await _cluster.Connection.ListAsync(new ResourcePath("", "v1", "events", "shop"), null, null, Token)).ToDictionary(
            e => e["reason"]!.GetValue<string>(),
            e => e["message"]!.GetValue<string>()
        );
        Assert.Equal(["Pinned", "Resumed", "Suspended"], events.Keys.Order(StringComparer.Ordinal));
        Facts.AssertIn(events["Pinned"], "1111111", "sam", "slow");
        Facts.AssertIn(events["Resumed"], "sam");
        Facts.AssertIn(events["Suspended"], "sam", "freeze");
    }

    [Fact]
    public async Task An_unchanged_hold_is_not_written_again()
    {
        var held = await Holds.SuspendAsync(await GetAsync(), "freeze", Token);
        _cluster.Requests.Clear();

        await Holds.SuspendAsync(held, null, Token);
        await Holds.SuspendAsync(held, "freeze", Token);
        Assert.Empty(_cluster.Requests);
        await Holds.SuspendAsync(held, "another reason", Token);
        Assert.Equal("another reason", Hold.Of(await GetAsync())!.Reason);

        var resumed = await Holds.ResumeAsync(await GetAsync(), null, Token);
        _cluster.Requests.Clear();
        await Holds.ResumeAsync(resumed, null, Token);
        Assert.Empty(_cluster.Requests);
    }

    [Fact]
    public async Task A_resume_lifts_the_quarantine_despite_conflicts_with_the_controller()
    {
        var resource = await GetAsync();
        ContainerVersionStatus status = new()
        {
            Quarantined =
            [
                new QuarantinedDigest
                {
                    Digest = "sha256:1",
                    Version = "1",
                    Reason = "it crashes",
                    At = RecordSamples.Noon,
                },
            ],
            Rollout = RecordSamples.Rollout() with { Repeats = 3 },
        };
        var seen = await _resources.UpdateStatusAsync(resource with { Status = status }, Token);
        await _resources.UpdateStatusAsync(seen with { Status = status with { CurrVersion = "2222222" } }, Token);

        await Holds.ResumeAsync(seen, null, Token);

        var resumed = await GetAsync();
        Assert.Null(resumed.Status!.Quarantined);
        Assert.Equal((0, "2222222"), (resumed.Status.Rollout!.Repeats, resumed.Status.CurrVersion));
    }

    private Task<ContainerVersion> GetAsync() => _resources.GetAsync("shop", "cv", Token);
}
