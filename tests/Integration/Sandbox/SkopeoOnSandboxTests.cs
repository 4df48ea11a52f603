using System.Text.Json.Nodes;
using CvManager.Sandbox.Registry;
using CvManager.Support;
using CvManager.Support.Registries;
using Xunit;

namespace CvManager.Integration.Sandbox;

/// <summary>skopeo on the registry of the sandbox.</summary>
public sealed class SkopeoOnSandboxTests
{
    private const string Account = "ci:s3cret";

    private static readonly RegistryLogin Login = new("ci", "s3cret");

    [Theory]
    [InlineData(null)]
    [InlineData(RegistryLoginKind.Basic)]
    [InlineData(RegistryLoginKind.Bearer)]
    public async Task It_pushes_inspects_lists_copies_pulls_and_deletes(RegistryLoginKind? kind)
    {
        await using var registry = await StartAsync(kind is { } k ? new() { Login = Login with { Kind = k } } : new());
        var account = kind is null ? null : Account;
        var creds = Credentials("--creds", account);
        using ImageLayout image = new("6e4ae1c", new Dictionary<string, string> { ["org.opencontainers.image.version"] = "6e4ae1c" });
        var repository = $"{registry.Host}/nearmap/cvm-example";

        await image.PushAsync($"{repository}:6e4ae1c", account);
        Assert.Equal(image.ManifestDigest, registry.Digest("nearmap/cvm-example", "6e4ae1c"));

        var inspected = JsonNode.Parse(await SkopeoAsync(["inspect", "--tls-verify=false", .. creds, $"docker://{repository}:6e4ae1c"]))!;
        Assert.Equal(image.ManifestDigest, inspected["Digest"]!.GetValue<string>());
        Assert.Equal("6e4ae1c", inspected["Labels"]!["org.opencontainers.image.version"]!.GetValue<string>());

        await CopyAsync(account, $"docker://{repository}:6e4ae1c", $"docker://{repository}:demo");
        await CopyAsync(account, $"docker://{repository}@{image.ManifestDigest}", $"docker://{registry.Host}/nearmap/other:demo");
        Assert.Equal(image.ManifestDigest, registry.Digest("nearmap/other", "demo"));
        var list = JsonNode.Parse(await SkopeoAsync(["list-tags", "--tls-verify=false", .. creds, $"docker://{repository}"]))!;
        Assert.Equal(["6e4ae1c", "demo"], list["Tags"]!.AsArray().Select(t => t!.GetValue<string>()));

        var folder = Directory.CreateTempSubdirectory("cvm-pulled-");
        try
        {
            await SkopeoAsync([
                "copy",
                "--quiet",
                "--preserve-digests",
                "--src-tls-verify=false",
                .. Credentials("--src-creds", account),
                $"docker://{repository}:demo",
                $"oci:{folder.FullName}:demo",
            ]);
            Assert.Equal(
                image.ManifestDigest,
                JsonNode.Parse(await SkopeoAsync("inspect", $"oci:{folder.FullName}:demo"))!["Digest"]!.GetValue<string>()
            );
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        // skopeo deletes the digest of the tag, and so all tags of the image.
        await SkopeoAsync(["delete", "--tls-verify=false", .. creds, $"docker://{repository}:demo"]);
        Assert.Empty(registry.Tags("nearmap/cvm-example"));
        Assert.Equal(["demo"], registry.Tags("nearmap/other"));
    }

    [Theory]
    [InlineData(RegistryLoginKind.Basic)]
    [InlineData(RegistryLoginKind.Bearer)]
    public async Task It_is_denied_without_a_valid_login(RegistryLoginKind kind)
    {
        await using var registry = await StartAsync(new() { Login = Login with { Kind = kind } });
        registry.PushImage("a", "demo");

        foreach (
            var creds in (string[][])
                [
                    ["--no-creds"],
                    ["--creds", "ci:wrong"],
                ]
        )
        {
            var (code, _, error) = await ExternalProgram.TryAsync(
                "skopeo",
                ["inspect", "--tls-verify=false", .. creds, $"docker://{registry.Host}/a:demo"]
            );

            Assert.NotEqual(0, code);
            Assert.Matches("(?i)unauthorized|authentication required|invalid username", error);
        }
    }

    [Fact]
    public async Task It_copies_a_multi_platform_image()
    {
        await using var registry = await StartAsync(new());
        var digest = registry.PushImage("a", "demo", platforms: ["linux/amd64", "linux/arm64"]);

        await SkopeoAsync(
            "copy",
            "--quiet",
            "--all",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
            $"docker://{registry.Host}/a:demo",
            $"docker://{registry.Host}/b:demo"
        );
        var config = JsonNode.Parse(
            await SkopeoAsync("inspect", "--config", "--tls-verify=false", "--override-arch=arm64", $"docker://{registry.Host}/b:demo")
        )!;

        Assert.Equal(digest, registry.Digest("b", "demo"));
        Assert.Equal("arm64", config["architecture"]!.GetValue<string>());
    }

    [Fact]
    public async Task It_lists_tags_over_several_pages()
    {
        await using var registry = await StartAsync(new() { PageSize = 3 });
        string[] tags = [.. Enumerable.Range(10, 10).Select(i => $"v{i}")];
        foreach (var tag in tags)
            registry.PushImage("a", tag);

        var list = JsonNode.Parse(await SkopeoAsync("list-tags", "--tls-verify=false", $"docker://{registry.Host}/a"))!;

        Assert.Equal(tags, list["Tags"]!.AsArray().Select(t => t!.GetValue<string>()));
    }

    [Fact]
    public async Task It_cannot_pull_a_broken_image_or_delete_if_deletion_is_disabled()
    {
        await using var registry = await StartAsync(new() { Deletion = RegistryDeletion.None });
        registry.PushImage("a", "demo");
        registry.BreakImage("a", "demo");

        var (pulled, _, missing) = await ExternalProgram.TryAsync(
            "skopeo",
            [
                "copy",
                "--src-tls-verify=false",
                "--dest-tls-verify=false",
                $"docker://{registry.Host}/a:demo",
                $"docker://{registry.Host}/b:demo",
            ]
        );
        var (deleted, _, unsupported) = await ExternalProgram.TryAsync(
            "skopeo",
            ["delete", "--tls-verify=false", $"docker://{registry.Host}/a:demo"]
        );

        Assert.NotEqual(0, pulled);
        Assert.Contains("blob", missing, StringComparison.Ordinal);
        Assert.NotEqual(0, deleted);
        Assert.Contains("405", unsupported, StringComparison.Ordinal);
        Assert.Equal(["demo"], registry.Tags("a"));
    }

    private static Task<SandboxRegistry> StartAsync(SandboxRegistryOptions options) =>
        SandboxRegistry.StartAsync(options, TestContext.Current.CancellationToken);

    private static Task<string> SkopeoAsync(params string[] arguments) => ExternalProgram.RunAsync("skopeo", arguments);

    private static Task<string> CopyAsync(string? account, string from, string to) =>
        SkopeoAsync([
            "copy",
            "--quiet",
            "--preserve-digests",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
            .. Credentials("--src-creds", account),
            .. Credentials("--dest-creds", account),
            from,
            to,
        ]);

    private static string[] Credentials(string option, string? account) => account is null ? [] : [option, account];
}
