using System.Text;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Unit;
using Xunit;

namespace CvManager.Integration.Controller;

/// <summary>
/// The controller's own service account, with the rights of deploy/rbac.yaml and no others: every test that runs a controller shows that
/// they are enough.
/// </summary>
internal static class ControllerAccount
{
    /// <summary>Its namespace, where its Leases are.</summary>
    public const string Namespace = "cvmanager";

    private static readonly Lazy<Task> Created = new(CreateAsync);

    /// <summary>A kubeconfig that logs in as it; there once <see cref="EnsureAsync"/> has ended.</summary>
    public static string KubeConfig { get; } = Path.Combine(AppContext.BaseDirectory, "controller.kubeconfig");

    public static Task EnsureAsync() => Created.Value;

    private static async Task CreateAsync()
    {
        CancellationToken token = TestContext.Current.CancellationToken;
        await ExternalProgram.RunAsync(Servers.KubeCtl, ["--kubeconfig", Servers.KubeConfig, "apply", "-f", Path.Combine(RepositoryRoot.Path, "deploy", "rbac.yaml")]);
        await ExternalProgram.RunAsync(Servers.KubeCtl, ["--kubeconfig", Servers.KubeConfig, "apply", "-f", "-"], $$"""
            apiVersion: v1
            kind: Secret
            type: kubernetes.io/service-account-token
            metadata: {name: tests, namespace: {{Namespace}}, annotations: {kubernetes.io/service-account.name: cvmanager} }
            """);
        using ClusterConnection cluster = ClusterConnection.Connect(new ClusterOptions { KubeConfigPath = Servers.KubeConfig });
        await foreach ((string _, JsonObject secret) in cluster.WatchAsync(new ResourcePath("", "v1", "secrets", Namespace), null, "0", 30, token))
        {
            if (secret["metadata"]!["name"]!.GetValue<string>() != "tests" || secret["data"] is not JsonObject data || !data.ContainsKey("token"))
                continue;
            await File.WriteAllTextAsync(KubeConfig, $$"""
                apiVersion: v1
                kind: Config
                clusters: [{name: tests, cluster: {server: "{{cluster.Server}}", certificate-authority-data: {{data["ca.crt"]!.GetValue<string>()}} } }]
                users: [{name: cvmanager, user: {token: {{Encoding.UTF8.GetString(Convert.FromBase64String(data["token"]!.GetValue<string>()))}} } }]
                contexts: [{name: cvmanager, context: {cluster: tests, user: cvmanager} }]
                current-context: cvmanager
                """, token);
            return;
        }

        Assert.Fail("The service account got no token within 30 s.");
    }
}
