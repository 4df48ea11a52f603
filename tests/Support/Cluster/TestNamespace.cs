using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Records;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace CvManager.Support.Cluster;

/// <summary>A namespace of a real cluster for one test, with access as cluster administrator. Disposing deletes the namespace.</summary>
/// <param name="ns">The namespace. <see cref="CreateAsync"/> creates it.</param>
/// <param name="repository">The repository, as the cluster references it, that replaces REPO in manifests.</param>
/// <param name="kubeConfig">The path of a kubeconfig with administrator permissions.</param>
/// <param name="kubeCtl">The path of kubectl.</param>
internal class TestNamespace(string ns, string repository, string kubeConfig, string kubeCtl) : IAsyncDisposable
{
    public string Namespace { get; } = ns;

    public string Repository { get; } = repository;

    public ClusterConnection Cluster { get; } = ClusterConnection.Connect(new ClusterOptions { KubeConfigPath = kubeConfig });

    /// <summary>A unique name for a namespace.</summary>
    public static string NewName(string prefix) => $"{prefix}-{Guid.NewGuid().ToString("N")[..6]}";

    public Task CreateAsync() => KubeCtlAsync("create", "namespace", Namespace);

    /// <summary>Applies manifests with kubectl. REPO is replaced by the repository.</summary>
    /// <param name="more">Additional arguments of kubectl apply.</param>
    public Task ApplyAsync(string manifests, params string[] more) =>
        ExternalProgram.RunAsync(
            kubeCtl,
            ["--kubeconfig", kubeConfig, "-n", Namespace, "apply", "-f", "-", .. more],
            manifests.Replace("REPO", Repository, StringComparison.Ordinal)
        );

    public Task<string> KubeCtlAsync(params string[] arguments) =>
        ExternalProgram.RunAsync(kubeCtl, ["--kubeconfig", kubeConfig, "-n", Namespace, .. arguments]);

    public async Task<string> ReadAsync(string what, string jsonPath) =>
        (await KubeCtlAsync("get", what, "-o", $"jsonpath={{{jsonPath}}}")).Trim();

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

    public virtual async ValueTask DisposeAsync()
    {
        foreach (var record in (await ReadHistoryAsync(CancellationToken.None)).Reverse())
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{record.Kind}/{record.Name} {record.FromVersion} -> {record.ToVersion}: {record.Outcome} in {(record.Finished - record.Started).TotalSeconds:0} s"
            );
        await KubeCtlAsync("delete", "namespace", Namespace, "--wait=false");
        Cluster.Dispose();
        GC.SuppressFinalize(this);
    }

    public async Task<IReadOnlyList<RolloutRecord>> ReadHistoryAsync(CancellationToken cancellationToken) =>
        [
            .. (
                await new RolloutHistory(Cluster, new(TimeProvider.System, NullLogger.Instance)).ReadAsync(Namespace, cancellationToken)
            ).Select(one => one.Record),
        ];
}
