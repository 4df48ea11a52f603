using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Installation;
using CvManager.Resources;
using CvManager.Support;
using Xunit;

namespace CvManager.Integration.Controller;

/// <summary>
/// The service account of the controller, with only the permissions of an installation, so that every test that runs a controller shows
/// that these are sufficient.
/// </summary>
internal static class ControllerAccount
{
    /// <summary>The namespace of the service account and of Leases.</summary>
    public const string Namespace = "cvmanager";

    private static readonly string[] Kinds = ["Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];

    private static readonly Lazy<Task> Created = new(CreateAsync);

    /// <summary>The kubeconfig of the service account. Call <see cref="EnsureAsync"/> first.</summary>
    public static string KubeConfig { get; } = Path.Combine(AppContext.BaseDirectory, "controller.kubeconfig");

    public static Task EnsureAsync() => Created.Value;

    /// <summary>Creates the namespace, the service account and the permissions of an installation, but not its Deployment.</summary>
    public static async Task<IReadOnlyList<JsonObject>> ApplyAsync(InstallationOptions options)
    {
        var applied = ControllerManifests.Create(options).Where(item => Kinds.Contains(item.Text("kind"))).ToList();
        await ExternalProgram.RunAsync(
            Servers.KubeCtl,
            ["--kubeconfig", Servers.KubeConfig, "apply", "-f", "-"],
            string.Concat(applied.Select(YamlWriter.Write))
        );
        return applied;
    }

    private static async Task CreateAsync()
    {
        var token = TestContext.Current.CancellationToken;
        await ApplyAsync(new InstallationOptions { Namespace = Namespace });
        using var cluster = ClusterConnection.Connect(new ClusterOptions { KubeConfigPath = Servers.KubeConfig });
        using var login = await TemporaryLogin.CreateAsync(cluster, Namespace, "cvmanager", token);
        File.Copy(login.KubeConfig, KubeConfig, overwrite: true);
    }
}
