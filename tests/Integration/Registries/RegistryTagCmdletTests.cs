using System.Management.Automation;
using System.Net.Http.Headers;
using System.Security;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Support;
using CvManager.Support.PowerShell;
using CvManager.Support.Registries;
using Xunit;

namespace CvManager.Integration.Registries;

/// <summary>The tag cmdlets on docker-registry: open, with user and password, and with a token server.</summary>
public sealed class RegistryTagCmdletTests(TokenRegistry tokens) : IClassFixture<TokenRegistry>, IDisposable
{
    private readonly PowerShellSession _session = new();
    private readonly string _path = $"tags-{Guid.NewGuid().ToString("N")[..8]}/app";

    private string Open => $"{Servers.Registry}/{_path}";

    private string Closed => $"{Servers.RegistryWithLogin}/{_path}";

    private string Tokened => $"{tokens.Host}/{_path}";

    private static string Login => $"{Servers.RegistryUser}:{Servers.RegistryPassword}";

    public void Dispose() => _session.Dispose();

    [Fact]
    public async Task A_pipeline_releases_promotes_and_rolls_back()
    {
        using ImageLayout first = new("1a2b3c4", new Dictionary<string, string> { ["org.opencontainers.image.revision"] = "1a2b3c4" });
        using ImageLayout second = new("5d6e7f8");
        await first.PushAsync($"{Open}:1a2b3c4");
        await first.PushAsync($"{Open}:demo");
        await second.PushAsync($"{Open}:5d6e7f8");

        var moved = Invoke("Add-CvRegistryTag $repository -Version 5d6e7f8 -Tag demo, qa -PassThru -Verbose", Open).AssertNoErrors();
        Assert.Equal(["demo", "qa"], moved.Values<string>("Tag"));
        Assert.Contains(moved.Verbose, v => Facts.AreIn(v, "demo", first.ManifestDigest, "5d6e7f8", second.ManifestDigest));
        Assert.Contains(moved.Verbose, v => Facts.AreIn(v, "qa", "5d6e7f8"));
        Invoke("Get-CvRegistryTag $repository -Tag qa | Add-CvRegistryTag -Tag prod", Open).AssertNoErrors();
        Assert.Contains(
            Invoke("Add-CvRegistryTag $repository -Version 5d6e7f8 -Tag prod -Verbose", Open).AssertNoErrors().Verbose,
            v => Facts.AreIn(v, "prod", "5d6e7f8")
        );
        Invoke("Add-CvRegistryTag $repository -Version 1a2b3c4 -Tag demo", Open).AssertNoErrors();

        var all = Invoke("Get-CvRegistryTag $repository", Open).AssertNoErrors();
        Assert.Equivalent(
            new Dictionary<string, string>
            {
                ["1a2b3c4"] = "1a2b3c4",
                ["5d6e7f8"] = "5d6e7f8",
                ["demo"] = "1a2b3c4",
                ["prod"] = "5d6e7f8",
                ["qa"] = "5d6e7f8",
            },
            all.Output.ToDictionary(o => (string)o.Properties["Tag"].Value, o => (string)o.Properties["Version"].Value),
            strict: true
        );
        Assert.Equal("1a2b3c4", Invoke("Get-CvRegistryTag $repository demo", Open).Single().Properties["Version"].Value);
        Assert.Equal(
            ["5d6e7f8", "prod", "qa"],
            Invoke("Get-CvRegistryTag $repository -Version 5d6e7f8", Open)
                .AssertNoErrors()
                .Values<string>("Tag")
                .Order(StringComparer.Ordinal)
        );
        // skopeo reads the same digest.
        Assert.Equal(
            second.ManifestDigest,
            (
                await ExternalProgram.RunAsync(
                    "skopeo",
                    ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", $"docker://{Open}:prod"]
                )
            ).Trim()
        );
    }

    [Fact]
    public async Task A_missing_version_is_named_and_moves_nothing()
    {
        using ImageLayout image = new("1a2b3c4");
        await image.PushAsync($"{Open}:1a2b3c4");
        await image.PushAsync($"{Open}:demo");

        AssertError(
            "RegistryVersionNotFound",
            ErrorCategory.ObjectNotFound,
            Invoke("Add-CvRegistryTag $repository -Version 9f9f9f9 -Tag demo", Open)
        );
        AssertError("RegistryRepositoryNotFound", ErrorCategory.ObjectNotFound, Invoke("Get-CvRegistryTag $repository", Open + "/nowhere"));
        AssertError(
            "RegistryRepositoryNotFound",
            ErrorCategory.ObjectNotFound,
            Invoke("Get-CvRegistryTag $repository demo", Open + "/nowhere")
        );
        AssertError("RegistryTagNotFound", ErrorCategory.ObjectNotFound, Invoke("Get-CvRegistryTag $repository nothing", Open));
        AssertError(
            "VersionNotFound",
            ErrorCategory.ObjectNotFound,
            Invoke("Get-CvRegistryTag $repository demo -VersionSyntax 'v[0-9]+'", Open)
        );
        // This registry can only delete by digest, which would also remove the version.
        AssertError(
            "RegistryTagRemovalUnsupported",
            ErrorCategory.NotImplemented,
            Invoke("Remove-CvRegistryTag $repository demo -Confirm:$false", Open)
        );
        Assert.Equal(image.ManifestDigest, Invoke("Get-CvRegistryTag $repository demo", Open).Single().Properties["Digest"].Value);
    }

