using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Support;

namespace CvManager.Node;

/// <summary>Builds of the controller in a repository of their own. They have the layers of the image under test, and another configuration.</summary>
internal sealed class ControllerBuild : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cvm-build-");
    private readonly string _repository;

    private ControllerBuild(string repository) => _repository = repository;

    /// <param name="repository">Below the registry.</param>
    public static async Task<ControllerBuild> CreateAsync(string repository)
    {
        ControllerBuild build = new(repository);
        await SkopeoAsync(
            "copy",
            "--src-tls-verify=false",
            $"docker://{TestNode.RegistryFromOutside}/{TestNode.Image[(TestNode.Registry.Length + 1)..]}",
            $"dir:{build._folder.FullName}"
        );
        return build;
    }

    /// <summary>Pushes a build with another version, and therefore another digest.</summary>
    /// <param name="version">Its version, which is also its tag.</param>
    /// <param name="change">Changes the configuration of its containers.</param>
    public async Task PushAsync(string version, Action<JsonObject>? change = null)
    {
        var manifestPath = Path.Combine(_folder.FullName, "manifest.json");
        var manifest = JsonNode.Parse(await File.ReadAllTextAsync(manifestPath))!;
        var descriptor = manifest["config"]!;
        var image = JsonNode.Parse(
            await File.ReadAllTextAsync(Path.Combine(_folder.FullName, descriptor["digest"]!.GetValue<string>()["sha256:".Length..]))
        )!;
        var config = image["config"]!.AsObject();
        config["Labels"]!["org.opencontainers.image.version"] = version;
        change?.Invoke(config);
        var bytes = Encoding.UTF8.GetBytes(image.ToJsonString());
        var digest = Convert.ToHexStringLower(SHA256.HashData(bytes));
        await File.WriteAllBytesAsync(Path.Combine(_folder.FullName, digest), bytes);
        descriptor["digest"] = $"sha256:{digest}";
        descriptor["size"] = bytes.Length;
        await File.WriteAllTextAsync(manifestPath, manifest.ToJsonString());
        await SkopeoAsync(
            "copy",
            "--dest-tls-verify=false",
            $"dir:{_folder.FullName}",
            $"docker://{TestNode.RegistryFromOutside}/{_repository}:{version}"
        );
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static Task<string> SkopeoAsync(string command, params string[] arguments) =>
        ExternalProgram.RunAsync("skopeo", [command, "--quiet", .. arguments]);
}
