using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Workloads;
using Xunit;

namespace CvManager.Integration.Cluster;

/// <summary>The connection, the resource store and compare and swap on a real API server.</summary>
public sealed class ClusterTests : IDisposable
{
    private readonly ClusterConnection _cluster = ClusterConnection.Connect(new ClusterOptions { KubeConfigPath = Servers.KubeConfig });
    private readonly string _space = $"cluster-{Guid.NewGuid().ToString("N")[..8]}";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_custom_resource_definition_is_installed_once_and_not_changed_afterwards()
    {
        await CrdInstallation.InstallAsync(_cluster, TimeProvider.System, Token);

        Assert.Equal(CrdInstallationOutcome.Unchanged, await CrdInstallation.InstallAsync(_cluster, TimeProvider.System, Token));
    }

    [Fact]
    public async Task An_image_is_swapped_only_if_it_is_still_the_one_that_was_read()
    {
        await CreateNamespaceAsync();
        await _cluster.CreateAsync(new ResourcePath("apps", "v1", "deployments", _space), Deployment("r/a:1"), Token);
        WorkloadStore store = new(_cluster);
        var read = Assert.Single(await store.ListAsync(_space, Token));
        var container = read.FindContainer("main")!;

        Assert.Equal(ImagePatchOutcome.Swapped, (await store.SwapImageAsync(read, container, "r/a:2", Token)).Outcome);
        Assert.Equal(ImagePatchOutcome.Changed, (await store.SwapImageAsync(read, container, "r/a:3", Token)).Outcome);
        Assert.Equal(
            ImagePatchOutcome.Changed,
            (await store.SwapImageAsync(read, container with { Name = "other" }, "r/a:3", Token)).Outcome
        );
        Assert.Equal(ImagePatchOutcome.Changed, (await store.SwapImageAsync(read, container with { Index = 7 }, "r/a:3", Token)).Outcome);
        Assert.Equal(ImagePatchOutcome.Gone, (await store.SwapImageAsync(read with { Name = "gone" }, container, "r/a:3", Token)).Outcome);

        var after = (await store.FindAsync(read, Token))!;
        Assert.Equal("r/a:2", after.FindContainer("main")!.Image);
        Assert.Equal("cvmanager", after.FindContainer("main")!.ImageManager);
    }

    [Fact]
    public async Task A_swap_that_validation_rejects_is_an_error_and_not_a_conflict()
    {
        await CreateNamespaceAsync();
        await _cluster.CreateAsync(new ResourcePath("apps", "v1", "deployments", _space), Deployment("r/a:1"), Token);
        WorkloadStore store = new(_cluster);
        var read = Assert.Single(await store.ListAsync(_space, Token));

        var error = await Assert.ThrowsAsync<CvException>(() => store.SwapImageAsync(read, read.FindContainer("main")!, "", Token));

        Assert.Equal("ResourceInvalid", error.ErrorId);
        Assert.Contains("image", error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_status_is_written_only_if_the_resource_was_not_changed_since_it_was_read()
    {
        await CrdInstallation.InstallAsync(_cluster, TimeProvider.System, Token);
        await CreateNamespaceAsync();
        await _cluster.CreateAsync(
            ContainerVersionStore.Path(_space),
            YamlDocuments
                .Read(
                    """
                    apiVersion: custom.k8s.io/v1
                    kind: ContainerVersion
                    metadata: {name: app}
                    spec: {imageRepo: r/a, tag: demo, selector: {cvapp: app}, container: {name: main}}
                    """
                )
                .Single()
                .AsObject(),
            Token
        );
        ContainerVersionStore store = new(_cluster);
        var read = await store.GetAsync(_space, "app", Token);

        var written = await store.UpdateStatusAsync(
            read with
            {
                Status = new ContainerVersionStatus { CurrVersion = "1", CurrStatusTime = DateTimeOffset.UnixEpoch },
            },
            Token
        );
        var late = await Assert.ThrowsAsync<CvException>(() =>
            store.UpdateStatusAsync(read with { Status = new ContainerVersionStatus { CurrVersion = "2" } }, Token)
        );

        Assert.Equal(("1", DateTimeOffset.UnixEpoch), (written.Status!.CurrVersion, written.Status.CurrStatusTime));
        Assert.Equal("ResourceConflict", late.ErrorId);
        Assert.Equal("1", (await store.GetAsync(_space, "app", Token)).Status!.CurrVersion);
    }

    [Fact]
    public async Task A_missing_permission_is_named()
    {
        await CreateNamespaceAsync();
        // A new service account has no permissions.
        using var login = await TemporaryLogin.CreateAsync(_cluster, _space, "default", Token);
        using var low = ClusterConnection.Connect(new ClusterOptions { KubeConfigPath = login.KubeConfig });

        var error = await Assert.ThrowsAsync<CvException>(() => new WorkloadStore(low).ListAsync("default", Token));

        Assert.Equal(("ClusterForbidden", CvErrorKind.Forbidden), (error.ErrorId, error.Kind));
        Assert.Contains("read ", error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_token_is_an_error_that_does_not_contain_the_token()
    {
        await CreateNamespaceAsync();
        using var login = await TemporaryLogin.CreateAsync(_cluster, _space, "default", Token);
        var text = await File.ReadAllTextAsync(login.KubeConfig, Token);
        await File.WriteAllTextAsync(
            login.KubeConfig,
            System.Text.RegularExpressions.Regex.Replace(text, "token: [^ ]+", "token: wrong-secret"),
            Token
        );
        using var stranger = ClusterConnection.Connect(new ClusterOptions { KubeConfigPath = login.KubeConfig });

        var error = await Assert.ThrowsAsync<CvException>(() => new WorkloadStore(stranger).ListAsync("default", Token));

        Assert.Equal("ClusterUnauthorized", error.ErrorId);
        Assert.DoesNotContain("wrong-secret", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_watch_returns_changes_after_the_list()
    {
        await CreateNamespaceAsync();
        ResourcePath path = new("", "v1", "configmaps", _space);
        var version = (await _cluster.GetRawAsync(path.ToString(), Token))["metadata"]!["resourceVersion"]!.GetValue<string>();
        await _cluster.CreateAsync(
            path,
            new JsonObject
            {
                ["metadata"] = new JsonObject
                {
                    ["name"] = "one",
                    ["labels"] = new JsonObject { ["a"] = "b" },
                },
            },
            Token
        );

        await foreach ((var type, var item) in _cluster.WatchAsync(path, "a=b", version, 10, Token))
        {
            Assert.Equal(("ADDED", "one"), (type, item.Text("metadata", "name")));
            return;
        }

        Assert.Fail("The watch ended without a change.");
    }

    public void Dispose() => _cluster.Dispose();

    private Task<JsonObject> CreateNamespaceAsync() =>
        _cluster.CreateAsync(
            new ResourcePath("", "v1", "namespaces"),
            new JsonObject { ["metadata"] = new JsonObject { ["name"] = _space } },
            Token
        );

    private static JsonObject Deployment(string image) =>
        YamlDocuments
            .Read(
                """
                apiVersion: apps/v1
                kind: Deployment
                metadata: {name: app, labels: {cvapp: app}}
                spec:
                  replicas: 1
                  selector: {matchLabels: {app: app}}
                  template:
                    metadata: {labels: {app: app}}
                    spec: {containers: [{name: main, image: IMAGE}]}
                """.Replace("IMAGE", image, StringComparison.Ordinal)
            )
            .Single()
            .AsObject();
}
