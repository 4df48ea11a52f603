using System.Text.Json.Nodes;
using CvManager.Support;
using Xunit;

namespace CvManager.Node;

/// <summary>What users of the image rely on (image-spec, config.md). OneOffTests runs it with a read-only root file system.</summary>
public sealed class ImageTests
{
    [Fact]
    public async Task The_labels_have_the_version_of_the_product_and_where_it_comes_from()
    {
        var labels = (await ConfigAsync())["Labels"]!;

        Assert.Equal(ProductVersion.Text, labels.Text("org.opencontainers.image.version"));
        Assert.Equal("CvManager", labels.Text("org.opencontainers.image.title"));
        Assert.Equal("https://github.com/cvmanager/cvmanager", labels.Text("org.opencontainers.image.source"));
        Assert.Equal("MIT", labels.Text("org.opencontainers.image.licenses"));
        Assert.Matches("^[0-9a-f]{40}$", labels.Text("org.opencontainers.image.revision"));
    }

    [Fact]
    public async Task It_runs_PowerShell_as_a_user_without_privileges_and_without_a_shell()
    {
        var config = await ConfigAsync();

        Assert.Equal("65532:65532", config.Text("User"));
        // Arguments of a container replace the command.
        Assert.Equal(
            ["pwsh", "-NoLogo", "-NoProfile", "-NonInteractive", "-Command"],
            config["Entrypoint"]!.AsArray().Select(part => part!.GetValue<string>())
        );
        Assert.StartsWith(
            "Start-CvReconcile -Watch ",
            Assert.Single(config["Cmd"]!.AsArray())!.GetValue<string>(),
            StringComparison.Ordinal
        );
        Assert.Contains("HOME=/tmp", config["Env"]!.AsArray().Select(part => part!.GetValue<string>()));
    }

    private static async Task<JsonObject> ConfigAsync()
    {
        var image = TestNode.Image[(TestNode.Registry.Length + 1)..];
        var inspected = await ExternalProgram.RunAsync(
            "skopeo",
            ["inspect", "--config", "--tls-verify=false", $"docker://{TestNode.RegistryFromOutside}/{image}"]
        );
        return JsonNode.Parse(inspected)!["config"]!.AsObject();
    }
}
