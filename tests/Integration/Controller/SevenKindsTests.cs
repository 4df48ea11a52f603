using CvManager.Cluster;
using CvManager.Resources;
using Xunit;

namespace CvManager.Integration.Controller;

/// <summary>R4 on the real control plane: rollouts to each kind of workload.</summary>
public sealed class SevenKindsTests
{
    private const string Former = "aaaaaa1";
    private const string Next = "aaaaaa2";

    [Fact]
    public async Task Every_kind_is_rolled_out_to_the_version_that_the_tag_points_at()
    {
        await using var scene = await Scene.CreateAsync("kinds", Former, Next);
        scene.MoveTag(Former);
        await scene.ApplyAsync(Workloads(await scene.CronJobApiVersionAsync()));
        foreach (var kind in Kinds)
            await scene.ApplyAsync(Resource(kind));
        await using var controller = ControllerProcess.Start(scene.Namespace);
        await Task.WhenAll(
            Kinds.Select(kind =>
                scene.UntilStatusAsync(
                    kind,
                    status => status["currVersion"]?.GetValue<string>() == Former && status["currStatus"]?.GetValue<string>() == "Success"
                )
            )
        );
        var formerJob = await scene.ReadAsync("job/job", ".metadata.uid");

        scene.MoveTag(Next);

        await Task.WhenAll(Kinds.Select(kind => scene.UntilSuccessAsync(kind, Next)));
        foreach (var kind in Kinds.Except(["pod", "cronjob"]))
            Assert.StartsWith(
                $"{scene.Repository}:{Next}@sha256:",
                await scene.ReadAsync($"{kind}/{kind}", ".spec.template.spec.containers[0].image"),
                StringComparison.Ordinal
            );
        Assert.StartsWith(
            $"{scene.Repository}:{Next}@",
            await scene.ReadAsync("pod/pod", ".spec.containers[0].image"),
            StringComparison.Ordinal
        );
        Assert.StartsWith(
            $"{scene.Repository}:{Next}@",
            await scene.ReadAsync("cronjob/cronjob", ".spec.jobTemplate.spec.template.spec.containers[0].image"),
            StringComparison.Ordinal
        );
        Assert.NotEqual(formerJob, await scene.ReadAsync("job/job", ".metadata.uid"));
        Assert.Equal("job", await scene.ReadAsync("job", ".items[*].metadata.name"));
        // The partition is honoured. The pods of a ReplicaSet, which its controller does not replace, are replaced.
        Assert.Equal([Former, Next], await PodVersionsAsync(scene, "statefulset"));
        Assert.Equal([Next, Next], await PodVersionsAsync(scene, "replicaset"));
    }

    [Fact]
    public async Task An_active_job_is_waited_for_and_never_killed()
    {
        await using var scene = await Scene.CreateAsync("job", "sleep-1", Next);
        scene.MoveTag("sleep-1");
        await scene.ApplyAsync(
            $"""
            apiVersion: batch/v1
            kind: Job
            metadata: {Meta("job")}
            spec: {Braces("template: {spec: {restartPolicy: Never, containers: [{name: main, image: 'REPO:sleep-1'}]}}")}
            """
        );
        await scene.ApplyAsync(Resource("job"));
        await scene.UntilAsync(new ResourcePath("batch", "v1", "jobs"), "job", job => job["status"]?["active"]?.GetValue<int>() == 1);
        var former = await scene.ReadAsync("job/job", ".metadata.uid");
        await using var controller = ControllerProcess.Start(scene.Namespace);

        scene.MoveTag(Next);
        await scene.UntilStatusAsync(
            "job",
            status => status["rollout"]?["workloads"]?[0]?["blockedBy"]?.GetValue<string>() == ConditionReasons.JobActive
        );
        Assert.Equal(former, await scene.ReadAsync("job/job", ".metadata.uid"));

        // When its pod has ended, the Job can be replaced.
        await scene.KubeCtlAsync("patch", "job", "job", "--type=merge", "-p", """{"spec":{"activeDeadlineSeconds":1}}""");
        await scene.UntilSuccessAsync("job", Next);
        Assert.NotEqual(former, await scene.ReadAsync("job/job", ".metadata.uid"));
    }

