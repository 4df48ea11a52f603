using System.Text.Json.Nodes;
using CvManager.Support;
using Xunit;

namespace CvManager.Simulation.Controller;

/// <summary>
/// R6: a version fails only for its own faults; everything else is reported, waited for, and does not count against its timeout.
/// </summary>
public sealed class BlameTests : ControllerStage
{
    private const string Deployment = "/apis/apps/v1/namespaces/default/deployments/app";
    private const string StatefulSets = "/apis/apps/v1/namespaces/default/statefulsets";
    private const string Pods = "/api/v1/namespaces/default/pods";
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(20);

    protected override TimeSpan StartDelay => TimeSpan.FromSeconds(2);

    [Fact]
    public async Task A_progress_deadline_that_was_exceeded_before_our_patch_fails_no_rollout()
    {
        await BeginAsync("""{"progressDeadlineSeconds":30}""", """{"rollback":{"enabled":false}}""");
        Push("app", "v4-bad");
        MoveTag("v4-bad");
        await RunUntilAsync(async () => await PhaseAsync() == "Failed", Long, "the bad version failed");
        Assert.Contains("not found", Fields.Text(await GetAsync(), "status", "rollout", "message"), StringComparison.Ordinal);

        // Return to a version whose ReplicaSet still exists: the condition stays unchanged until there is progress.
        MoveTag("v1");
        await SettlesAsync("v1");

        Assert.DoesNotContain("v1", Quarantined(await GetAsync()));
    }

