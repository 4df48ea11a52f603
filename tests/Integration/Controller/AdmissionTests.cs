using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Support.Resources;
using Xunit;
using static CvManager.Integration.Controller.AdmissionWebhook;

namespace CvManager.Integration.Controller;

/// <summary>Admission webhooks that deny or rewrite changes of a rollout are named and waited for, and the version is not blamed.</summary>
public sealed class AdmissionTests
{
    private const string Good = "1.0.0";
    private const string Next = "1.1.0";

    [Fact]
    public async Task A_webhook_that_denies_pods_is_named_and_waited_for()
    {
        await using var scene = await Scene.CreateAsync("denypods", Good, Next);
        await using var controller = await StartAsync(
            scene,
            Manifests.Workload(Good, spec: "progressDeadlineSeconds: 4"),
            "timeoutSeconds: 10"
        );
        await using var webhook = await AdmissionWebhook.StartAsync(scene, "", "pods", Refusing(403));

        scene.MoveTag(Next);
        var blocked = await UntilConditionAsync(scene, "Reconciling", "PodsNotCreated");
        Assert.Contains(Name, Message(blocked, "Reconciling"), StringComparison.Ordinal);
        // Waits beyond progressDeadlineSeconds of the Deployment, and beyond timeoutSeconds.
        await scene.UntilAsync(
            new ResourcePath("apps", "v1", "deployments"),
            "app",
            d => d["status"]!["conditions"]!.AsArray().Any(c => c!["reason"]!.GetValue<string>() == "ProgressDeadlineExceeded")
        );
        blocked = await UntilConditionAsync(scene, "Reconciling", "PodsNotCreated");
        Assert.Null(blocked["status"]!["quarantined"]);
        Assert.Equal("Progressing", blocked["status"]!["rollout"]!["phase"]!.GetValue<string>());
        await webhook.RemoveAsync();

        var resource = await scene.UntilSuccessAsync("app", Next);
        Assert.Null(resource["status"]!["quarantined"]);
        Assert.Equal([$"{Next} Succeeded"], (await scene.HistoryAsync()).Take(1));
    }

    [Theory]
    [InlineData(403)]
    [InlineData(409)]
    public async Task A_webhook_that_denies_the_patch_is_named_and_waited_for(int code)
    {
        await using var scene = await Scene.CreateAsync("denypatch", Good, Next);
        await using var controller = await StartAsync(scene, Manifests.Workload(Good), "timeoutSeconds: 10");
        await using var webhook = await AdmissionWebhook.StartAsync(scene, "apps", "deployments", Refusing(code));

        scene.MoveTag(Next);
        var blocked = await UntilConditionAsync(scene, "Stalled", "ClusterRefused");
        Assert.Contains(Name, Message(blocked, "Stalled"), StringComparison.Ordinal);
        Assert.Null(blocked["status"]!["quarantined"]);
        await webhook.RemoveAsync();

        await scene.UntilSuccessAsync("app", Next);
    }

    [Theory]
    [InlineData("strip the tag")]
    [InlineData("mirror")]
    public async Task A_template_that_a_webhook_rewrites_is_patched_once(string how)
    {
        await using var scene = await Scene.CreateAsync("rewrite", Good, Next);
        await using var controller = await StartAsync(scene, Manifests.Workload(Good));
        await using var webhook = await AdmissionWebhook.StartAsync(scene, "apps", "deployments", Rewriting(scene, how));

        scene.MoveTag(Next);
        await scene.UntilSuccessAsync("app", Next);
        await IsLeftAloneAsync(scene);

        Assert.Single(
            webhook.Requests,
            request => request.StartsWith($"UPDATE Deployment {scene.Repository}:{Next}@", StringComparison.Ordinal)
        );
        Assert.Equal(
            Rewriting(scene, how)($"{scene.Repository}:{Next}@{scene.DigestOf(Next)}").Image,
            await scene.ReadAsync("deployment/app", ".spec.template.spec.containers[0].image")
        );
    }

    [Theory]
    [InlineData("strip the tag")]
    [InlineData("mirror")]
    public async Task A_Job_that_a_webhook_rewrites_is_recreated_once(string how)
    {
        await using var scene = await Scene.CreateAsync("rewritejob", Good, Next);
        await using var controller = await StartAsync(
            scene,
            $$$"""
            apiVersion: batch/v1
            kind: Job
            metadata: {name: app, labels: {cvapp: app}}
            spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: "REPO:{{{Good}}}"}]} } }
            """
        );
        await using var webhook = await AdmissionWebhook.StartAsync(scene, "batch", "jobs", Rewriting(scene, how));

        scene.MoveTag(Next);
        await scene.UntilSuccessAsync("app", Next);
        var job = await scene.ReadAsync("job/app", ".metadata.uid");
        await IsLeftAloneAsync(scene);

        Assert.Equal(job, await scene.ReadAsync("job/app", ".metadata.uid"));
        Assert.Equal(
            Rewriting(scene, how)($"{scene.Repository}:{Next}@{scene.DigestOf(Next)}").Image,
            await scene.ReadAsync("job/app", ".spec.template.spec.containers[0].image")
        );
        Assert.Equal([$"{Next} Succeeded"], (await scene.HistoryAsync()).Take(1));
    }

    /// <summary>Asserts that another pass, which reads everything again, has nothing to do.</summary>
    private static async Task IsLeftAloneAsync(Scene scene)
    {
        var before = await scene.UntilSuccessAsync("app", Next);
        Assert.Equal(
            ["UpToDate"],
            scene.Invoke($"Start-CvReconcile app -Namespace {scene.Namespace}").AssertNoErrors().Values<string>("Outcome")
        );
        var after = await scene.UntilSuccessAsync("app", Next);
        Assert.Equal(before["status"]!["rollout"]!["id"]?.ToString(), after["status"]!["rollout"]!["id"]?.ToString());
    }

    private static Func<string, Verdict> Refusing(int code) =>
        image => image.Contains(Next, StringComparison.Ordinal) ? Verdict.Refuse(code) : Verdict.Rewrite(image);

    private static Func<string, Verdict> Rewriting(Scene scene, string how) =>
        image =>
            Verdict.Rewrite(
                !image.StartsWith(scene.Repository, StringComparison.Ordinal) ? image
                : how == "mirror" ? "mirror.example.com" + image[image.IndexOf('/', StringComparison.Ordinal)..]
                : image.Split('@') is [_, var digest] ? $"{scene.Repository}@{digest}"
                : image
            );

    private static async Task<ControllerProcess> StartAsync(Scene scene, string workload, string fields = "")
    {
        scene.MoveTag(Good);
        var resource = Manifests.ContainerVersion("tag: demo, versionSyntax: '[0-9.]+'", spec: fields);
        await scene.ApplyAsync(Manifests.Documents(workload, resource));
        var controller = ControllerProcess.Start(scene.Namespace);
        await scene.UntilSuccessAsync("app", Good);
        return controller;
    }

    private static Task<JsonObject> UntilConditionAsync(Scene scene, string type, string reason) =>
        scene.UntilStatusAsync(
            "app",
            status =>
                status["conditions"]
                    ?.AsArray()
                    .Any(c =>
                        c!["type"]!.GetValue<string>() == type
                        && c["status"]!.GetValue<string>() == "True"
                        && c["reason"]!.GetValue<string>() == reason
                    ) == true
        );

    private static string Message(JsonObject resource, string type) =>
        resource["status"]!["conditions"]!.AsArray().Single(c => c!["type"]!.GetValue<string>() == type)!["message"]!.GetValue<string>();
}
