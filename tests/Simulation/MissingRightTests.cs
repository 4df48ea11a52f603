using System.Text.Json.Nodes;
using CvManager.Controller;
using CvManager.Sandbox;
using CvManager.Unit;
using Xunit;

namespace CvManager.Simulation;

/// <summary>
/// A right of the controller's is taken away and given back: it is named, in the status where that can be written and in the log once; nothing
/// fails for it; it is asked for ever more seldom; and all goes on by itself.
/// </summary>
public sealed class MissingRightTests : ControllerStage
{
    private static readonly TimeSpan Trial = TimeSpan.FromMinutes(20);

    [Fact]
    public async Task Without_the_right_to_patch_workloads_the_rollout_waits_says_so_and_goes_on_as_if_no_time_had_passed()
    {
        await BeginAsync();
        Access.Deny("patch deployments");
        MoveTag("v2");
        DateTimeOffset begun = Now;
        await RunUntilAsync(async () => (await ConditionAsync("Stalled")).Status == "True", TimeSpan.FromMinutes(2), "it says what is missing");
        (_, string reason, string message) = await ConditionAsync("Stalled");
        Assert.Equal("ClusterForbidden", reason);
        // What the API server said, and what the remedy is about.
        Facts.AssertIn(message, "cannot patch resource \"deployments\"", "deployments.apps");

        // Well beyond its timeoutSeconds.
        await RunAsync(Trial);
        Assert.InRange(Count("patch deployments", begun), 5, 25);
        Assert.InRange(Count("update containerversions/status", begun), 1, 4);
        Log.AssertOnce(LogEvents.ResourceFailed, ErrorIds.ClusterForbidden, "deployments.apps");
        JsonObject resource = await GetAsync();
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
    public async Task Without_the_right_to_write_status_nothing_is_changed()
    {
        await BeginAsync();
        Access.Deny("update containerversions/status");
        MoveTag("v2");
        DateTimeOffset begun = Now;
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
    public async Task Without_the_right_to_write_status_in_the_middle_of_a_rollout_it_is_finished_once_there_is_one()
    {
        await BeginAsync(replicas: 3);
        MoveTag("v2");
        await RunUntilAsync(async () => (await ImageAsync()).Contains("v2", StringComparison.Ordinal), TimeSpan.FromMinutes(1), "the rollout has begun");
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
    public async Task A_kind_that_may_not_be_read_from_the_start_is_named_where_its_workloads_are_missed(string rights, string mention)
    {
        await CreateDeploymentAsync();
        await CreateAsync();
        Access.Deny(rights.Split(','));
        DateTimeOffset begun = Now;
        Start();
        await RunUntilAsync(async () => (await ConditionAsync("Stalled")).Status == "True", TimeSpan.FromMinutes(2), "it says what is missing");
        (_, string reason, string message) = await ConditionAsync("Stalled");
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
    public async Task A_watch_that_is_forbidden_later_is_said_once_loses_nothing_and_is_taken_up_again(string verbs, string resource, string title)
    {
        await BeginAsync();
        Access.Deny([.. verbs.Split(',').Select(verb => $"{verb} {resource}")]);
        await RunAsync(TimeSpan.FromMinutes(6)); // open watches end by themselves
        DateTimeOffset begun = Now;
        await RunAsync(Trial);
        Log.AssertOnce(LogEvents.WatchFailed, ErrorIds.ClusterForbidden, title);
        Assert.InRange(Count($"watch {resource}", begun) + Count($"list {resource}", begun), 10, 90);
        Assert.True((await ConditionAsync("Ready")).Status == "True");

        // What is known is still worked on.
        MoveTag("v2");
        await RunUntilAsync(async () => (await ImageAsync()).Contains("v2", StringComparison.Ordinal), TimeSpan.FromMinutes(5), "the rollout begins");
        Access.AllowAll();
        await SettlesAsync("v2", TimeSpan.FromMinutes(5));
        await RunAsync(TimeSpan.FromMinutes(3));
        Log.AssertOnce(LogEvents.WatchRecovered, title);
        await StaysQuietAsync();
    }

    [Fact]
    public async Task A_watch_that_was_never_allowed_is_made_up_for_by_reading_and_said_once()
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
    public async Task Without_the_right_to_write_ConfigMaps_the_rollout_succeeds_and_its_record_waits()
    {
        await BeginAsync();
        Access.Deny("get configmaps", "create configmaps", "update configmaps", "patch configmaps");
        MoveTag("v2");
        DateTimeOffset begun = Now;
        await SettlesAsync("v2");
        await RunAsync(Trial);
        Assert.Equal(ErrorIds.ClusterForbidden, Fields.Text(await GetAsync(), "status", "notRecorded", "reason"));
        Facts.AssertIn(Fields.Text(await GetAsync(), "status", "notRecorded", "message"), "configmaps");
        Log.AssertOnce(LogEvents.RecordNotWritten, ErrorIds.ClusterForbidden, "configmaps");
        Assert.InRange(Count("get configmaps", begun), 5, 25);

        Access.AllowAll();
        await RunUntilAsync(async () => (await GetAsync())["status"]!["unrecorded"] is null, TimeSpan.FromMinutes(8), "the record is written");
        Assert.Contains("v2", Fields.Text(await SendAsync(HttpMethod.Get, "/api/v1/namespaces/default/configmaps/app.history", null), "data", "records"), StringComparison.Ordinal);
        Assert.Null((await GetAsync())["status"]!["notRecorded"]);
        await StaysQuietAsync();
    }

    [Fact]
    public async Task Without_the_right_to_write_Events_all_goes_on_and_that_is_said_once()
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
        Assert.Contains((await SendAsync(HttpMethod.Get, "/api/v1/namespaces/default/events", null))["items"]!.AsArray(),
            e => Fields.Text(e, "reason") == "RolloutSucceeded" && Fields.Text(e, "message").Contains("v1", StringComparison.Ordinal));
        await StaysQuietAsync();
    }

    [Fact]
    public async Task Without_the_right_to_see_pods_a_rollout_goes_on_without_that_evidence()
    {
        await BeginAsync(replicas: 3);
        Access.Deny("list pods");
        MoveTag("v2");
        await RunAsync(StartDelay * 2);
        (_, string reason, string message) = await ConditionAsync("Ready");
        Assert.Equal("RolloutInProgress", reason);
        Facts.AssertIn(message, "pods");
        await SettlesAsync("v2");
        Assert.DoesNotContain("pods", (await ConditionAsync("Ready")).Message, StringComparison.Ordinal);
        await StaysQuietAsync();
    }

    [Fact]
    public async Task Without_the_right_to_run_pods_a_gate_waits_and_neither_passes_nor_fails()
    {
        await CreateDeploymentAsync();
        JsonObject spec = Spec("app");
        spec["container"]!["verify"] = new JsonArray(new JsonObject { ["kind"] = "Image", ["image"] = "tests/smoke", ["tag"] = "ok", ["timeoutSeconds"] = 120 });
        await CreateAsync(spec: spec);
        Start();
        await SettlesAsync("v1");
        Access.Deny("create pods");
        MoveTag("v2");
        DateTimeOffset begun = Now;
        await RunUntilAsync(async () => (await ConditionAsync("Stalled")).Reason == "ClusterForbidden", TimeSpan.FromMinutes(2), "it says what is missing");
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
    public async Task Without_the_right_to_its_Service_nothing_is_cut_over(string right)
    {
        await CreateColoursAsync(scaleDownDelaySeconds: 5);
        Start();
        await SettlesAsync("v1");
        Access.Deny(right);
        MoveTag("v2");
        await RunUntilAsync(async () => (await ConditionAsync("Stalled")).Reason == "ClusterForbidden", TimeSpan.FromMinutes(5), "it says what is missing");
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
    public async Task Without_the_right_to_the_Lease_it_waits_and_works_once_it_has_it()
    {
        await CreateDeploymentAsync();
        await CreateAsync();
        Access.Deny("get leases", "create leases", "update leases");
        DateTimeOffset begun = Now;
        Start(new ControllerOptions { Election = new ElectionOptions("default", "controller", "one") });
        await RunAsync(Trial);
        Log.AssertOnce(LogEvents.LeaseFailed, ErrorIds.ClusterForbidden, "leases.coordination.k8s.io default/controller");
        Assert.Null((await GetAsync())["status"]);
        Assert.InRange(Count("get leases", begun), 30, 1000);

        Access.AllowAll();
        MoveTag("v2");
        await SettlesAsync("v2");
    }

    [Fact]
    public async Task A_leader_that_loses_the_right_to_its_Lease_stops_acting_and_leads_again_later()
    {
        await CreateDeploymentAsync(replicas: 3);
        await CreateAsync();
        Start(new ControllerOptions { Election = new ElectionOptions("default", "controller", "one") });
        await SettlesAsync("v1");
        MoveTag("v2");
        await RunUntilAsync(async () => (await ImageAsync()).Contains("v2", StringComparison.Ordinal), TimeSpan.FromMinutes(1), "the rollout has begun");
        Access.Deny("update leases", "get leases");
        await RunAsync(TimeSpan.FromSeconds(20));
        DateTimeOffset lost = Now;
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
    public async Task What_a_rule_of_the_cluster_forbids_is_told_apart_from_a_right_that_is_missing()
    {
        await BeginAsync();
        Trouble = request => AccessRequest.Of(request) is not { Verb: "patch", Resource: "deployments" } ? RequestFault.None
            : new RequestFault { StatusCode = 403, Message = "admission webhook \"policy.example.com\" denied the request: not on a Friday" };
        MoveTag("v2");
        await RunUntilAsync(async () => (await ConditionAsync("Stalled")).Status == "True", TimeSpan.FromMinutes(2), "it says what is wrong");
        (_, string reason, string message) = await ConditionAsync("Stalled");
        Assert.Equal("ClusterRefused", reason);
        Assert.Contains("not on a Friday", message, StringComparison.Ordinal);
                await RunAsync(Trial);
        Log.AssertOnce(LogEvents.ResourceFailed, "not on a Friday");

        Trouble = null;
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
