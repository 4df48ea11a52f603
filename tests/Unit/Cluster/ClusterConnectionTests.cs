using CvManager.Cluster;
using Xunit;

namespace CvManager.Unit.Cluster;

/// <summary>Selection of the cluster of a connection, without requests.</summary>
public sealed class ClusterConnectionTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cvm-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_context_defaults_to_the_current_one()
    {
        using var cluster = Connect(null);

        Assert.Equal(
            ("https://east.test/base/", "prod", "shop"),
            (cluster.Server.ToString(), cluster.ContextName, cluster.DefaultNamespace)
        );
    }

    [Fact]
    public void The_namespace_of_a_context_defaults_to_default()
    {
        using var cluster = Connect("qa");

        Assert.Equal(
            ("http://west.test:8080/", "qa", "default"),
            (cluster.Server.ToString(), cluster.ContextName, cluster.DefaultNamespace)
        );
    }

    [Theory]
    [InlineData("nope", "KubeContextNotFound", "nope")]
    [InlineData("no-cluster", "KubeConfigInvalid", "no-cluster")]
    [InlineData("no-user", "KubeConfigInvalid", "no-user")]
    [InlineData("bad-server", "KubeConfigInvalid", "bad-server")]
    [InlineData("bad-plugin", "KubeConfigInvalid", "bad-plugin")]
    public void An_invalid_context_is_reported_by_name(string context, string errorId, string target)
    {
        var error = Assert.Throws<CvException>(() => Connect(context));

        Assert.Equal((errorId, target), (error.ErrorId, error.Target));
        Assert.Contains($"'{context}'", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_kubeconfig_without_a_current_context_says_so()
    {
        var path = Path.Combine(_folder, "none");
        File.WriteAllText(path, "apiVersion: v1\nkind: Config\n");

        Assert.Equal(
            "KubeContextNotFound",
            Assert.Throws<CvException>(() => ClusterConnection.Connect(new ClusterOptions { KubeConfigPath = path })).ErrorId
        );
    }

    private ClusterConnection Connect(string? context)
    {
        var path = Path.Combine(_folder, "config");
        File.WriteAllText(
            path,
            """
            apiVersion: v1
            kind: Config
            current-context: prod
            clusters:
            - {name: east, cluster: {server: "https://east.test/base", insecure-skip-tls-verify: true}}
            - {name: west, cluster: {server: "http://west.test:8080"}}
            - {name: nowhere, cluster: {server: "::no address"}}
            users:
            - {name: deployer, user: {token: s3cret}}
            - {name: plugin, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: /no/such/plugin, env: [{name: KEY, value: s3cret}]}}}
            contexts:
            - {name: prod, context: {cluster: east, user: deployer, namespace: shop}}
            - {name: qa, context: {cluster: west, user: deployer}}
            - {name: no-cluster, context: {cluster: gone, user: deployer}}
            - {name: no-user, context: {cluster: west, user: gone}}
            - {name: bad-server, context: {cluster: nowhere, user: deployer}}
            - {name: bad-plugin, context: {cluster: west, user: plugin}}
            """
        );
        return ClusterConnection.Connect(new ClusterOptions { KubeConfigPath = path, Context = context });
    }
}
