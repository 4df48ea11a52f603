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

        // The first bookmark shows that a watch is open again.
        Fault = null;
        await RunAsync(TimeSpan.FromMinutes(3));
        Assert.True(Controller.IsReady);
        Assert.Equal(0, Controller.TaskRestarts);
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

    private async Task BeginAsync()
    {
        await CreateDeploymentAsync();
        await CreateAsync();
        Start();
        await SettlesAsync("v1");
    }
}
