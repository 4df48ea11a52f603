using System.Text.Json.Nodes;
using CvManager.Controller;
using CvManager.Sandbox;
using CvManager.Support;
using Xunit;

namespace CvManager.Simulation.Controller;

/// <summary>
/// A permission of the controller is revoked and restored: it is reported in the status, if that can be written, and once in the log;
/// nothing fails; requests become rarer; and everything continues on its own.
/// </summary>
public sealed class MissingRightTests : ControllerStage
{
    private static readonly TimeSpan Trial = TimeSpan.FromMinutes(20);

    [Fact]
    public async Task A_rollout_without_permission_to_patch_workloads_waits_reports_it_and_then_continues()
    {
        await BeginAsync();
        Access.Deny("patch deployments");
        MoveTag("v2");
        var begun = Now;
        await RunUntilAsync(
            async () => (await ConditionAsync("Stalled")).Status == "True",
            TimeSpan.FromMinutes(2),
            "it says what is missing"
        );
        (_, var reason, var message) = await ConditionAsync("Stalled");
        Assert.Equal("ClusterForbidden", reason);
        // The message of the API server, and the resource in the remedy.
        Facts.AssertIn(message, "cannot patch resource \"deployments\"", "deployments.apps");

        // Well beyond timeoutSeconds.
        await RunAsync(Trial);
        Assert.InRange(Count("patch deployments", begun), 5, 25);
        Assert.InRange(Count("update containerversions/status", begun), 1, 4);
        Log.AssertOnce(LogEvents.ResourceFailed, ErrorIds.ClusterForbidden, "deployments.apps");
        var resource = await GetAsync();
        Assert.Equal("Progressing", Fields.Text(resource, "status", "rollout", "phase"));
        Assert.Null(resource["status"]!["quarantined"]);
        Assert.Contains("v1", await ImageAsync(), StringComparison.Ordinal);

        Access.AllowAll();
        await SettlesAsync("v2", TimeSpan.FromMinutes(8));
        Assert.Null((await GetAsync())["status"]!["quarantined"]);
        Assert.Equal(["default/app v1", "default/app v2"], Images);
        await StaysQuietAsync();
    }

    [Fact]
    public async Task Nothing_is_changed_without_permission_to_write_the_status()
    {
        await BeginAsync();
        Access.Deny("update containerversions/status");
        MoveTag("v2");
        var begun = Now;
        await RunAsync(Trial);
        Assert.Contains("v1", await ImageAsync(), StringComparison.Ordinal);
        Assert.Equal(0, Count("patch deployments", begun));
        Assert.InRange(Count("update containerversions/status", begun), 5, 25);
        Log.AssertOnce(LogEvents.ResourceFailed, ErrorIds.ClusterForbidden, "containerversions.custom.k8s.io default/app");

        Access.AllowAll();
        await SettlesAsync("v2", TimeSpan.FromMinutes(8));
        await StaysQuietAsync();
    }

    [Fact]
    public async Task A_rollout_that_loses_permission_to_write_the_status_is_finished_when_it_is_restored()
    {
        await BeginAsync(replicas: 3);
        MoveTag("v2");
        await RunUntilAsync(
            async () => (await ImageAsync()).Contains("v2", StringComparison.Ordinal),
            TimeSpan.FromMinutes(1),
            "the rollout has begun"
        );
        Access.Deny("update containerversions/status");
        await RunAsync(Trial);
        Log.AssertOnce(LogEvents.ResourceFailed, ErrorIds.ClusterForbidden, "containerversions.custom.k8s.io default/app");

        Access.AllowAll();
        await SettlesAsync("v2", TimeSpan.FromMinutes(8));
        Assert.Null((await GetAsync())["status"]!["quarantined"]);
        Assert.Equal(["default/app v1", "default/app v2"], Images);
        await StaysQuietAsync();
    }

