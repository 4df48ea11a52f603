using CvManager.Cluster;
using CvManager.Support.Resources;
using Xunit;

namespace CvManager.Integration.Controller;

/// <summary>
/// R6 with the real controllers: an infrastructure fault is named and waited for beyond timeoutSeconds, and no version is blamed.
/// </summary>
public sealed class BlameTests
{
    private const string Good = "1.0.0";
    private const string Bad = "1.1.0-bad";
    private const string Next = "1.2.0";

    [Fact]
    public async Task A_quota_that_is_exhausted_is_waited_for()
    {
        await using var scene = await Scene.CreateAsync("quota", Good, Next);
        await using var controller = await StartAsync(
            scene,
            "Deployment",
            "replicas: 2, strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}, progressDeadlineSeconds: 4",
            "timeoutSeconds: 10"
        );
        await scene.ApplyAsync(
            """
            apiVersion: v1
            kind: ResourceQuota
            metadata: {name: q}
            spec: {hard: {pods: '2'} }
            """
        );
        await scene.UntilAsync(
            new ResourcePath("", "v1", "resourcequotas"),
            "q",
            quota => quota["status"]?["used"]?["pods"]?.GetValue<string>() == "2"
        );

        scene.MoveTag(Next);
        await IsBlockedAsync(scene, "PodsNotCreated");
        // Waits beyond progressDeadlineSeconds of the Deployment, and beyond timeoutSeconds.
        await scene.UntilAsync(
            new ResourcePath("apps", "v1", "deployments"),
            "app",
            d => d["status"]!["conditions"]!.AsArray().Any(c => c!["reason"]!.GetValue<string>() == "ProgressDeadlineExceeded")
        );
        await scene.KubeCtlAsync("delete", "quota", "q");

        var resource = await scene.UntilSuccessAsync("app", Next);
        Assert.Null(resource["status"]!["quarantined"]);
    }

    [Fact]
    public async Task A_deadline_that_was_exceeded_before_the_patch_does_not_fail_the_rollout()
    {
        await using var scene = await Scene.CreateAsync("stale", Good, Bad);
        await using var controller = await StartAsync(
            scene,
            "Deployment",
            "replicas: 1, progressDeadlineSeconds: 4",
            "rollback: {enabled: false}"
        );
        scene.MoveTag(Bad);
        await scene.UntilStatusAsync("app", status => status["rollout"]?["phase"]?.GetValue<string>() == "Failed");

        scene.MoveTag(Good);
        var resource = await scene.UntilSuccessAsync("app", Good);

        Assert.Null(resource["status"]!["quarantined"]);
    }

    [Fact]
    public async Task A_StatefulSet_with_a_stuck_pod_recovers_after_the_rollback()
    {
        await using var scene = await Scene.CreateAsync("stuck", Good, Bad);
        await using var controller = await StartAsync(scene, "StatefulSet", "replicas: 2, serviceName: none", "timeoutSeconds: 10");

        scene.MoveTag(Bad);
        await scene.UntilStatusAsync("app", status => status["rollout"]?["phase"]?.GetValue<string>() == "RolledBack");

        Assert.Equal("2", await scene.ReadAsync("statefulset/app", ".status.readyReplicas"));
        Assert.DoesNotContain(Bad, await scene.ReadAsync("pods", ".items[*].spec.containers[0].image"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_PodDisruptionBudget_of_a_ReplicaSet_is_honoured_and_waited_for()
    {
        await using var scene = await Scene.CreateAsync("budget", Good, Next);
        await using var controller = await StartAsync(scene, "ReplicaSet", "replicas: 2", "timeoutSeconds: 10");
        // With kubectl, because the API version depends on the cluster.
        await scene.KubeCtlAsync("create", "poddisruptionbudget", "b", "--selector=app=app", "--min-available=2");

        scene.MoveTag(Next);
        await IsBlockedAsync(scene, "DisruptionBudget");
        await scene.KubeCtlAsync("delete", "pdb", "b");

        await scene.UntilSuccessAsync("app", Next);
    }

    private static async Task<ControllerProcess> StartAsync(Scene scene, string kind, string spec, string resource)
    {
        scene.MoveTag(Good);
        await scene.ApplyAsync(
            Manifests.Documents(
                Manifests.Workload(Good, kind: kind, spec: spec),
                Manifests.ContainerVersion("tag: demo, versionSyntax: '[0-9.]+(-bad)?'", spec: resource)
            )
        );
        var controller = ControllerProcess.Start(scene.Namespace);
        await scene.UntilSuccessAsync("app", Good);
        return controller;
    }

    private static async Task IsBlockedAsync(Scene scene, string reason)
    {
        var resource = await scene.UntilStatusAsync(
            "app",
            status =>
                status["conditions"]
                    ?.AsArray()
                    .Any(c => c!["type"]!.GetValue<string>() == "Reconciling" && c["reason"]!.GetValue<string>() == reason) == true
        );
        Assert.Null(resource["status"]!["quarantined"]);
    }
}
