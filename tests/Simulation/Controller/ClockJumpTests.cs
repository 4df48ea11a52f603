using System.Text.Json.Nodes;
using CvManager.Controller;
using CvManager.Sandbox;
using Xunit;

namespace CvManager.Simulation.Controller;

/// <summary>
/// The wall clock of the controller's machine is changed by hours, while its monotonic clock continues: rollouts, polls, gates, budgets and
/// the lease take as long as without the change.
/// </summary>
public sealed class ClockJumpTests : ControllerStage
{
    public static TheoryData<int> Hours => new(-5, 5);

    [Theory]
    [MemberData(nameof(Hours))]
    public async Task A_rollout_in_progress_is_neither_timed_out_nor_frozen(int hours)
    {
        await BeginAsync(replicas: 4);
        MoveTag("v2");
        await RunUntilAsync(
            async () => (await ImageAsync()).Contains("v2", StringComparison.Ordinal),
            TimeSpan.FromMinutes(1),
            "the rollout has begun"
        );
        Clock.WallClockAhead = TimeSpan.FromHours(hours);

        await SettlesAsync("v2", TimeSpan.FromMinutes(4));
        var resource = await GetAsync();
        Assert.Null(resource["status"]!["quarantined"]);
        Assert.Equal("Succeeded", Fields.Text(resource, "status", "rollout", "phase"));
        Assert.Equal(["default/app v1", "default/app v2"], Images);
        await StaysQuietAsync();
    }

    [Theory]
    [MemberData(nameof(Hours))]
    public async Task A_rollout_that_does_not_complete_still_fails_after_its_timeout(int hours)
    {
        await BeginAsync();
        Push("app", "v4-notready");
        MoveTag("v4-notready");
        await RunUntilAsync(
            async () => (await ImageAsync()).Contains("v4", StringComparison.Ordinal),
            TimeSpan.FromMinutes(1),
            "the rollout has begun"
        );
        var begun = Now;
        await RunAsync(TimeSpan.FromSeconds(100));
        Clock.WallClockAhead = TimeSpan.FromHours(hours);
        await RunAsync(TimeSpan.FromSeconds(100));
        Assert.Equal("Progressing", await PhaseAsync());

        await RunUntilAsync(async () => (await GetAsync())["status"]!["quarantined"] is not null, TimeSpan.FromMinutes(3), "it fails");
        Assert.InRange(Now - begun, TimeSpan.FromSeconds(295), TimeSpan.FromSeconds(320));
        await RunUntilAsync(async () => await PhaseAsync() == "RolledBack", TimeSpan.FromMinutes(2), "it is rolled back");
        Assert.Contains("v1", await ImageAsync(), StringComparison.Ordinal);
        await StaysQuietAsync();
    }

    [Theory]
    [MemberData(nameof(Hours))]
    public async Task A_clock_that_is_set_while_no_controller_runs_freezes_nothing(int hours)
    {
        await BeginAsync();
        Push("app", "v4-notready");
        MoveTag("v4-notready");
        await RunUntilAsync(
            async () => (await ImageAsync()).Contains("v4", StringComparison.Ordinal),
            TimeSpan.FromMinutes(1),
            "the rollout has begun"
        );
        await StopAsync();
        Clock.WallClockAhead = TimeSpan.FromHours(hours);
        var begun = Now;
        Start();

        // Set forward, it cannot be distinguished from elapsed time; set back, at most one timeoutSeconds is left.
        await RunUntilAsync(async () => await PhaseAsync() == "RolledBack", TimeSpan.FromMinutes(7), "it is rolled back");
        Assert.InRange(Now - begun, TimeSpan.Zero, TimeSpan.FromSeconds(300 + 60));
        MoveTag("v2");
        await SettlesAsync("v2");
        await StaysQuietAsync();
    }

