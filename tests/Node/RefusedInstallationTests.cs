using CvManager.Support;
using CvManager.Support.Cluster;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Node;

/// <summary>Installations that cannot be completed write nothing.</summary>
public sealed class RefusedInstallationTests(InstalledController controller) : IDisposable
{
    private readonly PowerShellSession _session = new();

    [Fact]
    public async Task A_second_controller_in_another_namespace_is_refused()
    {
        await controller.UntilReadyAsync();
        var other = TestNamespace.NewName("second");

        var error = _session
            .Invoke(
                "Install-CvController -ControllerNamespace $other -Image $image -KubeConfig $path",
                ("other", other),
                ("image", TestNode.Image),
                ("path", TestNode.KubeConfig)
            )
            .Error();

        Assert.StartsWith($"{ErrorIds.ControllerAlreadyInstalled},", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Facts.AssertIn(error.ToString(), TestNode.ControllerNamespace);
        Assert.Equal("", await controller.Space.KubeCtlAsync("get", "namespace", other, "--ignore-not-found"));
    }

    [Fact]
    public async Task An_account_that_may_not_create_what_is_installed_is_refused_with_every_missing_permission()
    {
        await controller.UntilReadyAsync();
        const string Generations = ".items[*].metadata.resourceVersion";
        var before = await controller.Space.ReadAsync("roles,rolebindings,serviceaccounts,services", Generations);

        // Has the ClusterRole view.
        var error = _session
            .Invoke(
                "Install-CvController -Image $image -KubeConfig $path -Context viewer",
                ("image", TestNode.Image),
                ("path", TestNode.KubeConfig)
            )
            .Error();

        Assert.StartsWith($"{ErrorIds.InstallationForbidden},", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Facts.AssertIn(error.ToString(), "create customresourcedefinitions", "create clusterroles", "create deployments");
        Assert.Equal(before, await controller.Space.ReadAsync("roles,rolebindings,serviceaccounts,services", Generations));
    }

    public void Dispose() => _session.Dispose();
}
