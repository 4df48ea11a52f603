using CvManager.Cluster;
using CvManager.Support;
using CvManager.Support.Resources;
using Xunit;

namespace CvManager.Node;

/// <summary>A Deployment of two pods that is rolled out from one version to the next.</summary>
internal static class RollingWorkload
{
    public const string Good = "1.0.0";
    public const string Next = "1.1.0";

    /// <summary>Waits until <see cref="Next"/> is rolled back, and asserts that status, record and event have the causes.</summary>
    public static async Task IsRolledBackAsync(NodeScene scene, params string[] causes)
    {
        var status = await scene.UntilPhaseAsync("RolledBack");

        Assert.Equal(Next, Assert.Single(status["quarantined"]!.AsArray())!["version"]!.GetValue<string>());
        Assert.Equal(("Failed", Good), (status["currStatus"]!.GetValue<string>(), status["successVersion"]!.GetValue<string>()));
        var record = (await scene.ReadHistoryAsync(TestContext.Current.CancellationToken))[0];
        Assert.Equal((Next, "RolledBack"), (record.ToVersion, record.Outcome));
        Facts.AssertIn(record.Reason, causes);
        Facts.AssertIn(Assert.Single(await scene.EventsAsync("RolledBack")), causes);
        Facts.AssertIn(status["rollout"]!["message"]!.GetValue<string>(), causes);
        await scene.KubeCtlAsync("rollout", "status", "deployment/app", "--timeout=30s");
        await ServesAsync(scene, Good);
    }

    /// <summary>Starts with a version that runs, to which the tag points.</summary>
    public static async Task<NodeScene> RunningAsync(string name, string container = "", string probe = NodeScene.Probe)
    {
        var scene = await NodeScene.CreateAsync(name, Good);
        scene.MoveTag(Good);
        await scene.ApplyAsync(
            Manifests.Documents(
                Manifests.Workload(
                    Good,
                    spec: "replicas: 2, progressDeadlineSeconds: 15",
                    pod: "terminationGracePeriodSeconds: 1",
                    container: probe
                ),
                Manifests.ContainerVersion("tag: demo", container: container.Replace("NS", scene.Namespace, StringComparison.Ordinal))
            )
        );
        await scene.UntilSuccessAsync("app", Good);
        return scene;
    }

    /// <summary>Asserts that both pods are ready and serve a version.</summary>
    public static async Task ServesAsync(NodeScene scene, string version)
    {
        await scene.KubeCtlAsync("expose", "deployment/app", "--port=8080");
        var endpoints = await scene.UntilAsync(
            new ResourcePath("", "v1", "endpoints"),
            "app",
            endpoints => endpoints["subsets"]?[0]?["addresses"]?.AsArray().Count == 2
        );
        foreach (var address in endpoints["subsets"]![0]!["addresses"]!.AsArray())
            Assert.Equal(scene.Served(version), (await TestNode.GetAsync($"{address!["ip"]!.GetValue<string>()}:8080/version")).Trim());
    }
}
