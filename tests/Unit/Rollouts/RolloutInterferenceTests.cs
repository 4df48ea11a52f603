using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Controller;
using CvManager.Following;
using CvManager.Resources;
using CvManager.Support.Cluster;
using CvManager.Support.Records;
using CvManager.Versions;
using CvManager.Watching;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Rollouts;

/// <summary>
/// A user changes the workloads, gates or strategy of a rollout in progress. The clock does not advance, so no outcome is a timeout.
/// </summary>
public sealed class RolloutInterferenceTests : IAsyncLifetime, IResourceVersions
{
    private static readonly ResourcePath Deployments = new("apps", "v1", "deployments", "shop");
    private static readonly ResourcePath Services = new("", "v1", "services", "shop");

    private readonly FakeTimeProvider _clock = new(RecordSamples.Noon);
    private InProcessCluster _cluster = null!;
    private ContainerVersionStore _resources = null!;
    private Reconciler _reconciler = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _cluster = await InProcessCluster.StartAsync();
        await CrdInstallation.InstallAsync(_cluster.Connection, TimeProvider.System, Token);
        _resources = new ContainerVersionStore(_cluster.Connection);
        _reconciler = new Reconciler(_cluster.Connection, this, new(_clock, _cluster.Log));
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task A_rollout_whose_image_is_changed_back_ends_after_the_third_time()
    {
        await CreateAsync("""{"imageRepo":"r.example/app","tag":"demo","selector":{"cvapp":"app"},"container":{"name":"main"}}""");
        await CreateDeploymentAsync("app", "app", 1);

        var changedBack = 0;
        for (var step = 0; step < 12; step++)
        {
            await StepAsync();
            if (await ImageAsync("app") == "r.example/app:1111111")
                continue;
            changedBack++;
            await _cluster.Connection.PatchAsync(
                Deployments with
                {
                    Name = "app",
                },
                PatchKind.Json,
                JsonNode.Parse(
                    """
                    [{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"r.example/app:1111111"}]
                    """
                )!,
                Token,
                fieldManager: "argocd-controller"
            );
        }

        var status = await StatusAsync();
        var stalled = ConditionList.Find(status.Conditions, ConditionTypes.Stalled)!;
        Assert.Equal((1 + 3, ConditionReasons.Contended), (changedBack, stalled.Reason));
        Assert.Contains("argocd-controller", stalled.Message, StringComparison.Ordinal);
        Assert.Contains("Resume-ContainerVersion cv", stalled.Message, StringComparison.Ordinal);
        Assert.Equal((RolloutPhase.Superseded, null), (status.Rollout!.Phase, status.Quarantined));
        Assert.Equal("r.example/app:1111111", await ImageAsync("app"));
    }

