using CvManager.Support.Cluster;
using CvManager.Support.PowerShell;
using CvManager.Support.Registries;
using Xunit;

namespace CvManager.Integration.Controller;

/// <summary>
/// A namespace of the real control plane, and a repository of the real registry, for one test. Disposing deletes the namespace.
/// </summary>
internal sealed class Scene : TestNamespace
{
    private readonly PowerShellSession _session = new();
    private readonly Dictionary<string, ImageLayout> _images = [];

    private Scene(string ns, string registry)
        : base(ns, $"{registry}/{ns}/app", Servers.KubeConfig, Servers.KubeCtl) { }

    /// <param name="versions">The tags of images to push. The content of an image depends on its tag.</param>
    public static Task<Scene> CreateAsync(string name, params string[] versions) => CreateOnAsync(Servers.Registry, name, versions);

    /// <inheritdoc cref="CreateAsync" path="/param"/>
    /// <param name="registry">The registry of the repository.</param>
    public static async Task<Scene> CreateOnAsync(string registry, string name, params string[] versions)
    {
        Scene scene = new(NewName(name), registry);
        scene._session.Invoke("Connect-CvCluster -KubeConfig $path", ("path", Servers.KubeConfig)).AssertNoErrors();
        scene._session.Invoke("Install-CvController -CrdOnly").AssertNoErrors();
        await ControllerAccount.EnsureAsync();
        await scene.CreateAsync();
        foreach (var version in versions)
            await scene.PushAsync(version);
        return scene;
    }

    public async Task PushAsync(string version)
    {
        ImageLayout image = new($"{Namespace} {version}");
        _images.Add(version, image);
        // Tests that use the registry without a login do not need the other one.
        var login = Repository.StartsWith(Servers.Registry, StringComparison.Ordinal)
            ? null
            : $"{Servers.RegistryUser}:{Servers.RegistryPassword}";
        await image.PushAsync($"{Repository}:{version}", login);
    }

    public string DigestOf(string version) => _images[version].ManifestDigest;

    /// <summary>Runs cmdlets as cluster administrator.</summary>
    public SessionResult Invoke(string script) => _session.Invoke(script);

    public void MoveTag(string version, string tag = "demo") =>
        _session
            .Invoke(
                "Add-CvRegistryTag -Repository $repository -Version $version -Tag $tag",
                ("repository", Repository),
                ("version", version),
                ("tag", tag)
            )
            .AssertNoErrors();

    /// <summary>The API version of CronJobs: batch/v1 since Kubernetes 1.21, v1beta1 until 1.24.</summary>
    public async Task<string> CronJobApiVersionAsync() =>
        (await Cluster.GetRawAsync("apis/batch/v1", TestContext.Current.CancellationToken))["resources"]!
            .AsArray()
            .Any(one => one!["name"]!.GetValue<string>() == "cronjobs")
            ? "batch/v1"
            : "batch/v1beta1";

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        foreach (var image in _images.Values)
            image.Dispose();
        _session.Dispose();
    }
}