    [Theory]
    [InlineData("list deployments", "deployments.apps")]
    [InlineData("list deployments,watch deployments", "deployments.apps")]
    public async Task A_kind_that_may_not_be_read_is_reported_by_resources_without_workloads(string rights, string mention)
    {
        await CreateDeploymentAsync();
        await CreateAsync();
        Access.Deny(rights.Split(','));
        var begun = Now;
        Start();
        await RunUntilAsync(
            async () => (await ConditionAsync("Stalled")).Status == "True",
            TimeSpan.FromMinutes(2),
            "it says what is missing"
        );
        (_, var reason, var message) = await ConditionAsync("Stalled");
        Assert.Equal("ClusterForbidden", reason);
        Facts.AssertIn(message, mention);
        await RunAsync(Trial);
        Log.AssertOnce(LogEvents.WatchFailed, ErrorIds.ClusterForbidden, mention);
        Assert.InRange(Count("list deployments", begun), 10, 50);

        Access.AllowAll();
        MoveTag("v2");
        await SettlesAsync("v2", TimeSpan.FromMinutes(3));
        await StaysQuietAsync();
    }

    [Theory]
    [InlineData("watch", "deployments", "deployments.apps")]
    [InlineData("watch,list", "deployments", "deployments.apps")]
    [InlineData("watch", "containerversions", "containerversions.custom.k8s.io")]
    [InlineData("watch,list", "containerversions", "containerversions.custom.k8s.io")]
    public async Task A_watch_that_becomes_forbidden_is_logged_once_loses_nothing_and_is_resumed(
        string verbs,
        string resource,
        string title
    )
    {
        await BeginAsync();
        Access.Deny([.. verbs.Split(',').Select(verb => $"{verb} {resource}")]);
        await RunAsync(TimeSpan.FromMinutes(6)); // open watches end on their own
        var begun = Now;
        await RunAsync(Trial);
        Log.AssertOnce(LogEvents.WatchFailed, ErrorIds.ClusterForbidden, title);
        Assert.InRange(Count($"watch {resource}", begun) + Count($"list {resource}", begun), 10, 90);
        Assert.True((await ConditionAsync("Ready")).Status == "True");

        // Known resources are still reconciled.
        MoveTag("v2");
        await RunUntilAsync(
            async () => (await ImageAsync()).Contains("v2", StringComparison.Ordinal),
            TimeSpan.FromMinutes(5),
            "the rollout begins"
        );
        Access.AllowAll();
        await SettlesAsync("v2", TimeSpan.FromMinutes(5));
        await RunAsync(TimeSpan.FromMinutes(3));
        Log.AssertOnce(LogEvents.WatchRecovered, title);
        await StaysQuietAsync();
    }

    [Fact]
    public async Task A_watch_that_was_never_allowed_is_replaced_by_lists_and_logged_once()
    {
        await CreateDeploymentAsync();
        await CreateAsync();
        Access.Deny("watch deployments");
        Start();
        await RunAsync(TimeSpan.FromMinutes(2));
        MoveTag("v2");
        await SettlesAsync("v2", TimeSpan.FromMinutes(5));
        await RunAsync(Trial);
        Log.AssertOnce(LogEvents.WatchFailed, "deployments.apps");

        Access.AllowAll();
        await StaysQuietAsync(except: LogEvents.WatchRecovered);
    }

