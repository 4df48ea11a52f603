using CvManager.Support.Resources;
using Xunit;

namespace CvManager.Integration.Controller;

/// <summary>
/// R13 on the real control plane: traffic moves only to an available and verified colour, and moves back if a gate fails.
/// </summary>
public sealed class BlueGreenTests
{
    private const string Former = "1.0.0";
    private const string Next = "1.1.0";
    private const string Bad = "1.2.0-bad";

    [Fact]
    public async Task The_idle_colour_gets_the_version_then_the_replicas_and_then_the_traffic()
    {
        await using var scene = await Scene.CreateAsync("colours", Former, Next);
        scene.MoveTag(Next);
        await scene.ApplyAsync(
            Objects("verify: [{kind: Image, image: tests, tag: demo}], postVerify: [{kind: Image, image: tests, tag: demo}]")
        );
        await using var controller = ControllerProcess.Start(scene.Namespace);

        await scene.UntilSuccessAsync("app", Next);

        Assert.Equal("green", await scene.ReadAsync("service/app", ".spec.selector.colour"));
        Assert.Equal("green", await scene.ReadAsync("service/app-test", ".spec.selector.colour"));
        Assert.Equal("app", await scene.ReadAsync("service/app", ".spec.selector.app"));
        Assert.Equal(
            "3 0",
            $"{await scene.ReadAsync("deployment/green", ".spec.replicas")} {await scene.ReadAsync("deployment/blue", ".spec.replicas")}"
        );
        Assert.StartsWith(
            $"{scene.Repository}:{Next}@",
            await scene.ReadAsync("deployment/green", ".spec.template.spec.containers[0].image"),
            StringComparison.Ordinal
        );
        // The previous colour keeps its image for a rollback.
        Assert.Equal($"{scene.Repository}:{Former}", await scene.ReadAsync("deployment/blue", ".spec.template.spec.containers[0].image"));
    }

    [Fact]
    public async Task A_colour_that_does_not_become_available_never_gets_traffic()
    {
        await using var scene = await Scene.CreateAsync("badcolour", Former, Bad);
        scene.MoveTag(Bad);
        await scene.ApplyAsync(Objects());
        await using var controller = ControllerProcess.Start(scene.Namespace);

        await scene.UntilPhaseAsync("RolledBack");

        Assert.Equal("blue", await scene.ReadAsync("service/app", ".spec.selector.colour"));
        Assert.Equal(
            $"{scene.Repository}:{Former} 0",
            await scene.ReadAsync("deployment/green", ".spec.template.spec.containers[0].image")
                + " "
                + await scene.ReadAsync("deployment/green", ".spec.replicas")
        );
        Assert.Equal("3", await scene.ReadAsync("deployment/blue", ".status.availableReplicas"));
    }

    [Fact]
    public async Task A_gate_that_fails_after_the_cut_over_cuts_back()
    {
        await using var scene = await Scene.CreateAsync("cutback", Former, Next);
        scene.MoveTag(Next);
        await scene.ApplyAsync(Objects("postVerify: [{kind: Image, image: tests, tag: crash}]"));
        await using var controller = ControllerProcess.Start(scene.Namespace);

        var status = await scene.UntilPhaseAsync("RolledBack");

        Assert.NotNull(status["rollout"]!["blueGreen"]!["cutOverAt"]);
        Assert.Equal("blue", await scene.ReadAsync("service/app", ".spec.selector.colour"));
        Assert.Equal("3", await scene.ReadAsync("deployment/blue", ".status.availableReplicas"));
    }

    [Fact]
    public async Task A_cut_over_completes_although_the_controller_is_killed_at_every_step()
    {
        await using var scene = await Scene.CreateAsync("steps", Former, Next);
        scene.MoveTag(Next);
        await scene.ApplyAsync(
            Objects("verify: [{kind: Image, image: tests, tag: demo}], postVerify: [{kind: Image, image: tests, tag: demo}]")
        );
        HashSet<string> killedAt = [];
        foreach (var step in (string[])["Prepare", "Verify", "Scale", "PostVerify", "ScaleDown"])
        {
            await using var controller = ControllerProcess.Start(scene.Namespace, "-NoLeaderElection");
            var resource = await scene.UntilStatusAsync(
                "app",
                status => status["rollout"]?["blueGreen"]?["step"]?.GetValue<string>() is { } at && Order(at) >= Order(step)
            );
            await controller.KillAsync();
            killedAt.Add(resource["status"]!["rollout"]!["blueGreen"]!["step"]!.GetValue<string>());
        }

        await using var last = ControllerProcess.Start(scene.Namespace, "-NoLeaderElection");
        var ended = await scene.UntilSuccessAsync("app", Next);

        Assert.True(killedAt.Count >= 3, string.Join(", ", killedAt));
        Assert.Equal("green", await scene.ReadAsync("service/app", ".spec.selector.colour"));
        Assert.Equal(
            "3 0",
            $"{await scene.ReadAsync("deployment/green", ".spec.replicas")} {await scene.ReadAsync("deployment/blue", ".spec.replicas")}"
        );
        Assert.Null(ended["status"]!["quarantined"]);
    }

    private static int Order(string step) => Array.IndexOf(["Prepare", "Verify", "Scale", "CutOver", "PostVerify", "ScaleDown"], step);

    private static string Objects(string gates = "") =>
        Manifests.Documents(
            Colour("blue", 3),
            Colour("green", 0),
            """
            apiVersion: v1
            kind: Service
            metadata: {name: app}
            spec: {selector: {app: app, colour: blue}, ports: [{port: 80}]}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: app-test}
            spec: {selector: {app: app, colour: blue}, ports: [{port: 80}]}
            """,
            Manifests.ContainerVersion(
                "tag: demo, versionSyntax: '[0-9.]+(-bad)?'",
                spec: $$"""
                strategy: {kind: ServiceBlueGreen, {{(gates.Length == 0 ? "" : gates + ",")}}
                    blueGreen: {serviceName: app, verificationServiceName: app-test, labelNames: [colour], scaleDownDelaySeconds: 2} }
                """
            )
        );

    private static string Colour(string colour, int replicas) =>
        Manifests.Workload(Former, colour, "app", spec: $"replicas: {replicas}, progressDeadlineSeconds: 8", labels: $"colour: {colour}");
}
