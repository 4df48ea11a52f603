using CvManager.Cluster;
using CvManager.Support;
using Xunit;

namespace CvManager.Integration.Controller;

/// <summary>
/// The service account of the controller, with only the permissions in deploy/rbac.yaml, so that every test that runs a controller shows
/// that these are sufficient.
/// </summary>
internal static class ControllerAccount
{
    /// <summary>The namespace of the service account and of Leases.</summary>
    public const string Namespace = "cvmanager";

    private static readonly Lazy<Task> Created = new(CreateAsync);

    /// <summary>The kubeconfig of the service account. Call <see cref="EnsureAsync"/> first.</summary>
    public static string KubeConfig { get; } = Path.Combine(AppContext.BaseDirectory, "controller.kubeconfig");

    public static Task EnsureAsync() => Created.Value;

    private static async Task CreateAsync()
    {
        var token = TestContext.Current.CancellationToken;
        await ExternalProgram.RunAsync(
            Servers.KubeCtl,
            ["--kubeconfig", Servers.KubeConfig, "apply", "-f", Path.Combine(RepositoryRoot.Path, "deploy", "rbac.yaml")]
        );
        using var cluster = ClusterConnection.Connect(new ClusterOptions { KubeConfigPath = Servers.KubeConfig });
        using var login = await TemporaryLogin.CreateAsync(cluster, Namespace, "cvmanager", token);
        File.Copy(login.KubeConfig, KubeConfig, overwrite: true);
    }
}