    [Fact]
    public async Task A_tag_whose_manifest_was_deleted_does_not_exist()
    {
        using ImageLayout image = new("1a2b3c4");
        using ImageLayout other = new("5d6e7f8");
        await image.PushAsync($"{Open}:demo");
        await other.PushAsync($"{Open}:5d6e7f8");
        using HttpClient http = new();
        // The registry keeps the tag, and responds with 404 for its manifest.
        using var deleted = await http.DeleteAsync(
            new Uri($"http://{Servers.Registry}/v2/{_path}/manifests/{image.ManifestDigest}"),
            TestContext.Current.CancellationToken
        );
        Assert.True(deleted.IsSuccessStatusCode);

        AssertError("RegistryTagNotFound", ErrorCategory.ObjectNotFound, Invoke("Get-CvRegistryTag $repository demo", Open));
        Assert.Equal(["5d6e7f8"], Invoke("Get-CvRegistryTag $repository", Open).AssertNoErrors().Values<string>("Tag"));
        AssertError(
            "RegistryVersionNotFound",
            ErrorCategory.ObjectNotFound,
            Invoke("Add-CvRegistryTag $repository -Version demo -Tag qa", Open)
        );
        Assert.Contains(
            Invoke("Add-CvRegistryTag $repository -Version 5d6e7f8 -Tag demo -Verbose", Open).AssertNoErrors().Verbose,
            v => Facts.AreIn(v, "demo", "5d6e7f8")
        );
    }

