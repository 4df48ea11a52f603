using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Records;
using CvManager.Support.PowerShell;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace CvManager.Integration.Controller;

/// <summary>
/// A namespace of the real control plane, and a repository of the real registry, for one test. Disposing removes the namespace.
/// </summary>
internal sealed class Scene : IAsyncDisposable
{
    private readonly PowerShellSession _session = new();
    private readonly Dictionary<string, ImageLayout> _images = [];

    private Scene(string ns, string registry)
    {
        Namespace = ns;
        Repository = $"{registry}/{ns}/app";
        Cluster = ClusterConnection.Connect(new ClusterOptions { KubeConfigPath = Servers.KubeConfig });
    }

    public string Namespace { get; }

    public string Repository { get; }

    public ClusterConnection Cluster { get; }

    /// <param name="versions">The tags of images to push. The content of an image depends on its tag.</param>
    public static Task<Scene> CreateAsync(string name, params string[] versions) => CreateOnAsync(Servers.Registry, name, versions);

    /// <inheritdoc cref="CreateAsync" path="/param"/>
    /// <param name="registry">The registry of the repository.</param>
    public static async Task<Scene> CreateOnAsync(string registry, string name, params string[] versions)
    {
        Scene scene = new($"{name}-{Guid.NewGuid().ToString("N")[..6]}", registry);
        scene._session.Invoke("Connect-CvCluster -KubeConfig $path", ("path", Servers.KubeConfig)).AssertNoErrors();
        scene._session.Invoke("Install-CvController -CrdOnly").AssertNoErrors();
        await ControllerAccount.EnsureAsync();
        await scene.KubeCtlAsync("create", "namespace", scene.Namespace);
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

    /// <summary>Applies manifests with kubectl. REPO is replaced by the repository.</summary>
    /// <param name="more">Additional arguments of kubectl apply.</param>
    public Task ApplyAsync(string manifests, params string[] more) =>
        ExternalProgram.RunAsync(
            Servers.KubeCtl,
            ["--kubeconfig", Servers.KubeConfig, "-n", Namespace, "apply", "-f", "-", .. more],
            manifests.Replace("REPO", Repository, StringComparison.Ordinal)
        );

    public Task<string> KubeCtlAsync(params string[] arguments) =>
        ExternalProgram.RunAsync(Servers.KubeCtl, ["--kubeconfig", Servers.KubeConfig, "-n", Namespace, .. arguments]);

    public async Task<string> ReadAsync(string what, string jsonPath) =>
        (await KubeCtlAsync("get", what, "-o", $"jsonpath={{{jsonPath}}}")).Trim();

    /// <summary>The API version of CronJobs: batch/v1 since Kubernetes 1.21, v1beta1 until 1.24.</summary>
    public async Task<string> CronJobApiVersionAsync() =>
        (await Cluster.GetRawAsync("apis/batch/v1", TestContext.Current.CancellationToken))["resources"]!
            .AsArray()
            .Any(one => one!["name"]!.GetValue<string>() == "cronjobs")
            ? "batch/v1"
            : "batch/v1beta1";

    /// <summary>Watches an object until it meets a condition.</summary>
    public async Task<JsonObject> UntilAsync(ResourcePath collection, string name, Func<JsonObject, bool> isMeant)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(1.5));
        JsonObject? last = null;
        try
        {
            while (true)
            {
                await foreach (
                    (var type, var item) in Cluster.WatchAsync(collection with { Namespace = Namespace }, null, "0", 30, limit.Token)
                )
                {
                    if (type is "DELETED" or "BOOKMARK" || item["metadata"]?["name"]?.GetValue<string>() != name)
                        continue;
                    last = item;
                    if (isMeant(item))
                        return item;
                }
            }
        }
        catch (Exception e)
            when (limit.IsCancellationRequested
                && !TestContext.Current.CancellationToken.IsCancellationRequested
                && e is OperationCanceledException
            )
        {
            Assert.Fail($"{collection.Plural}/{name} did not reach the expected state; it is {last}");
            throw;
        }
    }

    public Task<JsonObject> UntilStatusAsync(string cv, Func<JsonObject, bool> isMeant) =>
        UntilAsync(
            new ResourcePath("custom.k8s.io", "v1", "containerversions"),
            cv,
            item => item["status"] is JsonObject status && isMeant(status)
        );

    /// <summary>Waits until the status of a resource shows a version, and no rollout is in progress.</summary>
    public Task<JsonObject> UntilSuccessAsync(string cv, string version) =>
        UntilStatusAsync(
            cv,
            status =>
                status["currVersion"]?.GetValue<string>() == version
                && status["currStatus"]?.GetValue<string>() == "Success"
                && (status["rollout"] is null || status["rollout"]!["finishedAt"] is not null)
        );

    /// <summary>Waits until the rollout of the resource app is in a phase.</summary>
    /// <returns>The status.</returns>
    public async Task<JsonObject> UntilPhaseAsync(string phase) =>
        (await UntilStatusAsync("app", status => status["rollout"]?["phase"]?.GetValue<string>() == phase))["status"]!.AsObject();

    /// <summary>Version and outcome of the history of all workloads, newest first.</summary>
    public async Task<IReadOnlyList<string>> HistoryAsync() =>
        [.. (await ReadHistoryAsync(TestContext.Current.CancellationToken)).Select(record => $"{record.ToVersion} {record.Outcome}")];

    public async ValueTask DisposeAsync()
    {
        foreach (var record in (await ReadHistoryAsync(CancellationToken.None)).Reverse())
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{record.Kind}/{record.Name} {record.FromVersion} -> {record.ToVersion}: {record.Outcome} in {(record.Finished - record.Started).TotalSeconds:0} s"
            );
        await KubeCtlAsync("delete", "namespace", Namespace, "--wait=false");
        foreach (var image in _images.Values)
            image.Dispose();
        _session.Dispose();
        Cluster.Dispose();
    }

    private async Task<IReadOnlyList<RolloutRecord>> ReadHistoryAsync(CancellationToken cancellationToken) =>
        [
            .. (
                await new RolloutHistory(Cluster, new(TimeProvider.System, NullLogger.Instance)).ReadAsync(Namespace, cancellationToken)
            ).Select(one => one.Record),
        ];
}
