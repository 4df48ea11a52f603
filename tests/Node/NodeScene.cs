using System.Formats.Tar;
using System.Text.Json.Nodes;
using CvManager.Support.Cluster;
using CvManager.Support.PowerShell;
using CvManager.Support.Registries;
using CvManager.Support.Resources;

namespace CvManager.Node;

/// <summary>A namespace of the node, and a repository of its registry, for one test. Disposing deletes the namespace.</summary>
internal sealed class NodeScene : TestNamespace
{
    /// <summary>Serves the file /version of its image on port 8080.</summary>
    public static readonly string[] Serves = ["/bin/httpd", "-f", "-p", "8080", "-h", "/"];

    /// <summary>Fields of a container that is ready when it serves.</summary>
    public const string Probe = "readinessProbe: {httpGet: {path: /version, port: 8080}, periodSeconds: 1}";

    private static readonly Lazy<byte[]> BusyBox = new(ReadBusyBox);

    private readonly PowerShellSession _session = new();

    private NodeScene(string ns)
        : base(ns, $"{TestNode.Registry}/{ns}/app", TestNode.KubeConfig, TestNode.KubeCtl) { }

    /// <param name="versions">The versions of an image that serves its version.</param>
    public static async Task<NodeScene> CreateAsync(string name, params string[] versions)
    {
        NodeScene scene = new(NewName(name));
        await scene.CreateAsync();
        foreach (var version in versions)
            await scene.PushAsync(version, Serves);
        return scene;
    }

    /// <summary>
    /// Starts the workload and the ContainerVersion app with the first version, to which the tag demo points. A rollout takes some seconds.
    /// </summary>
    public static async Task<NodeScene> RunSlowlyAsync(string name, params string[] versions)
    {
        var scene = await CreateAsync(name, versions);
        scene.MoveTag(versions[0]);
        await scene.ApplyAsync(
            Manifests.Documents(
                Manifests.Workload(
                    versions[0],
                    spec: "replicas: 3, minReadySeconds: 2, strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0} }",
                    pod: "terminationGracePeriodSeconds: 1",
                    container: Probe
                ),
                Manifests.ContainerVersion("tag: demo")
            )
        );
        await scene.UntilSuccessAsync("app", versions[0]);
        return scene;
    }

    /// <summary>Waits until a rollout has changed the workload app, and is not finished.</summary>
    public Task UntilProgressingAsync(string version) =>
        UntilStatusAsync(
            "app",
            status =>
                status["rollout"]?["phase"]?.GetValue<string>() == "Progressing"
                && status["rollout"]!["version"]!.GetValue<string>() == version
        );

    /// <summary>Pushes an image with busybox and the file /version, which contains the tag.</summary>
    /// <returns>The digest of the layer with that file, which only this image has.</returns>
    public async Task<string> PushAsync(string tag, IEnumerable<string> command, string repository = "app")
    {
        JsonObject config = new()
        {
            ["Entrypoint"] = new JsonArray([.. command.Select(part => (JsonNode)part)]),
            ["Env"] = new JsonArray("PATH=/bin"),
        };
        using ImageLayout image = new([BusyBox.Value, ImageLayout.Layer("version", $"{Namespace} {tag}")], config);
        await image.PushAsync($"{TestNode.RegistryFromOutside}/{Namespace}/{repository}:{tag}");
        return image.LayerDigests[^1];
    }

    /// <summary>What an image of <see cref="Serves"/> serves.</summary>
    public string Served(string version) => $"{Namespace} {version}";

    public void MoveTag(string version, string tag = "demo") =>
        _session
            .Invoke(
                "Add-CvRegistryTag -Repository $repository -Version $version -Tag $tag",
                ("repository", $"{TestNode.RegistryFromOutside}/{Namespace}/app"),
                ("version", version),
                ("tag", tag)
            )
            .AssertNoErrors();

    /// <summary>The messages of events about the ContainerVersion app with a reason.</summary>
    public async Task<IReadOnlyList<string>> EventsAsync(string reason)
    {
        var events = JsonNode.Parse(
            await KubeCtlAsync("get", "events", "-o", "json", "--field-selector", $"involvedObject.kind=ContainerVersion,reason={reason}")
        )!;
        return [.. events["items"]!.AsArray().Select(item => item!["message"]!.GetValue<string>())];
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _session.Dispose();
    }

    /// <summary>The only layer of the archive of the image busybox.</summary>
    private static byte[] ReadBusyBox()
    {
        using var file = File.OpenRead(TestNode.BusyBoxArchive);
        using TarReader archive = new(file);
        while (archive.GetNextEntry() is { } entry)
        {
            if (entry.Name != "layer.tar")
                continue;
            using MemoryStream layer = new();
            entry.DataStream!.CopyTo(layer);
            return layer.ToArray();
        }

        throw new InvalidOperationException($"{TestNode.BusyBoxArchive} contains no layer.tar.");
    }
}