    [Fact]
    public async Task A_multi_platform_image_is_its_index_and_an_index_with_a_missing_image_is_rejected()
    {
        using ImageLayout amd = new("amd64");
        using ImageLayout arm = new("arm64");
        await amd.PushAsync($"{Open}:build-amd64");
        await arm.PushAsync($"{Open}:build-arm64");
        using HttpClient http = new() { BaseAddress = new Uri($"http://{Servers.Registry}/v2/{_path}/manifests/") };
        var index = await PushIndexAsync(http, "1a2b3c4", amd, arm);

        Invoke("Add-CvRegistryTag $repository -Version 1a2b3c4 -Tag demo", Open).AssertNoErrors();

        var demo = Invoke("Get-CvRegistryTag $repository demo", Open).Single();
        Assert.Equal((index, "1a2b3c4"), (demo.Properties["Digest"].Value, demo.Properties["Version"].Value));
        using var deleted = await http.DeleteAsync("./" + arm.ManifestDigest, TestContext.Current.CancellationToken);
        Assert.True(deleted.IsSuccessStatusCode);
        var error = AssertError(
            "RegistryImageIncomplete",
            ErrorCategory.ObjectNotFound,
            Invoke("Get-CvRegistryTag $repository demo", Open)
        );
        Assert.Contains(arm.ManifestDigest, error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task User_and_password_come_from_Credential_or_the_docker_config()
    {
        using ImageLayout image = new("1a2b3c4");
        await image.PushAsync($"{Closed}:1a2b3c4", Login);

        AssertError("RegistryUnauthorized", ErrorCategory.AuthenticationError, Invoke("Get-CvRegistryTag $repository", Closed));
        var wrong = AssertError(
            "RegistryUnauthorized",
            ErrorCategory.AuthenticationError,
            Invoke("Get-CvRegistryTag $repository -Credential $credential", Closed, Credential(Servers.RegistryUser, "falsches-wort"))
        );
        Assert.DoesNotContain("falsches-wort", wrong.Exception.ToString(), StringComparison.Ordinal);
        Invoke(
                "Add-CvRegistryTag $repository -Version 1a2b3c4 -Tag demo -Credential $credential",
                Closed,
                Credential(Servers.RegistryUser, Servers.RegistryPassword)
            )
            .AssertNoErrors();

        var auth = Convert.ToBase64String(Encoding.UTF8.GetBytes(Login));
        using DockerConfigFolder docker = new($$"""{"auths": {"{{Servers.RegistryWithLogin}}": {"auth": "{{auth}}"} } }""");
        Invoke("Add-CvRegistryTag $repository -Version 1a2b3c4 -Tag qa", Closed).AssertNoErrors();
        Assert.Equal(
            ["1a2b3c4", "demo", "qa"],
            Invoke("Get-CvRegistryTag $repository", Closed).AssertNoErrors().Values<string>("Tag").Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public async Task A_token_is_requested_for_the_actions_that_are_needed()
    {
        using ImageLayout image = new("1a2b3c4");
        await image.PushAsync($"{Tokened}:1a2b3c4", "ci:pushes");
        var before = tokens.Tokens.Scopes.Count;

        Invoke("Add-CvRegistryTag $repository -Version 1a2b3c4 -Tag demo, qa -Credential $credential", Tokened, Credential("ci", "pushes"))
            .AssertNoErrors();

        // One token is used for all requests: reading the version, and writing both tags.
        Assert.Equal([$"repository:{_path}:pull,push"], tokens.Tokens.Scopes.Skip(before));
        Assert.Equal(
            ["1a2b3c4", "demo", "qa"],
            Invoke("Get-CvRegistryTag $repository -Credential $credential", Tokened, Credential("reader", "reads"))
                .AssertNoErrors()
                .Values<string>("Tag")
                .Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public async Task A_missing_permission_of_a_login_is_named()
    {
        using ImageLayout image = new("1a2b3c4");
        await image.PushAsync($"{Tokened}:1a2b3c4", "ci:pushes");

        var error = AssertError(
            "RegistryForbidden",
            ErrorCategory.PermissionDenied,
            Invoke(
                "Add-CvRegistryTag $repository -Version 1a2b3c4 -Tag demo -Credential $credential",
                Tokened,
                Credential("reader", "reads")
            )
        );

        Assert.Contains("'push'", error.ToString(), StringComparison.Ordinal);
        AssertError(
            "RegistryUnauthorized",
            ErrorCategory.AuthenticationError,
            Invoke("Get-CvRegistryTag $repository -Credential $credential", Tokened, Credential("ci", "falsch"))
        );
    }

    [Fact]
    public async Task A_refresh_token_of_the_docker_config_is_exchanged()
    {
        using ImageLayout image = new("1a2b3c4");
        await image.PushAsync($"{Tokened}:1a2b3c4", "ci:pushes");
        using DockerConfigFolder docker = new(
            $$"""{"auths": {"{{tokens.Host}}": {"identitytoken": "{{SigningTokenServer.RefreshToken}}"} } }"""
        );

        Invoke("Add-CvRegistryTag $repository -Version 1a2b3c4 -Tag demo", Tokened).AssertNoErrors();

        Assert.Equal(image.ManifestDigest, Invoke("Get-CvRegistryTag $repository demo", Tokened).Single().Properties["Digest"].Value);
    }

    /// <summary>Pushes an index of two existing images, and returns its digest.</summary>
    private static async Task<string> PushIndexAsync(HttpClient manifests, string tag, ImageLayout amd, ImageLayout arm)
    {
        const string Type = "application/vnd.oci.image.index.v1+json";
        JsonArray images = [];
        foreach ((var image, var architecture) in new[] { (amd, "amd64"), (arm, "arm64") })
        {
            images.Add(
                new JsonObject
                {
                    ["mediaType"] = "application/vnd.oci.image.manifest.v1+json",
                    ["digest"] = image.ManifestDigest,
                    ["size"] = image.ManifestSize,
                    ["platform"] = new JsonObject { ["os"] = "linux", ["architecture"] = architecture },
                }
            );
        }

        using StringContent body = new(
            new JsonObject
            {
                ["schemaVersion"] = 2,
                ["mediaType"] = Type,
                ["manifests"] = images,
            }.ToJsonString(),
            Encoding.UTF8,
            new MediaTypeHeaderValue(Type)
        );
        using var put = await manifests.PutAsync(tag, body, TestContext.Current.CancellationToken);
        Assert.True(put.IsSuccessStatusCode, await put.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        return put.Headers.GetValues("Docker-Content-Digest").Single();
    }

    private SessionResult Invoke(string script, string repository, PSCredential? credential = null) =>
        _session.Invoke(script, ("repository", repository), ("credential", credential));

    private static ErrorRecord AssertError(string id, ErrorCategory category, SessionResult result)
    {
        var error = result.Error();
        Assert.StartsWith(id + ",", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(category, error.CategoryInfo.Category);
        Assert.NotEmpty(error.ErrorDetails.RecommendedAction);
        return error;
    }

    private static PSCredential Credential(string user, string password)
    {
        SecureString secret = new();
        foreach (var c in password)
            secret.AppendChar(c);
        return new PSCredential(user, secret);
    }

    /// <summary>Sets the docker config as after `docker login`. Only this class sets it, and its tests run sequentially.</summary>
    private sealed class DockerConfigFolder : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cvm-docker-");
        private readonly string? _former = Environment.GetEnvironmentVariable("DOCKER_CONFIG");

        public DockerConfigFolder(string json)
        {
            File.WriteAllText(Path.Combine(_folder.FullName, "config.json"), json);
            Environment.SetEnvironmentVariable("DOCKER_CONFIG", _folder.FullName);
        }

        public void Dispose()
        {
            Environment.SetEnvironmentVariable("DOCKER_CONFIG", _former);
            _folder.Delete(recursive: true);
        }
    }
}
