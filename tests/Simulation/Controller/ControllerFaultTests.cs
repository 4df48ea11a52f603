using System.Text.Json.Nodes;
using CvManager.Controller;
using CvManager.Leading;
using CvManager.Sandbox;
using Xunit;

namespace CvManager.Simulation.Controller;

/// <summary>
/// Faults between the controller and its API server do not stop it, are logged once, and leave nothing behind when they end.
/// </summary>
public sealed class ControllerFaultTests : ControllerStage
{
    [Fact]
    public async Task A_status_write_that_always_conflicts_is_retried_with_backoff_and_logged_once()
    {
        await BeginAsync();
        Fault = request =>
            AccessRequest.Of(request) is { Verb: "update", Resource: "containerversions/status" }
                ? new RequestFault { StatusCode = 409 }
                : RequestFault.None;
        MoveTag("v2");
        var begun = Now;
        await RunAsync(TimeSpan.FromMinutes(10));

        Assert.InRange(Count("update containerversions/status", begun), 5, 60);
        Assert.InRange(Count("get containerversions", begun), 5, 60);
        Assert.Single(Log.Of(LogEvents.RepeatedConflicts));

        Fault = null;
        await SettlesAsync("v2", TimeSpan.FromMinutes(8));
        await StaysQuietAsync();
    }

    [Fact]
    public async Task Lists_that_are_forbidden_at_the_start_leave_the_controller_not_ready_until_they_are_allowed()
    {
        await CreateDeploymentAsync();
        await CreateAsync();
        Access.Deny("list containerversions", "watch containerversions");
        Start();
        await RunAsync(TimeSpan.FromSeconds(30));

        Assert.False(Controller.IsReady);
        Assert.Empty(Log.Of(LogEvents.InitialSyncComplete));
        Log.AssertOnce(LogEvents.InitialSyncIncomplete, "containerversions.custom.k8s.io");

        Access.AllowAll();
        await SettlesAsync("v1");
        Assert.True(Controller.IsReady);
    }

    [Fact]
    public async Task A_controller_whose_watches_fail_is_not_ready_until_they_work_again()
    {
        await BeginAsync();
        Assert.True(Controller.IsReady);
        Fault = request => AccessRequest.Of(request).Verb is "watch" or "list" ? new RequestFault { StatusCode = 500 } : RequestFault.None;
        await RunAsync(TimeSpan.FromMinutes(6));
        Assert.False(Controller.IsReady);
        Assert.Contains("containerversions.custom.k8s.io", Controller.FindMissing());

        // The first bookmark shows that a watch is open again.
        Fault = null;
        await RunAsync(TimeSpan.FromMinutes(3));
        Assert.True(Controller.IsReady);
        Assert.Equal(0, Controller.TaskRestarts);
    }

    [Fact]
    public async Task An_API_server_that_is_down_for_hours_does_not_call_for_a_restart()
    {
        await BeginAsync(new ElectionOptions("default", "cvmanager-controller", "a"));
        Assert.Empty(Controller.FindMissing());
        Fault = _ => new RequestFault { DropRequest = true };
        for (var i = 0; i < 36; i++)
        {
            await RunAsync(TimeSpan.FromMinutes(5));
            Assert.Null(Controller.FindFault());
        }

        Assert.Contains("Lease default/cvmanager-controller", Controller.FindMissing());
        Assert.Contains("containerversions.custom.k8s.io", Controller.FindMissing());

        Fault = null;
        await RunAsync(TimeSpan.FromMinutes(5));
        Assert.Empty(Controller.FindMissing());
        Assert.Null(Controller.FindFault());
    }

    [Fact]
    public async Task A_controller_that_cannot_read_its_Lease_is_not_ready_although_it_has_read_everything()
    {
        await CreateDeploymentAsync();
        await CreateAsync();
        Access.Deny("get leases");
        Start(new ControllerOptions { Election = new ElectionOptions("default", "cvmanager-controller", "a") });
        await RunAsync(TimeSpan.FromMinutes(1));

        Assert.True(Controller.IsSynced);
        Assert.Equal(["Lease default/cvmanager-controller"], Controller.FindMissing());
        Assert.Null(Controller.FindFault());

        Access.AllowAll();
        await RunAsync(TimeSpan.FromMinutes(1));
        Assert.True(Controller.IsReady);
    }

    [Fact]
    public async Task The_Lease_says_which_version_leads_its_scope_and_since_when_everything_was_read()
    {
        await CreateDeploymentAsync();
        await CreateAsync();
        Access.Deny("list jobs", "watch jobs");
        Start(new ControllerOptions { Namespaces = ["default"], Election = new ElectionOptions("default", "cvmanager-controller", "a") });
        await RunAsync(TimeSpan.FromMinutes(1));
        var annotations = (await GetLeaseAsync())["metadata"]!["annotations"]!;
        Assert.Equal(ProductVersion.Text, annotations[LeaseAnnotations.Version]!.GetValue<string>());
        Assert.Equal("default", annotations[LeaseAnnotations.Scope]!.GetValue<string>());
        Assert.Null(annotations[LeaseAnnotations.SyncedAt]);

        Access.AllowAll();
        var allowed = Now;
        await RunAsync(TimeSpan.FromMinutes(10));
        var syncedAt = (await GetLeaseAsync())["metadata"]!["annotations"]![LeaseAnnotations.SyncedAt]!.GetValue<string>();
        Assert.InRange(
            DateTimeOffset.Parse(syncedAt, System.Globalization.CultureInfo.InvariantCulture),
            allowed.AddSeconds(-1),
            allowed.AddMinutes(6)
        );

        await StopAsync();
        Assert.Empty((await GetLeaseAsync())["metadata"]!["annotations"] as JsonObject ?? []);
    }

    [Fact]
    public async Task No_state_of_deleted_resources_is_kept()
    {
        await BeginAsync();
        Fault = request => AccessRequest.Of(request).Verb == "update" ? new RequestFault { StatusCode = 500 } : RequestFault.None;
        for (var i = 0; i < 50; i++)
            await CreateAsync($"gone{i}");
        await RunAsync(TimeSpan.FromSeconds(30));
        Assert.True(Controller.Remembered >= 50);

        for (var i = 0; i < 50; i++)
            await SendAsync(HttpMethod.Delete, $"{Resources("default")}/gone{i}", null);
        Fault = null;
        await RunAsync(TimeSpan.FromMinutes(6));
        Assert.Equal(0, Controller.Remembered);
    }

    private Task<JsonObject> GetLeaseAsync() =>
        SendAsync(HttpMethod.Get, "/apis/coordination.k8s.io/v1/namespaces/default/leases/cvmanager-controller", null);

    private async Task BeginAsync(ElectionOptions? election = null)
    {
        await CreateDeploymentAsync();
        await CreateAsync();
        Start(new ControllerOptions { Election = election });
        await SettlesAsync("v1");
    }
}