    [Fact]
    public async Task A_rollout_without_permission_to_write_ConfigMaps_succeeds_and_its_record_waits()
    {
        await BeginAsync();
        Access.Deny("get configmaps", "create configmaps", "update configmaps", "patch configmaps");
        MoveTag("v2");
        var begun = Now;
        await SettlesAsync("v2");
        await RunAsync(Trial);
        Assert.Equal(ErrorIds.ClusterForbidden, Fields.Text(await GetAsync(), "status", "notRecorded", "reason"));
        Facts.AssertIn(Fields.Text(await GetAsync(), "status", "notRecorded", "message"), "configmaps");
        Log.AssertOnce(LogEvents.RecordNotWritten, ErrorIds.ClusterForbidden, "configmaps");
        Assert.InRange(Count("get configmaps", begun), 5, 25);

        Access.AllowAll();
        await RunUntilAsync(
            async () => (await GetAsync())["status"]!["unrecorded"] is null,
            TimeSpan.FromMinutes(8),
            "the record is written"
        );
        Assert.Contains(
            "v2",
            Fields.Text(await SendAsync(HttpMethod.Get, "/api/v1/namespaces/default/configmaps/app.history", null), "data", "records"),
            StringComparison.Ordinal
        );
        Assert.Null((await GetAsync())["status"]!["notRecorded"]);
        await StaysQuietAsync();
    }

    [Fact]
    public async Task Missing_permission_to_write_Events_is_logged_once_and_everything_continues()
    {
        await BeginAsync();
        Access.Deny("create events", "patch events");
        MoveTag("v2");
        await SettlesAsync("v2");
        MoveTag("v3");
        await SettlesAsync("v3");
        Log.AssertOnce(LogEvents.EventNotWritten, "events");

        Access.AllowAll();
        MoveTag("v1");
        await SettlesAsync("v1");
        Assert.Contains(
            (await SendAsync(HttpMethod.Get, "/api/v1/namespaces/default/events", null))["items"]!.AsArray(),
            e => Fields.Text(e, "reason") == "RolloutSucceeded" && Fields.Text(e, "message").Contains("v1", StringComparison.Ordinal)
        );
        await StaysQuietAsync();
    }

    [Fact]
    public async Task A_rollout_without_permission_to_read_pods_continues_without_evidence()
    {
        await BeginAsync(replicas: 3);
        Access.Deny("list pods");
        MoveTag("v2");
        await RunAsync(StartDelay * 2);
        (_, var reason, var message) = await ConditionAsync("Ready");
        Assert.Equal("RolloutInProgress", reason);
        Facts.AssertIn(message, "pods");
        await SettlesAsync("v2");
        Assert.DoesNotContain("pods", (await ConditionAsync("Ready")).Message, StringComparison.Ordinal);
        await StaysQuietAsync();
    }

    [Fact]
    public async Task A_gate_without_permission_to_create_pods_waits_and_neither_passes_nor_fails()
    {
        await CreateDeploymentAsync();
        var spec = Spec("app");
        spec["container"]!["verify"] = new JsonArray(
            new JsonObject
            {
                ["kind"] = "Image",
                ["image"] = "tests/smoke",
                ["tag"] = "ok",
                ["timeoutSeconds"] = 120,
            }
        );
        await CreateAsync(spec: spec);
        Start();
        await SettlesAsync("v1");
        Access.Deny("create pods");
        MoveTag("v2");
        var begun = Now;
        await RunUntilAsync(
            async () => (await ConditionAsync("Stalled")).Reason == "ClusterForbidden",
            TimeSpan.FromMinutes(2),
            "it says what is missing"
        );
        Facts.AssertIn((await ConditionAsync("Stalled")).Message, "pods");
        await RunAsync(Trial);
        Log.AssertOnce(LogEvents.ResourceFailed, ErrorIds.ClusterForbidden, "pods");
        Assert.InRange(Count("create pods", begun), 5, 25);
        Assert.Contains("v1", await ImageAsync(), StringComparison.Ordinal);

        Access.AllowAll();
        await SettlesAsync("v2", TimeSpan.FromMinutes(8));
        Assert.Null((await GetAsync())["status"]!["quarantined"]);
        await StaysQuietAsync();
    }

