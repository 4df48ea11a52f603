using CvManager.Cluster;
using Xunit;

namespace CvManager.Node;

/// <summary>The image runs single cmdlets, as docker run IMAGE CMDLET does: only with arguments.</summary>
public sealed class OneOffTests
{
    private const string Version = "1.0.0";

    [Fact]
    public async Task A_cmdlet_in_the_arguments_moves_a_tag()
    {
        await using var scene = await NodeScene.CreateAsync("oneoff", Version);

        (var code, var log) = await RunAsync(scene, Version);

        Assert.True(code == 0, log);
        Assert.Equal(await DigestAsync(scene, Version), await DigestAsync(scene, "demo"));
    }

    [Fact]
    public async Task A_cmdlet_that_fails_ends_with_exit_code_1()
    {
        await using var scene = await NodeScene.CreateAsync("oneofffail", Version);

        (var code, var log) = await RunAsync(scene, "9.9.9");

        Assert.True(code == 1, $"exit code {code}: {log}");
        Assert.Contains("9.9.9", log, StringComparison.Ordinal);
        Assert.Null(await DigestAsync(scene, "demo"));
    }

    private static async Task<(int ExitCode, string Log)> RunAsync(NodeScene scene, string version)
    {
        await scene.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Pod
            metadata: {name: run}
            spec:
              restartPolicy: Never
              automountServiceAccountToken: false
              containers:
              - name: run
                image: {{TestNode.Image}}
                args: [Add-CvRegistryTag, -Repository, REPO, -Version, {{version}}, -Tag, demo]
                env: [{name: CVM_PLAIN_HTTP_REGISTRIES, value: "{{TestNode.Registry}}"}]
            """
        );
        var pod = await scene.UntilAsync(
            new ResourcePath("", "v1", "pods"),
            "run",
            pod => pod["status"]?["containerStatuses"]?[0]?["state"]?["terminated"] is not null
        );
        return (
            pod["status"]!["containerStatuses"]![0]!["state"]!["terminated"]!["exitCode"]!.GetValue<int>(),
            await scene.KubeCtlAsync("logs", "run")
        );
    }

    /// <summary>The digest of a tag; null if there is no such tag.</summary>
    private static async Task<string?> DigestAsync(NodeScene scene, string tag)
    {
        using HttpClient registry = new();
        using HttpRequestMessage request = new(
            HttpMethod.Head,
            new Uri($"http://{TestNode.RegistryFromOutside}/v2/{scene.Namespace}/app/manifests/{tag}")
        );
        request.Headers.Accept.ParseAdd("application/vnd.oci.image.manifest.v1+json");
        using var response = await registry.SendAsync(request, TestContext.Current.CancellationToken);
        return response.IsSuccessStatusCode ? response.Headers.GetValues("Docker-Content-Digest").Single() : null;
    }
}
