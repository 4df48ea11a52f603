using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Support.Cluster;
using Xunit;

namespace CvManager.Unit.Cluster;

public sealed class ContainerVersionStoreTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_status_is_written_without_managedFields_and_field_owners_are_kept()
    {
        await using var cluster = await InProcessCluster.StartAsync();
        await CrdInstallation.InstallAsync(cluster.Connection, TimeProvider.System, Token);
        ContainerVersionStore resources = new(cluster.Connection);
        var applied = await resources.ApplyAsync(
            "shop",
            JsonNode
                .Parse(
                    """
                    {"apiVersion":"custom.k8s.io/v1","kind":"ContainerVersion","metadata":{"name":"cv","finalizers":["example.com/keep"]},
                     "spec":{"imageRepo":"r.example/app","tag":"demo","selector":{"cvapp":"app"},"container":{"name":"main"}}}
                    """
                )!
                .AsObject(),
            Token
        );
        Assert.Equal(["finalizers"], applied.Metadata.Other!.Keys.Where(key => key is "managedFields" or "finalizers"));

        await resources.UpdateStatusAsync(applied with { Status = new ContainerVersionStatus { CurrVersion = "1a2b3c4" } }, Token);

        var stored = await cluster.Connection.GetAsync(ContainerVersionStore.Path("shop", "cv"), Token);
        Assert.Equal("example.com/keep", stored["metadata"]!["finalizers"]![0]!.GetValue<string>());
        var owner = Assert.Single(
            stored["metadata"]!["managedFields"]!.AsArray(),
            m => m!["manager"]!.GetValue<string>() == "cvmanager-import"
        )!;
        Assert.NotNull(owner["fieldsV1"]!["f:spec"]!["f:tag"]);
        Assert.Contains(
            stored["metadata"]!["managedFields"]!.AsArray(),
            m => m!["manager"]!.GetValue<string>() == "cvmanager" && m["fieldsV1"]!["f:status"] is not null
        );
    }
}
