using System.Text.Json.Nodes;
using Xunit;

namespace CvManager.Simulation.Controller;

/// <summary>R6: a version that was delivered to workloads is judged even if its rollout did not complete.</summary>
public sealed class InterruptedRolloutTests : ControllerStage
{
    private const string ReplicaSets = "/apis/apps/v1/namespaces/default/replicasets";

    [Fact]
    public async Task A_bad_version_that_was_suspended_halfway_is_rolled_back_after_it_resumes()
    {
        await BeginAsync("v4-notready");

        await SuspendAndResumeAsync();
        await IsRolledBackAsync("v4-notready");
    }

    [Fact]
    public async Task A_good_version_that_was_suspended_halfway_succeeds_after_it_resumes()
    {
        await BeginAsync("v2");

        await SuspendAndResumeAsync();
        await SettlesAsync("v2");
    }

    [Fact]
    public async Task A_rollback_skips_versions_that_were_superseded_before_they_were_judged()
    {
        await BeginAsync("v4-notready");
        Push("app", "v5-crash");
        Push("app", "v6-notready");

        // The second version waits for a gate and never reaches the workload; the third one follows.
        MoveTag("v5-crash");
        await EditAsync("""{"container":{"verify":[{"kind":"Image","image":"tests/smoke","tag":"sleep","timeoutSeconds":3000}]}}""");
        await RunUntilAsync(
            async () => await PhaseAsync() == "Verifying" && Fields.Text(await GetAsync(), "status", "rollout", "version") == "v5-crash",
            TimeSpan.FromMinutes(2),
            "the gate runs"
        );
        Assert.EndsWith(Digest("app", "v4-notready"), await ImageAsync(), StringComparison.Ordinal);
        await EditAsync("""{"container":{"verify":null}}""");
        MoveTag("v6-notready");

        await IsRolledBackAsync("v6-notready");
    }

    [Fact]
    public async Task Pods_of_a_ReplicaSet_are_replaced_even_if_another_client_has_set_its_template()
    {
        await SendAsync(
            HttpMethod.Post,
            ReplicaSets,
            WorkloadShape.All.Single(s => s.Kind == "ReplicaSet").Make("app", "app", $"{Names.Repository}:v1", 2, false)
        );
        await CreateAsync();
        await EditAsync("""{"rollback":{"enabled":false}}""");
        Start();
        await SettlesAsync("v1");
        Push("app", "v4-notready");
        MoveTag("v4-notready");
        await RunUntilAsync(
            async () => await PhaseAsync() == "Failed",
            TimeSpan.FromMinutes(20),
            "the bad version failed and was left in place"
        );

        var container = (await SendAsync(HttpMethod.Get, $"{ReplicaSets}/app", null))["spec"]!["template"]!["spec"]!["containers"]![
            0
        ]!.DeepClone();
        container["image"] = $"{Names.Repository}:v2";
        await SendAsync(
            HttpMethod.Patch,
            $"{ReplicaSets}/app",
            new JsonArray(
                new JsonObject
                {
                    ["op"] = "replace",
                    ["path"] = "/spec/template/spec/containers/0",
                    ["value"] = container,
                }
            ),
            "application/json-patch+json"
        );
        MoveTag("v2");

        await SettlesAsync("v2");
    }

    [Fact]
    public async Task A_version_that_was_rolled_out_and_goes_down_later_is_reported_and_not_rolled_out_again()
    {
        await BeginAsync("v2");
        await SettlesAsync("v2");
        var id = Fields.Text(await GetAsync(), "status", "rollout", "id");

        foreach (var node in (await SendAsync(HttpMethod.Get, "/api/v1/nodes", null))["items"]!.AsArray())
        {
            await SendAsync(
                HttpMethod.Patch,
                $"/api/v1/nodes/{Fields.Text(node, "metadata", "name")}",
                new JsonObject { ["spec"] = new JsonObject { ["unschedulable"] = true } },
                "application/merge-patch+json"
            );
        }

        foreach (var pod in (await SendAsync(HttpMethod.Get, "/api/v1/namespaces/default/pods", null))["items"]!.AsArray())
            await SendAsync(HttpMethod.Delete, $"/api/v1/namespaces/default/pods/{Fields.Text(pod, "metadata", "name")}", null);
        await RunAsync(TimeSpan.FromMinutes(30));

        Assert.Equal("WorkloadsNotReady", (await ConditionAsync("Ready")).Reason);
        Assert.Equal((id, "Succeeded"), (Fields.Text(await GetAsync(), "status", "rollout", "id"), await PhaseAsync()));
    }

    /// <summary>Starts a rollout, and stops when the workload has the image but is not done.</summary>
    private async Task BeginAsync(string version)
    {
        await CreateDeploymentAsync(replicas: 2);
        await CreateAsync();
        Start();
        await SettlesAsync("v1");
        if (version != "v2")
            Push("app", version);
        MoveTag(version);
        await RunUntilAsync(
            async () => (await ImageAsync()).EndsWith(Digest("app", version), StringComparison.Ordinal),
            TimeSpan.FromMinutes(2),
            "the workload is set to it"
        );
        Assert.Equal("Progressing", await PhaseAsync());
    }

    private async Task SuspendAndResumeAsync()
    {
        await EditAsync("""{"suspend":true}""");
        await RunUntilAsync(async () => await PhaseAsync() == "Superseded", TimeSpan.FromMinutes(1), "it is superseded");
        await EditAsync("""{"suspend":false}""");
    }

    private async Task IsRolledBackAsync(string version)
    {
        await RunUntilAsync(async () => await PhaseAsync() == "RolledBack", TimeSpan.FromMinutes(25), "it is rolled back");
        Assert.Equal(version, Fields.Text((await GetAsync())["status"]!["quarantined"]![0], "version"));
        Assert.EndsWith(":v1", await ImageAsync(), StringComparison.Ordinal);
    }
}
