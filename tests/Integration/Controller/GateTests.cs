using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Support.Resources;
using Xunit;

namespace CvManager.Integration.Controller;

/// <summary>R5 with the real API server: the pods of gates, and what prevents their creation.</summary>
public sealed class GateTests
{
    private const string Good = "1.0.0";
    private const string Next = "1.2.0";
    private const string Quota = "memory-budget";

    private static readonly ResourcePath Pods = new("", "v1", "pods");

    [Fact]
    public async Task The_pod_of_a_gate_complies_with_the_restricted_standard_and_has_no_token()
    {
        await using var scene = await Scene.CreateAsync("gatepod", Good, Next);
        // The API server enforces it since Kubernetes 1.25.
        await scene.KubeCtlAsync("label", "namespace", scene.Namespace, "pod-security.kubernetes.io/enforce=restricted");
        scene.MoveTag(Next);
        await scene.ApplyAsync(Objects("app"));
        var owner = await scene.ReadAsync("cv/app", ".metadata.uid");
        var watch = UntilGoneAsync(scene, 1);
        await using var controller = ControllerProcess.Start(scene.Namespace);

        var resource = await scene.UntilSuccessAsync("app", Next);

        (var uid, var pod) = Assert.Single(await watch);
        Assert.Equal((uid, "Succeeded"), GateOf(resource));
        var reference = Assert.Single(pod["metadata"]!["ownerReferences"]!.AsArray())!;
        Assert.Equal((owner, true), (reference["uid"]!.GetValue<string>(), reference["controller"]!.GetValue<bool>()));
        var spec = pod["spec"]!;
        Assert.False(spec["automountServiceAccountToken"]!.GetValue<bool>());
        Assert.Null(spec["volumes"]);
        Assert.True(spec["securityContext"]!["runAsNonRoot"]!.GetValue<bool>());
        Assert.Equal("RuntimeDefault", spec["securityContext"]!["seccompProfile"]!["type"]!.GetValue<string>());
        var container = Assert.Single(spec["containers"]!.AsArray())!;
        Assert.Null(container["volumeMounts"]);
        Assert.False(container["securityContext"]!["allowPrivilegeEscalation"]!.GetValue<bool>());
        Assert.Equal(["ALL"], container["securityContext"]!["capabilities"]!["drop"]!.AsArray().Select(one => one!.GetValue<string>()));
    }

    [Fact]
    public async Task Gates_of_two_resources_whose_tags_move_at_the_same_time_each_run_once()
    {
        await using var scene = await Scene.CreateAsync("gatetwo", Good, Next);
        // When the controller starts, both resources are behind their tag.
        scene.MoveTag(Next);
        await scene.ApplyAsync(Objects("one"));
        await scene.ApplyAsync(Objects("two"));
        var watch = UntilGoneAsync(scene, 2);
        await using var controller = ControllerProcess.Start(scene.Namespace);

        var one = await scene.UntilSuccessAsync("one", Next);
        var two = await scene.UntilSuccessAsync("two", Next);

        Assert.NotEqual(one["status"]!["rollout"]!["id"]!.GetValue<string>(), two["status"]!["rollout"]!["id"]!.GetValue<string>());
        // Only the pods that passed were created: the cleanup for one resource did not remove the pod of the other.
        Assert.Equal(
            new[] { GateOf(one), GateOf(two) }.OrderBy(gate => gate.Uid, StringComparer.Ordinal),
            (await watch).Keys.Order(StringComparer.Ordinal).Select(uid => ((string?)uid, "Succeeded"))
        );
    }

    [Fact]
    public async Task A_quota_that_requires_limits_is_named_and_waited_for_until_the_gate_has_resources()
    {
        await using var scene = await Scene.CreateAsync("gatequota", Good, Next);
        await using var controller = await StartUnderQuotaAsync(scene);

        await IsNamedAsync(scene);
        await scene.KubeCtlAsync(
            "patch",
            "cv/app",
            "--type=json",
            "-p",
            """[{"op": "add", "path": "/spec/container/verify/0/resources", "value": {"limits": {"memory": "64Mi"}}}]"""
        );

        var resource = await scene.UntilSuccessAsync("app", Next);
        Assert.Null(resource["status"]!["quarantined"]);
        Assert.Equal("Succeeded", GateOf(resource).Phase);
    }

