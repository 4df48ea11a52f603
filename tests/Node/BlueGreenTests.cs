using CvManager.Cluster;
using CvManager.Support.Resources;
using Xunit;

namespace CvManager.Node;

/// <summary>R13 with a real Service, and a client that uses it all the time.</summary>
public sealed class BlueGreenTests
{
    private const string Former = "1.0.0";
    private const string Next = "1.1.0";
    private const string Failed = "failed";

    [Fact]
    public async Task A_cut_over_fails_no_request()
    {
        await using var scene = await NodeScene.CreateAsync("bluegreen", Former, Next);
        scene.MoveTag(Former);
        await scene.ApplyAsync(Objects());
        await scene.UntilSuccessAsync("app", Former);
        await scene.KubeCtlAsync("rollout", "status", "deployment/blue", "--timeout=60s");
        await scene.ApplyAsync(Client());
        await scene.KubeCtlAsync("wait", "--for=condition=Ready", "pod/client", "--timeout=60s");
        await using var client = FollowedOutput.OfPod(scene.Namespace, "client");
        await client.LineAsync(line => line == scene.Served(Former));
        // From now on; before, the rules of kube-proxy for the new Service may have been missing.
        var ignored = client.Lines.Count;

        scene.MoveTag(Next);
        await scene.UntilSuccessAsync("app", Next);
        // The client still runs after the former pods are gone.
        await scene.UntilAsync(
            new ResourcePath("apps", "v1", "deployments"),
            "blue",
            deployment => deployment["spec"]!["replicas"]!.GetValue<int>() == 0 && deployment["status"]!["replicas"] is null
        );
        var gone = client.Lines.Count;
        for (var i = 0; i < 10; i++)
            await client.LineAsync(line => line != Failed && client.Lines.Count > gone);

        string[] responses = [.. client.Lines.Skip(ignored)];
        var former = responses.Count(line => line == scene.Served(Former));
        var next = responses.Count(line => line == scene.Served(Next));
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{responses.Length} requests during the rollout: {former} to {Former}, {next} to {Next}, {responses.Length - former - next} failed"
        );
        Assert.Equal(responses.Length, former + next);
        Assert.InRange(former, 1, int.MaxValue);
        Assert.InRange(next, 10, int.MaxValue);
        // After the first response of the new version, none is from the former one.
        Assert.DoesNotContain(scene.Served(Former), responses.SkipWhile(line => line != scene.Served(Next)));
        Assert.Equal("green", await scene.ReadAsync("service/app", ".spec.selector.colour"));
    }

    /// <summary>Writes one line for each request: the response, or <see cref="Failed"/>.</summary>
    private static string Client() =>
        $$"""
            apiVersion: v1
            kind: Pod
            metadata: {name: client}
            spec:
              terminationGracePeriodSeconds: 0
              containers:
              - name: client
                image: REPO:{{Former}}
                command: [/bin/sh, -c]
                args: ['while :; do echo "$(wget -q -O - http://$APP_SERVICE_HOST/version || echo {{Failed}})"; sleep 0.02; done']
            """;

    private static string Objects() =>
        Manifests.Documents(
            Colour("blue", 2),
            Colour("green", 0),
            """
            apiVersion: v1
            kind: Service
            metadata: {name: app}
            spec: {selector: {app: app, colour: blue}, ports: [{port: 80, targetPort: 8080}]}
            """,
            Manifests.ContainerVersion(
                "tag: demo",
                spec: "strategy: {kind: ServiceBlueGreen, blueGreen: {serviceName: app, labelNames: [colour], scaleDownDelaySeconds: 2} }"
            )
        );

    private static string Colour(string colour, int replicas) =>
        Manifests.Workload(
            Former,
            colour,
            "app",
            spec: $"replicas: {replicas}, progressDeadlineSeconds: 60",
            labels: $"colour: {colour}",
            pod: "terminationGracePeriodSeconds: 1",
            container: NodeScene.Probe
        );
}
