using System.Text.Json.Nodes;
using CvManager.Support;
using CvManager.Support.Cluster;
using Xunit;

namespace CvManager.Node;

/// <summary>Install-CvController -FollowTag: the controller rolls out its own versions.</summary>
[Collection(nameof(Disruptive))]
public sealed class SelfUpdateTests(InstalledController controller)
{
    private const string First = "9.0.0";
    private const string Second = "9.0.1";
    private const string NeverReady = "9.0.2";
    private const string Own = "cvmanager";

    [Fact]
    public async Task The_controller_follows_its_own_tag_and_rolls_a_bad_version_of_itself_back()
    {
        var repository = $"{TestNamespace.NewName("build")}/cvmanager";
        using var build = await ControllerBuild.CreateAsync(repository);
        await build.PushAsync(First);
        await build.PushAsync(Second);
        await build.PushAsync(
            NeverReady,
            config =>
                config["Entrypoint"] = new JsonArray("pwsh", "-NoProfile", "-Command", "'the database is missing'; Start-Sleep 3600 #")
        );
        MoveTag(repository, First);
        await using var scene = await NodeScene.RunSlowlyAsync("delivered", "1.0.0", "1.1.0", "1.2.0");
        var started = TimeProvider.System.GetUtcNow();
        try
        {
            controller.Install($"{TestNode.Registry}/{repository}:{First}", "-FollowTag stable").AssertNoErrors();
            await controller.UntilReadyAsync();
            await controller.Space.KubeCtlAsync(
                "patch",
                "cv/cvmanager",
                "--type=merge",
                "-p",
                """{"spec": {"pollIntervalSeconds": 5, "timeoutSeconds": 40}}"""
            );
            await controller.Space.UntilSuccessAsync(Own, First);
            var former = await controller.UntilReadyAsync();

            await IsReplacedByAsync(repository, former);
            scene.MoveTag("1.1.0");
            await scene.UntilSuccessAsync("app", "1.1.0");

            await IsRolledBackAsync(repository);
            scene.MoveTag("1.2.0");
            await scene.UntilSuccessAsync("app", "1.2.0");

            Assert.Equal(["1.2.0 Succeeded", "1.1.0 Succeeded"], await scene.HistoryAsync());
            AssertOneWriterAtATime(InstalledController.WritesSince(started));
        }
        finally
        {
            await controller.InstallAsync();
        }
    }

    /// <summary>A good version: all pods are replaced, and one of the new pods leads.</summary>
    private async Task IsReplacedByAsync(string repository, IReadOnlyList<ControllerPod> former)
    {
        MoveTag(repository, Second);
        await controller.Space.UntilSuccessAsync(Own, Second);

        var pods = await controller.UntilReadyAsync();
        Assert.Empty(pods.Select(pod => pod.Name).Intersect(former.Select(pod => pod.Name), StringComparer.Ordinal));
        Assert.Contains((await controller.UntilLeaderAsync(_ => true)).Leader.Name, pods.Select(pod => pod.Name));
        Assert.Equal($"{Second} Succeeded", (await controller.Space.HistoryAsync())[0]);
    }

    /// <summary>A version that never becomes ready: the running pods stay, and say why it failed.</summary>
    private async Task IsRolledBackAsync(string repository)
    {
        var before = await controller.UntilReadyAsync();
        MoveTag(repository, NeverReady);
        var status = (
            await controller.Space.UntilStatusAsync(Own, status => status["rollout"]?["phase"]?.GetValue<string>() == "RolledBack")
        )["status"]!;

        Assert.Equal(NeverReady, Assert.Single(status["quarantined"]!.AsArray())!["version"]!.GetValue<string>());
        var record = (await controller.Space.ReadHistoryAsync(TestContext.Current.CancellationToken))[0];
        Assert.Equal((NeverReady, "RolledBack"), (record.ToVersion, record.Outcome));
        string[] causes = ["container controller", "probe failed: Get ", "the database is missing"];
        Facts.AssertIn(record.Reason, causes);
        Facts.AssertIn(
            await controller.Space.KubeCtlAsync(
                "get",
                "events",
                "-o",
                "jsonpath={.items[*].message}",
                "--field-selector=involvedObject.kind=ContainerVersion,reason=RolledBack"
            ),
            causes
        );
        // No container was restarted.
        Assert.Equal(
            before.Select(pod => pod.ContainerId).Order(StringComparer.Ordinal),
            (await controller.UntilReadyAsync()).Select(pod => pod.ContainerId).Order(StringComparer.Ordinal)
        );
        Assert.Contains(
            $":{Second}",
            await controller.Space.ReadAsync("deployment/cvmanager", ".spec.template.spec.containers[0].image"),
            StringComparison.Ordinal
        );
    }

    /// <summary>Once another pod has written, a pod does not write again until it leads again.</summary>
    private static void AssertOneWriterAtATime(IReadOnlyList<AuditedRequest> writes)
    {
        List<string> writers = [];
        foreach (var write in writes)
        {
            if (writers.LastOrDefault() != write.Address)
                writers.Add(write.Address);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{writes.Count} writes, by one pod after the other: {string.Join(", ", writers)}");
        Assert.Distinct(writers);
    }

    private void MoveTag(string repository, string version) =>
        controller.Invoke($"Add-CvRegistryTag {TestNode.RegistryFromOutside}/{repository} -Version {version} -Tag stable").AssertNoErrors();
}
