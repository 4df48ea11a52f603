using CvManager.Registries;
using CvManager.Registries.Credentials;
using Xunit;

namespace CvManager.Unit.Registries.Credentials;

public sealed class CredentialTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cvm-credentials-");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("nginx", "hub")]
    [InlineData("registry.test/app", "whole")]
    [InlineData("registry.test/team/app", "team")]
    [InlineData("registry.test/teammate/app", "whole")]
    [InlineData("eu.cloud.test/app", "star")]
    [InlineData("a.eu.cloud.test/app", null)]
    [InlineData("localhost:5000/app", "port")]
    [InlineData("localhost:5001/app", null)]
    public async Task The_credential_with_the_longest_path_is_used(string repository, string? user)
    {
        var source = new DockerConfigText(
            """
            {"auths": {
              "https://index.docker.io/v1/": {"username": "hub", "password": "p"},
              "https://registry.test/v2/": {"username": "whole", "password": "p"},
              "registry.test/team": {"username": "team", "password": "p"},
              "*.cloud.test": {"username": "star", "password": "p"},
              "localhost:5000": {"auth": "cG9ydDpwYXNzOndvcmQ="}}}
            """,
            "Secret default/regcred"
        );

        var credential = await source.FindAsync(ImageRepository.Parse(repository), Token);

        Assert.Equal(user, credential?.UserName);
        if (user == "port")
            Assert.Equal("pass:word", credential!.Password);
    }

    [Fact]
    public async Task An_identity_token_takes_precedence_over_a_password()
    {
        var source = new DockerConfigText("""{"auths": {"registry.test": {"auth": "YTpi", "identitytoken": "long-lived"}}}""", "text");

        Assert.Equal("long-lived", (await source.FindAsync(ImageRepository.Parse("registry.test/app"), Token))?.IdentityToken);
    }

    [Theory]
    [InlineData("{\"auths\": {\"registry.test\": {\"auth\": \"geheim!\"}}}")]
    [InlineData("{\"auths\": {\"registry.test\": {\"auth\": \"Z2VoZWlt\"}}}")]
    [InlineData("{\"auths\": \"geheim\"}")]
    public async Task Invalid_credentials_are_reported_without_quoting_them(string json)
    {
        var error = await Assert.ThrowsAsync<CvException>(async () =>
            await new DockerConfigText(json, "Secret default/regcred").FindAsync(ImageRepository.Parse("registry.test/app"), Token)
        );

        Assert.Equal("RegistryCredentialInvalid", error.ErrorId);
        Assert.Contains("default/regcred", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("geheim", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_credential_prints_no_secret()
    {
        Assert.DoesNotContain("geheim", RegistryCredential.OfPassword("ci", "geheim").ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("geheim", RegistryCredential.OfIdentityToken("geheim").ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_environment_determines_the_paths_of_files()
    {
        Assert.Equal(["/a/auth.json"], DockerConfigFile.PathsOf(n => n == "REGISTRY_AUTH_FILE" ? "/a/auth.json" : "/b", "/home/me", "7"));
        Assert.Equal(
            ["/x/containers/auth.json", "/home/me/.config/containers/auth.json", "/b/config.json"],
            DockerConfigFile.PathsOf(
                n =>
                    n switch
                    {
                        "DOCKER_CONFIG" => "/b",
                        "XDG_RUNTIME_DIR" => "/x",
                        _ => null,
                    },
                "/home/me",
                "7"
            )
        );
        Assert.Equal(
            ["/run/containers/7/auth.json", "/home/me/.config/containers/auth.json", "/home/me/.docker/config.json"],
            DockerConfigFile.PathsOf(_ => null, "/home/me", "7")
        );
        // Never in the current directory.
        Assert.Empty(DockerConfigFile.PathsOf(_ => null, "", null));
    }

    [Fact]
    public async Task A_missing_file_has_no_credential()
    {
        var source = new DockerConfigFile(Path.Combine(_folder.FullName, "config.json"), TimeProvider.System);

        Assert.Null(await source.FindAsync(ImageRepository.Parse("nginx"), Token));
    }

    [Theory]
    [InlineData("cat >/dev/null; echo '{\"Username\":\"helped\",\"Secret\":\"s\"}'", "helped", null)]
    [InlineData("read key; echo \"{\\\"Username\\\":\\\"$key\\\",\\\"Secret\\\":\\\"s\\\"}\"", "registry.test", null)]
    [InlineData("echo 'credentials not found in native keychain'; exit 1", "written", null)]
    [InlineData("echo 'geheim'; exit 3", null, "3")]
    [InlineData("echo 'geheim'", null, "docker-credential-cvmtest")]
    public async Task A_credential_helper_takes_precedence(string script, string? user, string? complaint)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the helper is a shell script");
        var program = Path.Combine(_folder.FullName, "docker-credential-cvmtest");
        await File.WriteAllTextAsync(program, $"#!/bin/sh\n{script}\n", Token);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var config = Path.Combine(_folder.FullName, "config.json");
        await File.WriteAllTextAsync(
            config,
            """{"credHelpers": {"registry.test": "cvmtest"}, "auths": {"registry.test": {"username": "written", "password": "p"}}}""",
            Token
        );
        var path = Environment.GetEnvironmentVariable("PATH");
        Environment.SetEnvironmentVariable("PATH", $"{_folder.FullName}{Path.PathSeparator}{path}");
        try
        {
            var source = new DockerConfigFile(config, TimeProvider.System);
            var asked = source.FindAsync(ImageRepository.Parse("registry.test/app"), Token);
            if (complaint is null)
            {
                Assert.Equal(user, (await asked)?.UserName);
                return;
            }

            var error = await Assert.ThrowsAsync<CvException>(async () => await asked);
            Assert.Contains(complaint, error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("geheim", error.ToString(), StringComparison.Ordinal);
        }
        finally
        {
            Environment.SetEnvironmentVariable("PATH", path);
        }
    }

    [Fact]
    public async Task A_missing_credential_helper_is_reported_by_name()
    {
        var config = Path.Combine(_folder.FullName, "config.json");
        await File.WriteAllTextAsync(config, """{"credsStore": "nowhere-at-all"}""", Token);

        var error = await Assert.ThrowsAsync<CvException>(async () =>
            await new DockerConfigFile(config, TimeProvider.System).FindAsync(ImageRepository.Parse("nginx"), Token)
        );

        Assert.Contains("docker-credential-nowhere-at-all", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_credential_store_does_not_hide_credentials_of_the_file()
    {
        var config = Path.Combine(_folder.FullName, "config.json");
        await File.WriteAllTextAsync(
            config,
            """{"credsStore": "nowhere-at-all", "auths": {"registry.test": {"username": "written", "password": "p"}}}""",
            Token
        );

        Assert.Equal(
            "written",
            (await new DockerConfigFile(config, TimeProvider.System).FindAsync(ImageRepository.Parse("registry.test/app"), Token))?.UserName
        );
    }

    [Theory]
    [InlineData("utf-8")]
    [InlineData("utf-16")]
    [InlineData("utf-16BE")]
    public async Task A_file_is_read_in_the_encoding_of_its_byte_order_mark(string encoding)
    {
        var config = Path.Combine(_folder.FullName, "config.json");
        await File.WriteAllTextAsync(
            config,
            """{"auths": {"registry.test": {"username": "jürgen", "password": "p"}}}""",
            System.Text.Encoding.GetEncoding(encoding),
            Token
        );

        Assert.Equal(
            "jürgen",
            (await new DockerConfigFile(config, TimeProvider.System).FindAsync(ImageRepository.Parse("registry.test/app"), Token))?.UserName
        );
    }

    [Fact]
    public async Task Credentials_are_tried_by_longest_path_and_unreadable_ones_are_skipped()
    {
        ICredentialSource source = new DockerConfigText(
            """
            {"auths": {"registry.test": {"auth": "aG9zdDpw"}, "registry.test/team/app": {"auth": "not base64!"}, "https://registry.test/team/": {"registrytoken": "T"}, "other.test": {"auth": "eDp5"}, "registry.test/te": {"auth": "eDp5"}}}
            """,
            "test"
        );

        var found = await source.FindAllAsync(ImageRepository.Parse("registry.test/team/app"), Token);

        Assert.Equal(["(registry token)", "host"], found.Select(c => c.ToString()));
    }

    [Theory]
    [InlineData("https://index.docker.io/v1/")]
    [InlineData("docker.io")]
    [InlineData("registry-1.docker.io")]
    [InlineData("https://registry.hub.docker.com")]
    public async Task All_names_of_Docker_Hub_have_the_same_credential(string key)
    {
        ICredentialSource source = new DockerConfigText(
            $$$$"""{"auths": {"{{{{key}}}}": {"auth": "bWU6cA"}, "https://index.docker.io/v1/access-token": {"auth": "eDp5"}}}""",
            "test"
        );

        foreach (
            var name in (string[])
                [
                    "acme/app",
                    "docker.io/acme/app",
                    "index.docker.io/acme/app",
                    "registry-1.docker.io/acme/app",
                    "registry.hub.docker.com/acme/app",
                    "Docker.io/acme/app",
                ]
        )
            Assert.Equal("me", Assert.Single(await source.FindAllAsync(ImageRepository.Parse(name), Token)).UserName);
    }

    [Fact]
    public async Task The_first_source_with_a_credential_is_used()
    {
        var chain = new CredentialChain(
            FixedCredential.Anonymous,
            new FixedCredential(RegistryCredential.OfPassword("second", "p")),
            new FixedCredential(null)
        );

        Assert.Equal("second", (await chain.FindAsync(ImageRepository.Parse("nginx"), Token))?.UserName);
    }
}