    [Fact]
    public async Task A_foreign_pod_with_the_name_of_a_waiting_gate_does_not_pass()
    {
        await using var scene = await Scene.CreateAsync("gateforged", Good, Next);
        await using var controller = await StartUnderQuotaAsync(scene);
        var waiting = await IsNamedAsync(scene);
        var status = waiting["status"]!["rollout"]!;
        var name = status["gates"]![0]!["pod"]!["name"]!.GetValue<string>();

        await scene.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Pod
            metadata:
              name: {{name}}
              labels: {custom.k8s.io/rollout: {{status["id"]}}, custom.k8s.io/gate: '0', app.kubernetes.io/managed-by: cvmanager}
              ownerReferences:
              - {apiVersion: custom.k8s.io/v1, kind: ContainerVersion, name: app, uid: {{waiting["metadata"]!["uid"]}}, controller: true}
            spec:
              restartPolicy: Never
              containers: [{name: verify, image: "REPO:other", resources: {limits: {memory: 64Mi} } }]
            """
        );
        await LookAgainAsync(scene, "forged");
        // The gate still waits for its own pod.
        var resource = await scene.UntilStatusAsync("app", s => s["rollout"]!["gates"]![0]!["pod"]!["name"]!.GetValue<string>() != name);
        Assert.NotEqual("Succeeded", GateOf(resource).Phase);
        await scene.KubeCtlAsync("delete", "quota", Quota);
        await LookAgainAsync(scene, "room");

        resource = await scene.UntilSuccessAsync("app", Next);
        Assert.NotEqual(name, resource["status"]!["rollout"]!["gates"]![0]!["pod"]!["name"]!.GetValue<string>());
    }

    private static async Task<ControllerProcess> StartUnderQuotaAsync(Scene scene)
    {
        await scene.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: ResourceQuota
            metadata: {name: {{Quota}} }
            spec: {hard: {limits.memory: 1Gi} }
            """
        );
        // The quota is enforced once its status contains it.
        await scene.UntilAsync(
            new ResourcePath("", "v1", "resourcequotas"),
            Quota,
            quota => quota["status"]?["used"]?["limits.memory"] is not null
        );
        scene.MoveTag(Next);
        await scene.ApplyAsync(Objects("app"));
        return ControllerProcess.Start(scene.Namespace);
    }

    /// <summary>Waits until a condition names what the gate waits for, and asserts that the version is not blamed.</summary>
    private static async Task<JsonObject> IsNamedAsync(Scene scene)
    {
        var resource = await scene.UntilStatusAsync(
            "app",
            status =>
                status["conditions"]
                    ?.AsArray()
                    .Any(c =>
                        c!["type"]!.GetValue<string>() == "Stalled"
                        && c["status"]!.GetValue<string>() == "True"
                        && c["reason"]!.GetValue<string>() == "ClusterRefused"
                        && c["message"]!.GetValue<string>().Contains(Quota, StringComparison.Ordinal)
                    ) == true
        );
        Assert.Null(resource["status"]!["quarantined"]);
        Assert.Equal("Progressing", GateOf(resource).Phase);
        return resource;
    }

    /// <summary>Changes the resource, which ends the back-off of the controller, because the back-off grows with each failure.</summary>
    private static Task<string> LookAgainAsync(Scene scene, string why) =>
        scene.KubeCtlAsync("annotate", "--overwrite", "cv/app", $"why={why}");

    private static (string? Uid, string Phase) GateOf(JsonObject resource)
    {
        var gate = Assert.Single(resource["status"]!["rollout"]!["gates"]!.AsArray())!;
        return (gate["pod"]?["uid"]?.GetValue<string>(), gate["phase"]!.GetValue<string>());
    }

    /// <summary>Starts a watch, and waits until a number of gate pods were created and removed.</summary>
    /// <returns>The created pods by uid.</returns>
    private static async Task<IReadOnlyDictionary<string, JsonObject>> UntilGoneAsync(Scene scene, int count)
    {
        Dictionary<string, JsonObject> created = [];
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(2));
        // The resource version "0" means any version that the API server has.
        await foreach (
            (var type, var pod) in scene.Cluster.WatchAsync(
                Pods with
                {
                    Namespace = scene.Namespace,
                },
                "custom.k8s.io/gate",
                "0",
                120,
                limit.Token
            )
        )
        {
            if (type == "BOOKMARK")
                continue;
            created.TryAdd(pod["metadata"]!["uid"]!.GetValue<string>(), pod);
            if (type == "DELETED" && --count == 0)
                return created;
        }

        Assert.Fail($"{count} more pods of gates should have gone. Seen: {string.Join(", ", created.Keys)}");
        return created;
    }

    /// <summary>A workload that complies with the restricted standard and has limits, so that only the gate has to wait.</summary>
    private static string Objects(string name) =>
        Manifests.Documents(
            Manifests.Workload(
                Good,
                name,
                pod: "securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault} }",
                container: "resources: {limits: {memory: 64Mi} }, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]} }"
            ),
            Manifests.ContainerVersion(
                "tag: demo, versionSyntax: '[0-9.]+(-bad)?'",
                name,
                container: "verify: [{kind: Image, image: tests, tag: demo}]"
            )
        );
}