    [Fact]
    public async Task A_gate_that_is_removed_while_it_runs_ends_the_rollout_and_fails_no_version()
    {
        await CreateAsync(
            """
            {"imageRepo":"r.example/app","tag":"demo","selector":{"cvapp":"app"},"container":{"name":"main","verify":[{"kind":"Image","image":"r.example/tests","tag":"demo"}]}}
            """
        );
        await CreateDeploymentAsync("app", "app", 1);
        await StepAsync();
        var first = (await StatusAsync()).Rollout!.Id;
        Assert.Equal("r.example/app:1111111", await ImageAsync("app"));

        _clock.Advance(TimeSpan.FromSeconds(1));
        await _resources.PatchAsync("shop", "cv", JsonNode.Parse("""{"spec":{"container":{"verify":null}}}""")!.AsObject(), Token);
        await StepAsync();
        var given = await StatusAsync();
        Assert.Equal((first, RolloutPhase.Superseded, null), (given.Rollout!.Id, given.Rollout.Phase, given.Quarantined));

        await StepAsync();
        Assert.NotEqual(first, (await StatusAsync()).Rollout!.Id);
        Assert.StartsWith("r.example/app:2222222", await ImageAsync("app"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"spec":{"strategy":{"kind":"Rolling","blueGreen":null}}}""")]
    [InlineData("""{"spec":{"strategy":{"blueGreen":{"serviceName":"other"}}}}""")]
    public async Task A_strategy_that_is_changed_during_a_rollout_ends_it_and_does_not_move_the_traffic(string change)
    {
        await StartBlueGreenAsync();

        await _resources.PatchAsync("shop", "cv", JsonNode.Parse(change)!.AsObject(), Token);
        await StepAsync();

        var status = await StatusAsync();
        Assert.Equal((RolloutPhase.Superseded, null), (status.Rollout!.Phase, status.Quarantined));
        Assert.Equal("blue", await ColourAsync());
    }

    [Theory]
    [InlineData("""{"spec":{"strategy":{"kind":"Rolling","blueGreen":null}}}""")]
    [InlineData("""{"spec":{"strategy":{"blueGreen":{"serviceName":"other"}}}}""")]
    public async Task A_rollback_restores_the_traffic_by_the_service_of_the_cut_over(string change)
    {
        await StartBlueGreenAsync();
        var resource = await _resources.GetAsync("shop", "cv", Token);
        var rollout = resource.Status!.Rollout!;
        await _resources.UpdateStatusAsync(
            resource with
            {
                Status = resource.Status with
                {
                    Rollout = rollout with
                    {
                        Phase = RolloutPhase.RollingBack,
                        BlueGreen = rollout.BlueGreen! with { CutOverAt = _clock.GetUtcNow() },
                    },
                },
            },
            Token
        );
        await _cluster.Connection.PatchAsync(
            Services with
            {
                Name = "app",
            },
            PatchKind.Merge,
            JsonNode.Parse("""{"spec":{"selector":{"colour":"green"}}}""")!,
            Token
        );

        await _resources.PatchAsync("shop", "cv", JsonNode.Parse(change)!.AsObject(), Token);
        await StepAsync();

        Assert.Equal("blue", await ColourAsync());
    }

    [Fact]
    public async Task Pods_that_lose_the_label_of_their_colour_get_no_traffic_and_fail_no_version()
    {
        await StartBlueGreenAsync();
        var resource = await _resources.GetAsync("shop", "cv", Token);
        var rollout = resource.Status!.Rollout!;
        await _resources.UpdateStatusAsync(
            resource with
            {
                Status = resource.Status with
                {
                    Rollout = rollout with { BlueGreen = rollout.BlueGreen! with { Step = BlueGreenPhase.CutOver } },
                },
            },
            Token
        );
        await _cluster.Connection.PatchAsync(
            Deployments with
            {
                Name = "green",
            },
            PatchKind.Merge,
            JsonNode.Parse("""{"spec":{"template":{"metadata":{"labels":{"colour":null}}}}}""")!,
            Token
        );

        await StepAsync();

        Assert.Equal(("blue", RolloutPhase.Progressing), (await ColourAsync(), (await StatusAsync()).Rollout!.Phase));
    }

    public Task<ResolvedVersion?> FindAsync(ContainerVersion resource, PlanContext context, CancellationToken cancellationToken) =>
        Task.FromResult<ResolvedVersion?>(
            new ResolvedVersion(new FollowedTag("demo"), "sha256:" + new string('b', 64), "2222222", RecordSamples.Noon)
        );

    public Task<ResolvedVersion?> FindPinnedAsync(ContainerVersion resource, PlanContext context, CancellationToken cancellationToken) =>
        throw new NotSupportedException("Nothing is pinned here.");

    /// <summary>Starts a rollout to the idle colour, green.</summary>
    private async Task StartBlueGreenAsync()
    {
        await CreateAsync(
            """
            {"imageRepo":"r.example/app","tag":"demo","selector":{"cvapp":"app"},"container":{"name":"main"},
             "strategy":{"kind":"ServiceBlueGreen","blueGreen":{"serviceName":"app","labelNames":["colour"]}}}
            """
        );
        await CreateDeploymentAsync("blue", "blue", 1);
        await CreateDeploymentAsync("green", "green", 0);
        await _cluster.Connection.CreateAsync(
            Services,
            JsonNode
                .Parse(
                    """
                    {"apiVersion":"v1","kind":"Service","metadata":{"name":"app"},"spec":{"selector":{"colour":"blue"},"ports":[{"port":80}]}}
                    """
                )!
                .AsObject(),
            Token
        );
        await StepAsync();
        Assert.Equal(
            ("Deployment/green", RolloutPhase.Progressing),
            ((await StatusAsync()).Rollout!.BlueGreen!.Idle, (await StatusAsync()).Rollout!.Phase)
        );
    }

    private Task<ContainerVersion> CreateAsync(string spec) =>
        _resources.ApplyAsync(
            "shop",
            new JsonObject
            {
                ["apiVersion"] = "custom.k8s.io/v1",
                ["kind"] = "ContainerVersion",
                ["metadata"] = new JsonObject { ["name"] = "cv" },
                ["spec"] = JsonNode.Parse(spec),
            },
            Token
        );

    private Task<JsonObject> CreateDeploymentAsync(string name, string colour, int replicas) =>
        _cluster.Connection.CreateAsync(
            Deployments,
            JsonNode
                .Parse(
                    $$$"""
                    {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"{{{name}}}","labels":{"cvapp":"app"}},"spec":{"replicas":{{{replicas}}},
                     "selector":{"matchLabels":{"app":"{{{name}}}"} },"template":{"metadata":{"labels":{"app":"{{{name}}}","colour":"{{{colour}}}"} },
                     "spec":{"containers":[{"name":"main","image":"r.example/app:1111111"}]}} } }
                    """
                )!
                .AsObject(),
            Token
        );

    private async Task StepAsync()
    {
        var snapshot = await _reconciler.ReadAsync("shop", Token);
        var resource = Assert.Single(snapshot.Resources);
        await _reconciler.ReconcileAsync(resource, snapshot.Around(resource), null, Token);
    }

    private async Task<ContainerVersionStatus> StatusAsync() => (await _resources.GetAsync("shop", "cv", Token)).Status!;

    private async Task<string> ImageAsync(string deployment) =>
        (await _cluster.Connection.GetAsync(Deployments with { Name = deployment }, Token))["spec"]!["template"]!["spec"]!["containers"]![
            0
        ]!["image"]!.GetValue<string>();

    private async Task<string> ColourAsync() =>
        (await _cluster.Connection.GetAsync(Services with { Name = "app" }, Token))["spec"]!["selector"]!["colour"]!.GetValue<string>();
}
