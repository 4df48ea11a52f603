using System.Text.Json.Nodes;
using CvManager.Support;
using Microsoft.Extensions.Logging;
using Xunit;

namespace CvManager.Simulation.Controller;

/// <summary>Workloads and their namespace are deleted or changed while the controller runs.</summary>
public sealed class WorkloadChangeTests : ControllerStage
{
    [Fact]
    public async Task A_workload_that_is_deleted_during_a_rollout_ends_it_and_is_rolled_out_again_when_it_returns()
    {
        await BeginAsync();

        await DeleteDeploymentAsync();
        await RunUntilAsync(
            async () => (await ConditionAsync("Stalled")).Reason == "WorkloadNotFound",
            TimeSpan.FromMinutes(2),
            "it says that the workload is gone"
        );
        Assert.Contains("cvapp=app", (await ConditionAsync("Stalled")).Message, StringComparison.Ordinal);
        Assert.Equal("Superseded", await PhaseAsync());
        Assert.Null((await GetAsync())["status"]!["quarantined"]);
        await StaysQuietAsync();

        await CreateDeploymentAsync();
        await SettlesAsync("v2");
        await StaysQuietAsync();
    }

    [Fact]
    public async Task The_other_of_two_workloads_continues_when_one_is_deleted()
    {
        await CreateDeploymentAsync("other", "app", replicas: 3);
        await BeginAsync();

        await DeleteDeploymentAsync();
        await SettlesAsync("v2", TimeSpan.FromMinutes(5));

        Assert.Contains("v2", await ImageAsync("other"), StringComparison.Ordinal);
        await StaysQuietAsync();
    }

    [Fact]
    public async Task A_workload_that_is_deleted_during_a_rollback_does_not_block_it()
    {
        await CreateDeploymentAsync(replicas: 2);
        await EditDeadlineAsync();
        await CreateAsync();
        Start();
        await SettlesAsync("v1");
        Push("app", "v4-crash");
        MoveTag("v4-crash");
        await RunUntilAsync(async () => await PhaseAsync() == "RollingBack", TimeSpan.FromMinutes(10), "it is rolled back");

        await DeleteDeploymentAsync();
        await RunUntilAsync(
            async () => (await ConditionAsync("Stalled")).Reason == "WorkloadNotFound",
            TimeSpan.FromMinutes(2),
            "it says that the workload is gone"
        );
        await StaysQuietAsync();

        // The failed version is not rolled out again.
        await CreateDeploymentAsync();
        await RunUntilAsync(
            async () => (await ConditionAsync("Stalled")).Reason == "Quarantined",
            TimeSpan.FromMinutes(2),
            "the failed version stays out"
        );
        MoveTag("v2");
        await SettlesAsync("v2");
    }

    [Fact]
    public async Task A_container_that_was_renamed_before_a_rollout_is_reported_with_the_existing_ones()
    {
        await CreateDeploymentAsync();
        await CreateAsync();
        Start();
        await SettlesAsync("v1");

        await RenameContainerAsync("web");
        MoveTag("v2");
        await RunUntilAsync(
            async () => (await ConditionAsync("Stalled")).Reason == "ContainerNotFound",
            TimeSpan.FromMinutes(2),
            "it says that the container is missing"
        );
        var message = (await ConditionAsync("Stalled")).Message;
        Facts.AssertIn(message, "Deployment/app", "main", "web", "side", "spec.container.name");
        await StaysQuietAsync();
        Assert.Contains("v1", await ImageAsync(), StringComparison.Ordinal);

        // As in the manifest.
        await EditAsync("""{"container":{"name":"web"}}""");
        await SettlesAsync("v2");
        await StaysQuietAsync();
    }

    [Fact]
    public async Task A_container_that_is_renamed_during_a_rollout_ends_it_and_quarantines_nothing()
    {
        await BeginAsync();

        await RenameContainerAsync("web");
        await RunUntilAsync(
            async () => (await ConditionAsync("Stalled")).Reason == "ContainerNotFound",
            TimeSpan.FromMinutes(2),
            "it says that the container is missing"
        );
        Assert.Equal("Superseded", await PhaseAsync());
        Assert.Null((await GetAsync())["status"]!["quarantined"]);
        await StaysQuietAsync();

        await RenameContainerAsync("main");
        await SettlesAsync("v2");
        await StaysQuietAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_namespace_that_is_deleted_during_a_rollout_leaves_nothing_behind_and_does_not_delay_others(bool gate)
    {
        const string ns = "shop";
        await SendAsync(HttpMethod.Post, "/api/v1/namespaces", new JsonObject { ["metadata"] = new JsonObject { ["name"] = ns } });
        await CreateDeploymentAsync(ns: ns, replicas: 3);
        await CreateDeploymentAsync("other");
        var spec = Spec("app");
        if (gate)
            spec["container"]!["verify"] = new JsonArray(
                new JsonObject
                {
                    ["kind"] = "Image",
                    ["image"] = "tests/smoke",
                    ["tag"] = "sleep",
                    ["timeoutSeconds"] = 120,
                }
            );
        await CreateAsync(spec: spec, ns: ns);
        await CreateAsync("other");
        Start();
        await SettlesAsync("v1", name: "other");
        await SettlesAsync("v1", ns: ns);
        MoveTag("v2");
        await RunUntilAsync(
            async () => Fields.Text(await GetAsync(ns: ns), "status", "rollout", "version") == "v2",
            TimeSpan.FromMinutes(1),
            "the rollout has begun"
        );

        await SendAsync(HttpMethod.Delete, $"/api/v1/namespaces/{ns}", null);
        await SettlesAsync("v2", name: "other");
        await RunUntilAsync(
            async () =>
                !(await SendAsync(HttpMethod.Get, "/api/v1/namespaces", null))["items"]!
                    .AsArray()
                    .Any(n => Fields.Text(n, "metadata", "name") == ns),
            TimeSpan.FromMinutes(5),
            "the namespace is gone"
        );
        await StaysQuietAsync();
        Assert.DoesNotContain(
            Log.Events,
            e => e.ErrorId == ErrorIds.ClusterForbidden || e.Text.Contains("Exception", StringComparison.Ordinal)
        );
        Assert.True(Log.Events.Count(e => e.Level > LogLevel.Information) <= 4, string.Join('\n', Log.Events));

        // New objects with the same names.
        await SendAsync(HttpMethod.Post, "/api/v1/namespaces", new JsonObject { ["metadata"] = new JsonObject { ["name"] = ns } });
        await CreateDeploymentAsync(ns: ns);
        await CreateAsync(ns: ns);
        await SettlesAsync("v2", ns: ns);
        await StaysQuietAsync();
    }

    /// <summary>Starts a rollout of v2 to three pods, and stops when one of them is updated.</summary>
    private async Task BeginAsync()
    {
        await CreateDeploymentAsync(replicas: 3);
        await CreateAsync();
        Start();
        await SettlesAsync("v1");
        MoveTag("v2");
        await RunUntilAsync(
            async () => (await ImageAsync()).Contains("v2", StringComparison.Ordinal),
            TimeSpan.FromMinutes(1),
            "the rollout has begun"
        );
        await RunAsync(StartDelay * 1.5);
        Assert.Equal("Progressing", await PhaseAsync());
    }

    private Task<JsonObject> EditDeadlineAsync() =>
        SendAsync(
            HttpMethod.Patch,
            "/apis/apps/v1/namespaces/default/deployments/app",
            new JsonObject { ["spec"] = new JsonObject { ["progressDeadlineSeconds"] = 60 } },
            "application/merge-patch+json"
        );
}
