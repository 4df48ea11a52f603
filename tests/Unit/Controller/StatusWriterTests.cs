using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Controller;
using CvManager.Records;
using CvManager.Resources;
using CvManager.Sandbox;
using CvManager.Support.Cluster;
using Xunit;

namespace CvManager.Unit.Controller;

public sealed class StatusWriterTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly CvException Forbidden = new(
        ErrorIds.ClusterForbidden,
        CvErrorKind.Forbidden,
        "The API server refused to patch it.",
        "Grant the right."
    );

    private InProcessCluster _cluster = null!;
    private ContainerVersionStore _resources = null!;
    private ContainerVersion _resource = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _cluster = await InProcessCluster.StartAsync();
        await CrdInstallation.InstallAsync(_cluster.Connection, TimeProvider.System, Token);
        _resources = new ContainerVersionStore(_cluster.Connection);
        _resource = await _resources.ApplyAsync(
            "shop",
            JsonNode
                .Parse(
                    """
                    {"apiVersion":"custom.k8s.io/v1","kind":"ContainerVersion","metadata":{"name":"cv"},
                     "spec":{"imageRepo":"r.example/app","tag":"demo","selector":{"cvapp":"app"},"container":{"name":"main"}}}
                    """
                )!
                .AsObject(),
            Token
        );
        _cluster.Requests.Clear();
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task A_status_is_written_only_when_it_changed()
    {
        var writer = Writer(isApproved: true);

        await writer.WriteAsync(writer.Current with { CurrVersion = "1111111" }, Token);
        await writer.WriteAsync(writer.Current, Token);
        await writer.WriteAsync(writer.Current with { CurrVersion = "2222222" }, Token);

        Assert.Equal(2, _cluster.Writes.Count());
        Assert.Equal("2222222", writer.Written.Status!.CurrVersion);
        Assert.Equal(writer.Written.Status, writer.Current);
    }

    [Fact]
    public async Task A_refusal_is_reported_in_the_status_with_what_the_step_began_with_and_as_an_event()
    {
        var writer = Writer(isApproved: true);
        writer.Begin(writer.Current with { CurrVersion = "1111111" }, []);

        await writer.ReportRefusalAsync(Forbidden, Now, Token);
        await writer.PublishEventsAsync(Token);

        var status = (await _resources.GetAsync("shop", "cv", Token)).Status!;
        Assert.Equal(
            (ConditionReasons.ClusterForbidden, "1111111"),
            (ConditionList.Find(status.Conditions, ConditionTypes.Stalled)!.Reason, status.CurrVersion)
        );
        var events = await _cluster.Connection.ListAsync(new ResourcePath("", "v1", "events", "shop"), null, null, Token);
        Assert.Equal(ConditionReasons.ClusterForbidden, Assert.Single(events)["reason"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_refusal_of_the_status_itself_is_not_reported()
    {
        _cluster.Faults = request => request.Method == HttpMethod.Put ? new RequestFault { StatusCode = 403 } : RequestFault.None;
        var writer = Writer(isApproved: true);
        await Assert.ThrowsAsync<CvException>(() => writer.WriteAsync(writer.Current with { CurrVersion = "1111111" }, Token));
        _cluster.Requests.Clear();

        await writer.ReportRefusalAsync(Forbidden, Now, Token);

        Assert.Empty(_cluster.Requests);
        Assert.Same(_resource, writer.Written);
    }

    [Fact]
    public async Task A_refusal_is_not_reported_before_the_plan_is_approved()
    {
        var writer = Writer(isApproved: false);

        await writer.ReportRefusalAsync(Forbidden, Now, Token);
        Assert.Empty(_cluster.Requests);

        writer.Begin(writer.Current, []);
        await writer.ReportRefusalAsync(Forbidden, Now, Token);
        Assert.Single(_cluster.Writes);
    }

    private StatusWriter Writer(bool isApproved) =>
        new(_resources, new RolloutRecords(_cluster.Connection, new(TimeProvider.System, _cluster.Log)), _resource, isApproved);
}
