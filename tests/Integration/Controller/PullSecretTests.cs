using System.Text.Json.Nodes;
using CvManager.Support.Resources;
using Xunit;

namespace CvManager.Integration.Controller;

/// <summary>The controller reads a registry with the image pull secrets of the cluster.</summary>
public sealed class PullSecretTests
{
    private const string Version = "aaaaaa1";

    [Theory]
    [InlineData("imagePullSecrets: [regcred]", "", false)]
    [InlineData("", "imagePullSecrets: [{name: regcred}]", false)]
    [InlineData("", "", true)]
    public async Task The_secrets_of_the_resource_the_workload_and_the_service_account_are_used(
        string ofResource,
        string ofWorkload,
        bool ofAccount
    )
    {
        await using var scene = await Scene.CreateOnAsync(Servers.RegistryWithLogin, "secrets", Version);
        await SecretAsync(scene, Servers.RegistryPassword);
        if (ofAccount)
            await scene.KubeCtlAsync("patch", "serviceaccount", "default", "-p", """{"imagePullSecrets":[{"name":"regcred"}]}""");
        await scene.ApplyAsync(Objects(ofResource, ofWorkload));
        await using var controller = ControllerProcess.Start(scene.Namespace, "-LogLevel Trace");

        await scene.UntilSuccessAsync("app", Version);

        Assert.DoesNotContain(Servers.RegistryPassword, controller.Said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_secret_is_named_and_one_that_is_created_later_is_used()
    {
        await using var scene = await Scene.CreateOnAsync(Servers.RegistryWithLogin, "nologin", Version);
        await scene.ApplyAsync(Objects("imagePullSecrets: [regcred]", ""));
        await using var controller = ControllerProcess.Start(scene.Namespace);
        var resource = await scene.UntilStatusAsync("app", status => Reason(status) == "RegistryUnauthorized");
        Assert.Contains(
            "imagePullSecrets",
            resource["status"]!["conditions"]!.AsArray()[0]!["message"]!.GetValue<string>(),
            StringComparison.Ordinal
        );

        await SecretAsync(scene, Servers.RegistryPassword);

        await scene.UntilSuccessAsync("app", Version);
    }

    private static string? Reason(JsonObject status) =>
        status["conditions"]?.AsArray().FirstOrDefault(c => c!["type"]!.GetValue<string>() == "Stalled")?["reason"]?.GetValue<string>();

    private static Task<string> SecretAsync(Scene scene, string password) =>
        scene.KubeCtlAsync(
            "create",
            "secret",
            "docker-registry",
            "regcred",
            $"--docker-server={Servers.RegistryWithLogin}",
            $"--docker-username={Servers.RegistryUser}",
            $"--docker-password={password}"
        );

    private static string Objects(string ofResource, string ofWorkload) =>
        Manifests.Documents(
            Manifests.Workload("0", pod: ofWorkload),
            Manifests.ContainerVersion("versionPolicy: {newest: true}", spec: ofResource)
        );
}