    [Fact]
    public async Task A_progress_deadline_that_a_user_caused_does_not_fail_the_next_rollout()
    {
        await BeginAsync("""{"progressDeadlineSeconds":30}""");
        await EditAsync("""{"suspend":true}""");
        await PatchAsync(
            Deployment,
            """{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"registry.sandbox/app:v9-bad"}]}}}}""",
            "application/strategic-merge-patch+json"
        );
        await RunAsync(TimeSpan.FromMinutes(2));

        await EditAsync("""{"suspend":false}""");
        await SettlesAsync("v1");

        Assert.Empty(Quarantined(await GetAsync()));
        Assert.Contains("v1", await ImageAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_paused_Deployment_is_waited_for_and_its_time_does_not_count()
    {
        await BeginAsync();
        await PatchAsync(Deployment, """{"spec":{"paused":true}}""");
        MoveTag("v2");

        await IsBlockedByAsync("WorkloadPaused");
        await PatchAsync(Deployment, """{"spec":{"paused":false}}""");
        await SettlesAsync("v2");
    }

    [Fact]
    public async Task Unschedulable_nodes_are_waited_for_and_the_time_does_not_count()
    {
        await BeginAsync("""{"progressDeadlineSeconds":30}""");
        await CordonAsync(true);
        MoveTag("v2");

        await IsBlockedByAsync("PodsNotScheduled");
        await CordonAsync(false);
        await SettlesAsync("v2");
    }

    [Fact]
    public async Task A_version_that_was_blocked_still_fails_for_its_own_fault()
    {
        await BeginAsync("""{"progressDeadlineSeconds":30}""");
        await CordonAsync(true);
        Push("app", "v4-notready");
        MoveTag("v4-notready");

        await IsBlockedByAsync("PodsNotScheduled");
        await CordonAsync(false);
        await RunUntilAsync(async () => await PhaseAsync() == "RolledBack", Long, "it is rolled back");
        Assert.Equal(["v4-notready"], Quarantined(await GetAsync()));
    }

    [Fact]
    public async Task A_StatefulSet_with_OnDelete_waits_until_its_pods_are_deleted()
    {
        await BeginStatefulSetAsync("""{"updateStrategy":{"type":"OnDelete"}}""");
        MoveTag("v2");

        await IsBlockedByAsync("UpdateOnDelete");
        foreach (var pod in (string[])["app-0", "app-1"])
            await SendAsync(HttpMethod.Delete, $"{Pods}/{pod}", null);
        await SettlesAsync("v2");
    }

    [Fact]
    public async Task A_StatefulSet_whose_partition_keeps_all_pods_is_waited_for()
    {
        await BeginStatefulSetAsync("""{"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":2}}}""");
        MoveTag("v2");

        await IsBlockedByAsync("UpdatePartitioned");
        await PatchAsync($"{StatefulSets}/app", """{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}""");
        await SettlesAsync("v2");
    }

    [Theory]
    [InlineData("v4-bad")]
    [InlineData("v4-crash")]
    [InlineData("v4-notready")]
    public async Task A_StatefulSet_whose_pod_cannot_become_ready_is_rolled_back_and_works_again(string version)
    {
        await BeginStatefulSetAsync();
        Push("app", version);
        MoveTag(version);

        await RunUntilAsync(async () => await PhaseAsync() == "RolledBack", Long, "it is rolled back");

        Assert.Equal([version], Quarantined(await GetAsync()));
        Assert.All(await PodImagesAsync(), image => Assert.Contains(":v1", image, StringComparison.Ordinal));
        Assert.Equal(2, Fields.Number(await SendAsync(HttpMethod.Get, $"{StatefulSets}/app", null), "status", "readyReplicas"));
        Assert.Equal("True", (await ConditionAsync("Stalled")).Status);
        MoveTag("v1");
        await SettlesAsync("v1");
    }

    [Fact]
    public async Task A_StatefulSet_that_a_version_left_broken_is_repaired_by_the_next_one()
    {
        await BeginStatefulSetAsync(resource: """{"rollback":{"enabled":false,"failFast":true}}""");
        Push("app", "v4-bad");
        MoveTag("v4-bad");
        await RunUntilAsync(async () => await PhaseAsync() == "Failed", Long, "it failed");

        MoveTag("v2");
        await SettlesAsync("v2");
        Assert.All(await PodImagesAsync(), image => Assert.Contains(":v2", image, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Crashes_fail_the_rollout_within_seconds_with_failFast_and_the_message_has_the_log()
    {
        await BeginAsync(resource: """{"rollback":{"failFast":true}}""");
        Push("app", "v4-crash");
        var moved = Now;
        MoveTag("v4-crash");

        await RunUntilAsync(async () => await PhaseAsync() == "RolledBack", Long, "it is rolled back");

        var resource = await GetAsync();
        var message = Fields.Text(resource, "status", "rollout", "message");
        // The exit code, the number of crashes, and the end of the log.
        Facts.AssertIn(message, "code 1", "3 times", "error: exiting with code 1");
        // A poll (30 s), three starts of 2 s with a crash each, one immediate restart, one after a backoff of 10 s, and the rollback.
        Assert.True(Now - moved < TimeSpan.FromSeconds(30 + 45), $"the rollout took {Now - moved}");
    }

    [Theory]
    [InlineData("Deployment")]
    [InlineData("StatefulSet")]
    [InlineData("DaemonSet")]
    [InlineData("ReplicaSet")]
    [InlineData("Pod")]
    public async Task A_version_that_never_becomes_ready_fails_with_pod_container_and_failed_probe(string kind)
    {
        var shape = WorkloadShape.All.Single(s => s.Kind == kind);
        await SendAsync(HttpMethod.Post, shape.Collection, shape.Make("app", "app", $"{Names.Repository}:v1", 2, false));
        await StartAsync("""{"timeoutSeconds":120}""");
        Push("app", "v4-notready");
        var moved = Now;
        MoveTag("v4-notready");

        await RunUntilAsync(async () => await PhaseAsync() is "RollingBack" or "RolledBack", Long, "it failed");

        Facts.AssertIn(
            Fields.Text(await GetAsync(), "status", "rollout", "message"),
            "pod app",
            "container main",
            "Readiness probe failed: HTTP probe failed with statuscode: 503",
            "container log"
        );
        // Only when it fails. Of pods that a StatefulSet or DaemonSet cannot create, events are read before.
        if (kind is not ("StatefulSet" or "DaemonSet"))
            Assert.Equal(1, Count("list events", moved));
        await RunUntilAsync(async () => await PhaseAsync() == "RolledBack", Long, "it is rolled back");
        Assert.Equal(["v4-notready"], Quarantined(await GetAsync()));
    }

    [Fact]
    public async Task Without_permission_to_read_events_the_message_still_has_pod_and_container()
    {
        await BeginAsync("""{"progressDeadlineSeconds":30}""");
        Access.Deny("list events");
        Push("app", "v4-notready");
        MoveTag("v4-notready");

        await RunUntilAsync(async () => await PhaseAsync() == "RolledBack", Long, "it is rolled back");

        Facts.AssertIn(Fields.Text(await GetAsync(), "status", "rollout", "message"), "pod app", "container main", "not ready");
    }

    [Fact]
    public async Task The_first_cause_is_kept_although_later_reports_omit_it()
    {
        await BeginAsync("""{"progressDeadlineSeconds":60}""");
        Push("app", "v4-bad");
        MoveTag("v4-bad");

        await RunUntilAsync(async () => await PhaseAsync() == "RolledBack", Long, "it is rolled back");

        var entry = (await GetAsync())["status"]!["rollout"]!["workloads"]![0]!;
        Assert.Contains("ErrImagePull", Fields.Text((await GetAsync())["status"]!["rollout"], "message"), StringComparison.Ordinal);
        Assert.Equal("", Fields.Text(entry, "blockedBy"));
    }

    [Fact]
    public async Task A_terminated_pod_does_not_delay_a_rollout()
    {
        var once = WorkloadShape.All.Single(s => s.Kind == "Pod").Make("once", "app", $"{Names.Repository}:v1", 1, false);
        once["spec"]!["restartPolicy"] = "Never";
        await SendAsync(HttpMethod.Post, Pods, once);
        await RunAsync(TimeSpan.FromMinutes(1));
        await BeginAsync();
        MoveTag("v2");

        await SettlesAsync("v2");
        Assert.Contains("Deployment/app", (await ConditionAsync("Ready")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bare_Pod_is_done_once_its_container_runs_the_image_by_its_digest()
    {
        await SendAsync(
            HttpMethod.Post,
            Pods,
            WorkloadShape.All.Single(s => s.Kind == "Pod").Make("app", "app", $"{Names.Repository}:v1", 1, false)
        );
        await CreateAsync();
        Start();
        await SettlesAsync("v1");
        MoveTag("v2");
        await SettlesAsync("v2");

        var status = (await SendAsync(HttpMethod.Get, $"{Pods}/app", null))["status"]!["containerStatuses"]!
            .AsArray()
            .Single(c => Fields.Text(c, "name") == "main")!;
        Assert.StartsWith("sha256:", Fields.Text(status, "image"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_colour_that_is_deleted_during_a_rollout_ends_it_and_fails_no_version()
    {
        await CreateColoursAsync(0);
        Start();
        await SettlesAsync("v1");
        await CordonAsync(true);
        MoveTag("v2");
        await IsBlockedByAsync("PodsNotScheduled");

        await DeleteDeploymentAsync("green");
        await RunUntilAsync(
            async () => (await ConditionAsync("Stalled")).Reason == "BlueGreenIncomplete",
            TimeSpan.FromMinutes(2),
            "it says that a colour is missing"
        );

        Assert.Equal(("Superseded", "blue"), (await PhaseAsync(), await ColourAsync()));
        Assert.Empty(Quarantined(await GetAsync()));
    }

    [Fact]
    public async Task Ready_is_lost_while_pods_are_down_and_comes_back_with_them()
    {
        await BeginAsync();
        await CordonAsync(true);
        foreach (var pod in (await SendAsync(HttpMethod.Get, Pods, null))["items"]!.AsArray())
            await SendAsync(HttpMethod.Delete, $"{Pods}/{Fields.Text(pod, "metadata", "name")}", null);

        await RunUntilAsync(async () => (await ConditionAsync("Ready")).Status == "False", TimeSpan.FromMinutes(1), "it is not ready");
        Assert.Equal("WorkloadsNotReady", (await ConditionAsync("Ready")).Reason);
        await StaysQuietAsync();

        await CordonAsync(false);
        await SettlesAsync("v1");
        await StaysQuietAsync();
    }

    [Fact]
    public async Task Pods_of_a_ReplicaSet_are_evicted_and_a_disruption_budget_is_waited_for()
    {
        await SendAsync(
            HttpMethod.Post,
            "/apis/apps/v1/namespaces/default/replicasets",
            WorkloadShape.All.Single(s => s.Kind == "ReplicaSet").Make("app", "app", $"{Names.Repository}:v1", 2, false)
        );
        await CreateAsync();
        Start();
        await SettlesAsync("v1");
        Fault = request =>
            request.RequestUri!.AbsolutePath.EndsWith("/eviction", StringComparison.Ordinal)
                ? new CvManager.Sandbox.RequestFault
                {
                    StatusCode = 429,
                    Message = "Cannot evict pod as it would violate the pod's disruption budget.",
                }
                : CvManager.Sandbox.RequestFault.None;
        var moved = Now;
        MoveTag("v2");

        await IsBlockedByAsync("DisruptionBudget");
        Fault = null;
        await SettlesAsync("v2");
        Assert.Equal(0, Count("delete pods", moved));
    }

    private async Task BeginAsync(string? deployment = null, string? resource = null)
    {
        await CreateDeploymentAsync(replicas: 2);
        if (deployment is not null)
            await PatchAsync(Deployment, $$"""{"spec":{{deployment}} }""");
        await StartAsync(resource);
    }

    private async Task BeginStatefulSetAsync(string? set = null, string? resource = null)
    {
        await SendAsync(
            HttpMethod.Post,
            StatefulSets,
            WorkloadShape.All.Single(s => s.Kind == "StatefulSet").Make("app", "app", $"{Names.Repository}:v1", 2, false)
        );
        if (set is not null)
            await PatchAsync($"{StatefulSets}/app", $$"""{"spec":{{set}} }""");
        await StartAsync(resource);
    }

    private async Task StartAsync(string? resource)
    {
        await CreateAsync();
        if (resource is not null)
            await EditAsync(resource);
        Start();
        await SettlesAsync("v1");
    }

    /// <summary>Waits until the resource reports the reason, and for longer than the rollout's timeout, without a failure.</summary>
    private async Task IsBlockedByAsync(string reason)
    {
        await RunUntilAsync(
            async () => (await ConditionAsync("Reconciling")).Reason == reason,
            TimeSpan.FromMinutes(3),
            $"it is blocked by {reason}"
        );
        await RunAsync(TimeSpan.FromMinutes(15));
        Assert.Equal(("True", reason), (await ConditionAsync("Reconciling") is var now ? (now.Status, now.Reason) : default));
        Assert.Equal("Progressing", await PhaseAsync());
        Assert.Empty(Quarantined(await GetAsync()));
    }

    private async Task CordonAsync(bool cordon)
    {
        foreach (var node in (await SendAsync(HttpMethod.Get, "/api/v1/nodes", null))["items"]!.AsArray())
            await PatchAsync(
                $"/api/v1/nodes/{Fields.Text(node, "metadata", "name")}",
                $$$"""{"spec":{"unschedulable":{{{(cordon ? "true" : "false")}}} } }"""
            );
    }

    private Task<JsonObject> PatchAsync(string path, string patch, string type = "application/merge-patch+json") =>
        SendAsync(HttpMethod.Patch, path, JsonNode.Parse(patch), type);

    private async Task<IReadOnlyList<string>> PodImagesAsync() =>
        [
            .. (await SendAsync(HttpMethod.Get, Pods, null))["items"]!
                .AsArray()
                .Select(pod => Fields.Text(pod!["spec"]!["containers"]![0], "image")),
        ];

    private static IReadOnlyList<string> Quarantined(JsonObject resource) =>
        [.. (Fields.At(resource, "status", "quarantined") as JsonArray ?? []).Select(q => Fields.Text(q, "version"))];
}