    [Fact]
    public async Task An_object_that_a_controller_owns_is_not_changed()
    {
        await using var scene = await Scene.CreateAsync("owned", Former, Next);
        scene.MoveTag(Next);
        // Its ReplicaSet and pods also have the label.
        await scene.ApplyAsync(
            """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: deployment, labels: {cvapp: deployment}}
            spec:
              selector: {matchLabels: {cvapp: deployment}}
              template:
                metadata: {labels: {cvapp: deployment}}
                spec: {containers: [{name: main, image: "REPO:aaaaaa1"}]}
            """
        );
        await scene.ApplyAsync(Resource("deployment"));
        await using var controller = ControllerProcess.Start(scene.Namespace);

        var resource = await scene.UntilSuccessAsync("deployment", Next);

        Assert.Equal("Deployment", Assert.Single(resource["status"]!["rollout"]!["workloads"]!.AsArray())!["kind"]!.GetValue<string>());
    }

    /// <summary>Creates one workload of each kind on the previous version, named after its kind.</summary>
    internal static string Workloads(string cronJobApiVersion) =>
        $"""
            apiVersion: apps/v1
            kind: Deployment
            metadata: {Meta("deployment")}
            spec: {Pods("deployment", 2)}
            ---
            apiVersion: apps/v1
            kind: StatefulSet
            metadata: {Meta("statefulset")}
            spec:
              serviceName: none
              updateStrategy: {Braces("type: RollingUpdate, rollingUpdate: {partition: 1}")}
              {Fields("statefulset", 2)}
            ---
            apiVersion: apps/v1
            kind: DaemonSet
            metadata: {Meta("daemonset")}
            spec:
              {Fields("daemonset", null)}
            ---
            apiVersion: apps/v1
            kind: ReplicaSet
            metadata: {Meta("replicaset")}
            spec: {Pods("replicaset", 2)}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {Meta("pod")}
            spec: {Braces($"containers: [{Container}]")}
            ---
            apiVersion: batch/v1
            kind: Job
            metadata: {Meta("job")}
            spec: {Braces($"template: {{spec: {{restartPolicy: Never, containers: [{Container}]}}}}")}
            ---
            apiVersion: {cronJobApiVersion}
            kind: CronJob
            metadata: {Meta("cronjob")}
            spec: {Braces(
                $"schedule: '0 0 1 1 *', jobTemplate: {{spec: {{template: {{spec: {{restartPolicy: Never, containers: [{Container}]}}}}}}}}"
            )}
            """;

    internal static readonly string[] Kinds = ["deployment", "statefulset", "daemonset", "replicaset", "pod", "job", "cronjob"];

    private const string Container = "{name: main, image: 'REPO:aaaaaa1'}";

    private static string Braces(string text) => "{" + text + "}";

    private static string Meta(string kind) => $"{{name: {kind}, labels: {{cvapp: {kind}}}}}";

    private static string Fields(string kind, int? replicas) =>
        $"""
            {(replicas is null ? "" : $"replicas: {replicas}\n  ")}selector: {Braces($"matchLabels: {{app: {kind}}}")}
              template: {Braces($"metadata: {{labels: {{app: {kind}}}}}, spec: {{containers: [{Container}]}}")}
            """;

    private static string Pods(string kind, int replicas) =>
        Braces(
            $"replicas: {replicas}, selector: {{matchLabels: {{app: {kind}}}}}, template: {{metadata: {{labels: {{app: {kind}}}}}, spec: {{containers: [{Container}]}}}}"
        );

    internal static string Resource(string kind, string more = "") =>
        $"""
            apiVersion: custom.k8s.io/v1
            kind: ContainerVersion
            metadata: {Braces($"name: {kind}")}
            spec: {Braces(
                $"imageRepo: REPO, tag: demo, versionSyntax: '[0-9a-z]+(-[0-9])?', pollIntervalSeconds: 5, selector: {{cvapp: {kind}}}, container: {{name: main{(more.Length == 0 ? "" : ", " + more)}}}"
            )}
            """;

    private static async Task<IReadOnlyList<string>> PodVersionsAsync(Scene scene, string kind)
    {
        var images = (
            await scene.KubeCtlAsync(
                "get",
                "pods",
                "-l",
                $"app={kind}",
                "--sort-by=.metadata.name",
                "-o",
                "jsonpath={.items[*].spec.containers[0].image}"
            )
        ).Trim();
        return [.. images.Split(' ').Select(image => image.Split(':')[2].Split('@')[0])];
    }
}
