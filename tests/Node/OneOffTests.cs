using System.Text.Json.Nodes;
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

    /// <summary>The arguments are joined to a PowerShell command, which must not read them as numbers.</summary>
    [Fact]
    public async Task Versions_and_tags_that_look_like_numbers_are_taken_as_they_are_written()
    {
        string[] versions = ["1.10", "1e5", "007", "0x10"];
        await using var scene = await NodeScene.CreateAsync("numbers", [.. versions, "1.1", "100000", "7", "16"]);

        await ApplyAsync(scene, versions.Select((version, i) => (version, $"{i + 1}.0")));

        foreach (var (i, version) in versions.Index())
        {
            (var code, var log) = await EndedAsync(scene, i);
            Assert.True(code == 0, log);
            Assert.Equal(await DigestAsync(scene, version), await DigestAsync(scene, $"{i + 1}.0"));
            Assert.Null(await DigestAsync(scene, $"{i + 1}"));
        }
    }

    private static async Task<(int ExitCode, string Log)> RunAsync(NodeScene scene, string version)
    {
        await ApplyAsync(scene, [(version, "demo")]);
        return await EndedAsync(scene, 0);
    }

    /// <summary>Runs a container for each move of a tag, with a read-only root file system.</summary>
    private static Task ApplyAsync(NodeScene scene, IEnumerable<(string Version, string Tag)> moves) =>
        scene.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Pod
            metadata: {name: run}
            spec:
              restartPolicy: Never
              automountServiceAccountToken: false
              volumes: [{name: tmp, emptyDir: {} }]
              containers:
            """
                + string.Concat(
                    moves.Select(
                        (move, i) =>
                            $$"""

                                  - name: run{{i}}
                                    image: {{TestNode.Image}}
                                    args: [Add-CvRegistryTag, -Repository, REPO, -Version, "{{move.Version}}", -Tag, "{{move.Tag}}"]
                                    env: [{name: CVM_PLAIN_HTTP_REGISTRIES, value: "{{TestNode.Registry}}"}]
                                    securityContext: {readOnlyRootFilesystem: true, runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]} }
                                    volumeMounts: [{name: tmp, mountPath: /tmp}]
                                """
                    )
                )
        );

    private static async Task<(int ExitCode, string Log)> EndedAsync(NodeScene scene, int run)
    {
        var pod = await scene.UntilAsync(new ResourcePath("", "v1", "pods"), "run", pod => ExitCodeOf(pod, run) is not null);
        return (ExitCodeOf(pod, run)!.Value, await scene.KubeCtlAsync("logs", "run", $"--container=run{run}"));
    }

    private static int? ExitCodeOf(JsonObject pod, int run) =>
        pod.Items("status", "containerStatuses")
            .FirstOrDefault(status => status.Text("name") == $"run{run}")
            .Number("state", "terminated", "exitCode");

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