    [Theory]
    [MemberData(nameof(Hours))]
    public async Task A_gate_runs_for_its_own_timeout(int hours)
    {
        await CreateDeploymentAsync();
        var spec = Spec("app");
        spec["container"]!["verify"] = new JsonArray(
            new JsonObject
            {
                ["kind"] = "Image",
                ["image"] = "tests/smoke",
                ["tag"] = "ok",
                ["timeoutSeconds"] = 60,
            }
        );
        await CreateAsync(spec: spec);
        Start();
        await SettlesAsync("v1");
        MoveTag("v2");
        await RunUntilAsync(async () => await PhaseAsync() == "Verifying", TimeSpan.FromMinutes(1), "it is verified");
        await RunAsync(TimeSpan.FromSeconds(5));
        Clock.WallClockAhead = TimeSpan.FromHours(hours);
        await SettlesAsync("v2");
        Assert.Null((await GetAsync())["status"]!["quarantined"]);

        // A gate that does not end is terminated.
        await EditAsync("""{"container":{"verify":[{"kind":"Image","image":"tests/smoke","tag":"bad","timeoutSeconds":60}]}}""");
        MoveTag("v3");
        await RunUntilAsync(
            async () => await PhaseAsync() == "Verifying" && Fields.Text(await GetAsync(), "status", "rollout", "version") == "v3",
            TimeSpan.FromMinutes(1),
            "it is verified"
        );
        await RunAsync(TimeSpan.FromSeconds(5));
        Clock.WallClockAhead = TimeSpan.Zero;
        await RunUntilAsync(async () => await PhaseAsync() == "Failed", TimeSpan.FromSeconds(90), "the gate fails");
        Assert.Contains("v2", await ImageAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Hours))]
    public async Task The_old_colour_stays_up_for_its_delay(int hours)
    {
        await CreateColoursAsync(scaleDownDelaySeconds: 180);
        Start();
        await SettlesAsync("v1");
        MoveTag("v2");
        await RunUntilAsync(async () => await ColourAsync() == "green", TimeSpan.FromMinutes(3), "it is cut over");
        var cut = Now;
        await RunAsync(TimeSpan.FromSeconds(30));
        Clock.WallClockAhead = TimeSpan.FromHours(hours);
        // A change, so that the resource is reconciled again.
        await EditAsync("{\"livenessSeconds\":301}");

        await SettlesAsync("v2", TimeSpan.FromMinutes(4));
        Assert.InRange(Now - cut, TimeSpan.FromSeconds(175), TimeSpan.FromSeconds(200));
        Assert.Equal("green", await ColourAsync());
        await StaysQuietAsync();
    }

    [Theory]
    [MemberData(nameof(Hours))]
    public async Task Polls_continue_evenly(int hours)
    {
        await BeginAsync();
        await RunAsync(TimeSpan.FromMinutes(5));
        Clock.WallClockAhead = TimeSpan.FromHours(hours);
        var set = Now;
        await RunAsync(TimeSpan.FromMinutes(10));
        Assert.InRange(Polls.Count(poll => poll > set), 19, 21);
        MoveTag("v2");
        await SettlesAsync("v2", TimeSpan.FromSeconds(75));
    }

    [Fact]
    public async Task A_registry_that_is_down_is_reported_after_livenessSeconds_whatever_the_clock_says()
    {
        await CreateDeploymentAsync();
        var spec = Spec("app");
        spec["livenessSeconds"] = 600;
        await CreateAsync(spec: spec);
        Start();
        await SettlesAsync("v1");
        Registry.Available = false;
        await RunAsync(TimeSpan.FromMinutes(2));
        Clock.WallClockAhead = TimeSpan.FromHours(5);
        await RunAsync(TimeSpan.FromMinutes(6));
        Assert.Equal("UpToDate", (await ConditionAsync("Ready")).Reason);
        Clock.WallClockAhead = TimeSpan.FromHours(-5);
        await RunAsync(TimeSpan.FromMinutes(8));
        Assert.Equal("RegistryUnavailable", (await ConditionAsync("Ready")).Reason);

        Registry.Available = true;
        MoveTag("v2");
        await SettlesAsync("v2", TimeSpan.FromMinutes(6));
        await StaysQuietAsync();
    }

    [Theory]
    [MemberData(nameof(Hours))]
    public async Task The_lease_stays_with_its_holder(int hours)
    {
        await CreateDeploymentAsync();
        await CreateAsync();
        Start(new ControllerOptions { Election = new ElectionOptions("default", "controller", "one") });
        await SettlesAsync("v1");
        Clock.WallClockAhead = TimeSpan.FromHours(hours);
        await RunAsync(TimeSpan.FromMinutes(10));
        MoveTag("v2");
        await SettlesAsync("v2");
        Assert.Empty(Log.Of(LogEvents.LeaseLost));
        Assert.Equal(
            "0",
            Fields.Text(
                await SendAsync(HttpMethod.Get, "/apis/coordination.k8s.io/v1/namespaces/default/leases/controller", null),
                "spec",
                "leaseTransitions"
            )
        );
    }

    [Fact]
    public async Task Time_during_which_the_cluster_is_unavailable_does_not_count()
    {
        await BeginAsync(replicas: 4);
        MoveTag("v2");
        await RunUntilAsync(
            async () => (await ImageAsync()).Contains("v2", StringComparison.Ordinal),
            TimeSpan.FromMinutes(1),
            "the rollout has begun"
        );
        // No request succeeds, and no other controller acts: the control plane is down.
        Fault = _ => new RequestFault { StatusCode = 503, Message = "the control plane is down" };
        var down = Now;
        await SendAsync(
            HttpMethod.Patch,
            "/apis/apps/v1/namespaces/default/deployments/app",
            new JsonObject { ["spec"] = new JsonObject { ["paused"] = true } },
            "application/merge-patch+json"
        );
        await RunAsync(TimeSpan.FromMinutes(20));
        // Attempts become rarer.
        Assert.InRange(Requests.Count(a => a.Time > down), 10, 700);
        Fault = null;
        // The workload's own controller needs time as well.
        await RunAsync(TimeSpan.FromMinutes(2));
        await SendAsync(
            HttpMethod.Patch,
            "/apis/apps/v1/namespaces/default/deployments/app",
            new JsonObject { ["spec"] = new JsonObject { ["paused"] = false } },
            "application/merge-patch+json"
        );

        await SettlesAsync("v2", TimeSpan.FromMinutes(10));
        Assert.Null((await GetAsync())["status"]!["quarantined"]);
        Assert.Equal(["default/app v1", "default/app v2"], Images);
        await StaysQuietAsync(except: LogEvents.WatchRecovered);
    }

    private async Task BeginAsync(int replicas = 1)
    {
        await CreateDeploymentAsync(replicas: replicas);
        await CreateAsync();
        Start();
        await SettlesAsync("v1");
    }
}
