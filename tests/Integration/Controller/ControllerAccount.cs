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
        using ClusterConnection cluster = ClusterConnection.Connect(new ClusterOptions { KubeConfigPath = Servers.KubeConfig });
        using TemporaryLogin login = await TemporaryLogin.CreateAsync(cluster, Namespace, "cvmanager", token);
        File.Copy(login.KubeConfig, KubeConfig, overwrite: true);
    }
}
