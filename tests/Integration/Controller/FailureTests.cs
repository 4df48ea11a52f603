using CvManager.Cluster;
using CvManager.Support;
using CvManager.Support.Resources;
using Xunit;

namespace CvManager.Integration.Controller;

/// <summary>R5 and R6 on the real control plane: a failed version is rolled back and quarantined.</summary>
public sealed class FailureTests
{
    private const string Good = "1.0.0";
    private const string Bad = "1.1.0-bad";
    private const string Next = "1.2.0";

    [Fact]
    public async Task A_version_whose_image_cannot_be_pulled_is_rolled_back_and_quarantined_until_the_tag_moves()
    {
        await using var scene = await Scene.CreateAsync("bad", Good, Bad, Next);
        scene.MoveTag(Good);
        await scene.ApplyAsync(Objects("progressDeadlineSeconds: 8"));
        await using var controller = ControllerProcess.Start(scene.Namespace);
        await scene.UntilSuccessAsync("app", Good);
        var before = await scene.ReadAsync("deployment/app", ".spec.template.spec.containers[0].image");

        scene.MoveTag(Bad);
        // The problem is reported early, long before the deadline.
        await scene.UntilStatusAsync(
            "app",
            status => status["rollout"]?["workloads"]?[0]?["trouble"]?["kind"]?.GetValue<string>() == "ImagePull"
        );
        var status = await scene.UntilPhaseAsync("RolledBack");

        Assert.Equal(before, await scene.ReadAsync("deployment/app", ".spec.template.spec.containers[0].image"));
        // The cause is kept, although the kubelet then only reports the back-off.
        Assert.Contains("not found", status["rollout"]!["message"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(Bad, Assert.Single(status["quarantined"]!.AsArray())!["version"]!.GetValue<string>());
        Assert.Equal(("Failed", Good), (status["currStatus"]!.GetValue<string>(), status["successVersion"]!.GetValue<string>()));
        await scene.KubeCtlAsync("wait", "--for=condition=Stalled", "cv/app", "--timeout=10s");

        scene.MoveTag(Next);
        var resource = await scene.UntilSuccessAsync("app", Next);
        Assert.Null(resource["status"]!["quarantined"]);
    }

    [Fact]
    public async Task FailFast_fails_a_rollout_before_its_deadline()
    {
        await using var scene = await Scene.CreateAsync("fast", Good, Bad);
        scene.MoveTag(Good);
        await scene.ApplyAsync(Objects("progressDeadlineSeconds: 600", "rollback: {failFast: true}"));
        await using var controller = ControllerProcess.Start(scene.Namespace);
        await scene.UntilSuccessAsync("app", Good);

        scene.MoveTag(Bad);

        await scene.UntilPhaseAsync("RolledBack");
    }

    [Fact]
    public async Task A_rollback_whose_controller_is_killed_is_completed_by_the_next_one()
    {
        await using var scene = await Scene.CreateAsync("back", Good, Bad);
        scene.MoveTag(Good);
        await scene.ApplyAsync(Objects("progressDeadlineSeconds: 600", "rollback: {failFast: true}"));
        await using var first = ControllerProcess.Start(scene.Namespace, "-NoLeaderElection");
        await scene.UntilSuccessAsync("app", Good);
        scene.MoveTag(Bad);
        await first.OutcomeAsync("RollingBack");
        await first.KillAsync();

        await using var second = ControllerProcess.Start(scene.Namespace, "-NoLeaderElection");

        await scene.UntilPhaseAsync("RolledBack");
        Assert.Equal([$"{Bad} RolledBack"], (await scene.HistoryAsync()).Take(1));
        Assert.Single(await scene.HistoryAsync(), record => record.StartsWith(Bad, StringComparison.Ordinal));
        Assert.StartsWith(
            $"{scene.Repository}:{Good}",
            await scene.ReadAsync("deployment/app", ".spec.template.spec.containers[0].image"),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_gate_that_passes_lets_the_rollout_continue_and_its_pod_is_removed()
    {
        await using var scene = await Scene.CreateAsync("gate", Good, Next);
        scene.MoveTag(Next);
        await scene.ApplyAsync(Objects("", gates: "verify: [{kind: Image, image: tests, tag: demo}]"));
        await using var controller = ControllerProcess.Start(scene.Namespace);

        await controller.OutcomeAsync("Verifying");
        var resource = await scene.UntilSuccessAsync("app", Next);

        var gate = Assert.Single(resource["status"]!["rollout"]!["gates"]!.AsArray())!;
        Assert.Equal("Succeeded", gate["phase"]!.GetValue<string>());
        Assert.Equal("", await scene.ReadAsync("pods", ".items[?(@.spec.restartPolicy==\"Never\")].metadata.name"));
    }

    [Fact]
    public async Task A_gate_that_fails_prevents_the_rollout()
    {
        await using var scene = await Scene.CreateAsync("gatefail", Good, Next);
        scene.MoveTag(Next);
        await scene.ApplyAsync(Objects("", gates: "verify: [{kind: Image, image: tests, tag: crash}]"));
        await using var controller = ControllerProcess.Start(scene.Namespace);

        var status = await scene.UntilPhaseAsync("Failed");

        Facts.AssertIn(status["rollout"]!["message"]!.GetValue<string>(), " 1 ");
        Assert.Equal($"{scene.Repository}:{Good}", await scene.ReadAsync("deployment/app", ".spec.template.spec.containers[0].image"));
        Assert.Equal(Next, Assert.Single(status["quarantined"]!.AsArray())!["version"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_field_manager_that_keeps_reverting_the_image_is_named_and_not_overwritten()
    {
        await using var scene = await Scene.CreateAsync("fight", Good, Next);
        scene.MoveTag(Good);
        await scene.ApplyAsync(Objects("progressDeadlineSeconds: 600"));
        await using var controller = ControllerProcess.Start(scene.Namespace);
        await scene.UntilSuccessAsync("app", Good);
        var former = await scene.ReadAsync("deployment/app", ".spec.template.spec.containers[0].image");

        scene.MoveTag(Next);
        for (var time = 0; time < 1 + 3; time++)
        {
            await scene.UntilAsync(
                new ResourcePath("apps", "v1", "deployments"),
                "app",
                d => d["spec"]!["template"]!["spec"]!["containers"]![0]!["image"]!.GetValue<string>() != former
            );
            await scene.KubeCtlAsync("set", "image", "deployment/app", $"main={former}");
        }

        var resource = await scene.UntilStatusAsync(
            "app",
            s =>
                s["conditions"]!
                    .AsArray()
                    .Any(c => c!["type"]!.GetValue<string>() == "Stalled" && c["reason"]?.GetValue<string>() == "Contended")
        );
        var message = resource["status"]!["conditions"]!.AsArray().Single(c => c!["type"]!.GetValue<string>() == "Stalled")![
            "message"
        ]!.GetValue<string>();
        Assert.Contains("kubectl", message, StringComparison.Ordinal);
        Assert.Null(resource["status"]!["quarantined"]);
        Assert.Equal(former, await scene.ReadAsync("deployment/app", ".spec.template.spec.containers[0].image"));
    }

    private static string Objects(string deployment, string resource = "", string gates = "") =>
        Manifests.Documents(
            Manifests.Workload(Good, spec: deployment),
            Manifests.ContainerVersion("tag: demo, versionSyntax: '[0-9.]+(-bad)?'", container: gates, spec: resource)
        );
}
