using CvManager.Support;
using Xunit;

namespace CvManager.Node;

/// <summary>The ways to install and to uninstall the controller. The other tests use Install-CvController.</summary>
[Collection(nameof(Disruptive))]
public sealed class InstallationTests(InstalledController controller)
{
    private const string Former = "1.0.0";
    private const string Next = "1.1.0";
    private const string Last = "1.2.0";

    [Fact]
    public async Task Workloads_survive_an_uninstallation_and_the_manifests_install_the_controller_again()
    {
        await using var scene = await NodeScene.RunSlowlyAsync("manifests", Former, Next, Last);
        var pods = await scene.ReadAsync("pods", ".items[*].metadata.uid");

        controller.Invoke("Uninstall-CvController -Confirm:$false").AssertNoErrors();

        Assert.Equal("", await controller.Space.KubeCtlAsync("get", "deployments", "-o", "name"));
        Assert.Equal(pods, await scene.ReadAsync("pods", ".items[*].metadata.uid"));
        Assert.Equal(Former, await scene.ReadAsync("cv/app", ".status.currVersion"));
        Assert.Empty(await scene.HistoryAsync());

        // Kubernetes 1.20, which is older than what the manifests support, does not know all fields of the custom resource definition.
        var manifests = await File.ReadAllTextAsync(
            Path.Combine(RepositoryRoot.Path, "deploy", "controller.yaml"),
            TestContext.Current.CancellationToken
        );
        await controller.Space.ApplyAsync(
            manifests.Replace("apiVersion: policy/v1\n", "apiVersion: policy/v1beta1\n", StringComparison.Ordinal),
            "--validate=false"
        );
        await controller.Space.KubeCtlAsync("set", "image", "deployment/cvmanager", $"controller={TestNode.Image}");
        await controller.Space.KubeCtlAsync("set", "env", "deployment/cvmanager", $"CVM_PLAIN_HTTP_REGISTRIES={TestNode.Registry}");
        await controller.UntilReadyAsync();
        scene.MoveTag(Next);
        await scene.UntilSuccessAsync("app", Next);

        // In place.
        await controller.InstallAsync();
        scene.MoveTag(Last);
        await scene.UntilSuccessAsync("app", Last);
        Assert.Equal([$"{Last} Succeeded", $"{Next} Succeeded"], await scene.HistoryAsync());
    }

    [Fact]
    public async Task An_upgrade_to_an_image_that_cannot_be_pulled_fails_with_the_reason_and_the_former_controller_works_on()
    {
        await using var scene = await NodeScene.RunSlowlyAsync("unpullable", Former, Next);
        var before = await controller.UntilReadyAsync();
        try
        {
            var error = controller.Install($"{TestNode.Registry}/cvmanager:does-not-exist").Error();

            Assert.StartsWith($"{ErrorIds.ControllerNotReady},", error.FullyQualifiedErrorId, StringComparison.Ordinal);
            Facts.AssertIn(error.ToString(), "container controller", "ImagePull", "cvmanager:does-not-exist");
            scene.MoveTag(Next);
            await scene.UntilSuccessAsync("app", Next);
            Assert.Equal(
                before.Select(pod => pod.ContainerId).Order(StringComparer.Ordinal),
                (await controller.PodsAsync()).Where(pod => pod.IsReady).Select(pod => pod.ContainerId).Order(StringComparer.Ordinal)
            );
        }
        finally
        {
            await controller.InstallAsync();
        }
    }
}