    [Theory]
    [InlineData("get services")]
    [InlineData("patch services")]
    public async Task Nothing_is_cut_over_without_permission_for_the_Service(string right)
    {
        await CreateColoursAsync(scaleDownDelaySeconds: 5);
        Start();
        await SettlesAsync("v1");
        Access.Deny(right);
        MoveTag("v2");
        await RunUntilAsync(
            async () => (await ConditionAsync("Stalled")).Reason == "ClusterForbidden",
            TimeSpan.FromMinutes(5),
            "it says what is missing"
        );
        Facts.AssertIn((await ConditionAsync("Stalled")).Message, right.Split(' '));
        await RunAsync(Trial);
        Log.AssertOnce(LogEvents.ResourceFailed, ErrorIds.ClusterForbidden, "services");
        Assert.Equal("blue", await ColourAsync());

        Access.AllowAll();
        await SettlesAsync("v2", TimeSpan.FromMinutes(10));
        Assert.Equal("green", await ColourAsync());
        await StaysQuietAsync();
    }

    [Fact]
    public async Task A_controller_without_permission_for_the_Lease_waits_and_leads_when_it_has_it()
    {
        await CreateDeploymentAsync();
        await CreateAsync();
        Access.Deny("get leases", "create leases", "update leases");
        var begun = Now;
        Start(new ControllerOptions { Election = new ElectionOptions("default", "controller", "one") });
        await RunAsync(Trial);
        Log.AssertOnce(LogEvents.LeaseFailed, ErrorIds.ClusterForbidden, "leases.coordination.k8s.io default/controller");
        Assert.Null((await GetAsync())["status"]);
        Assert.InRange(Count("get leases", begun), 30, 2000);

        Access.AllowAll();
        MoveTag("v2");
        await SettlesAsync("v2");
    }

    [Fact]
    public async Task A_leader_that_loses_permission_for_its_Lease_stops_and_leads_again_later()
    {
        await CreateDeploymentAsync(replicas: 3);
        await CreateAsync();
        Start(new ControllerOptions { Election = new ElectionOptions("default", "controller", "one") });
        await SettlesAsync("v1");
        MoveTag("v2");
        await RunUntilAsync(
            async () => (await ImageAsync()).Contains("v2", StringComparison.Ordinal),
            TimeSpan.FromMinutes(1),
            "the rollout has begun"
        );
        Access.Deny("update leases", "get leases");
        await RunAsync(TimeSpan.FromSeconds(20));
        var lost = Now;
        MoveTag("v3");
        await RunAsync(Trial);
        Assert.Contains("v2", await ImageAsync(), StringComparison.Ordinal);
        Assert.Equal(0, Count("patch deployments", lost) + Count("update containerversions/status", lost));
        Log.AssertOnce(LogEvents.LeaseLost, "default/controller");
        Assert.InRange(Log.Of(LogEvents.LeaseFailed).Count(), 0, 2);

        Access.AllowAll();
        await SettlesAsync("v3", TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task An_admission_denial_is_distinguished_from_a_missing_permission()
    {
        await BeginAsync();
        Fault = request =>
            AccessRequest.Of(request) is not { Verb: "patch", Resource: "deployments" }
                ? RequestFault.None
                : new RequestFault
                {
                    StatusCode = 403,
                    Message = "admission webhook \"policy.example.com\" denied the request: not on a Friday",
                };
        MoveTag("v2");
        await RunUntilAsync(
            async () => (await ConditionAsync("Stalled")).Status == "True",
            TimeSpan.FromMinutes(2),
            "it says what is wrong"
        );
        (_, var reason, var message) = await ConditionAsync("Stalled");
        Assert.Equal("ClusterRefused", reason);
        Assert.Contains("not on a Friday", message, StringComparison.Ordinal);
        await RunAsync(Trial);
        Log.AssertOnce(LogEvents.ResourceFailed, "not on a Friday");

        Fault = null;
        await SettlesAsync("v2", TimeSpan.FromMinutes(8));
        await StaysQuietAsync();
    }

    private async Task BeginAsync(int replicas = 1)
    {
        await CreateDeploymentAsync(replicas: replicas);
        await CreateAsync();
        Start();
        await SettlesAsync("v1");
    }
}
