using System.Net;
using System.Net.Sockets;
using System.Text;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Support;
using CvManager.Support.Network;
using CvManager.Support.Registries;
using CvManager.Unit.Shell;
using Xunit;

namespace CvManager.Unit.Registries;

/// <summary>Connections to registries: private authorities, proxies, plain HTTP.</summary>
public sealed class ConnectionTests : IAsyncDisposable
{
    private const string Name = "registry.corp.example";

    private readonly TlsRegistry _registry = new(Name);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cvm-connections-");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _registry.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_configured_private_authority_is_trusted()
    {
        Assert.Equal(TlsRegistry.Digest, await FindAsync(_registry.AuthorityFile, Name));
        Assert.Equal("RegistryUnreachable", await Thrown.ErrorIdAsync(() => FindAsync(null, Name)));
    }

    [Fact]
    public async Task A_certificate_of_a_trusted_authority_is_valid_for_its_names_only()
    {
        var error = await Assert.ThrowsAsync<CvException>(() => FindAsync(_registry.AuthorityFile, "other.corp.example"));

        Assert.Equal("RegistryUnreachable", error.ErrorId);
        Assert.Contains("other.corp.example", error.Message, StringComparison.Ordinal);
        Assert.Empty(_registry.Requests);
    }

    [Fact]
    public async Task A_configured_authority_does_not_make_others_trusted()
    {
        await using TlsRegistry other = new(Name);

        Assert.Equal("RegistryUnreachable", await Thrown.ErrorIdAsync(() => FindAsync(other.AuthorityFile, Name)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("no certificate")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")]
    public async Task A_file_without_certificates_is_named(string? content)
    {
        var file = Path.Combine(_folder.FullName, "ca.pem");
        if (content is not null)
            await File.WriteAllTextAsync(file, content, Token);

        var error = Assert.Throws<CvException>(() => new RegistryCatalog(new() { AuthorityFile = file }, FixedCredential.Anonymous));

        Assert.Equal("RegistryCertificatesInvalid", error.ErrorId);
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_environment_configures_authorities_and_plain_HTTP_registries()
    {
        Dictionary<string, string> environment = new()
        {
            ["CVM_REGISTRY_CA"] = "/etc/ca.pem",
            ["CVM_PLAIN_HTTP_REGISTRIES"] = "a.test:5000, B.test,",
        };

        var options = RegistryClientOptions.Of(environment.GetValueOrDefault);

        Assert.Equal("/etc/ca.pem", options.AuthorityFile);
        Assert.Equal(["a.test:5000", "B.test"], options.PlainHttpRegistries);
        Assert.Contains("b.test", options.PlainHttpRegistries);
        Assert.Equal(
            (null, 0),
            (RegistryClientOptions.Of(_ => "").AuthorityFile, RegistryClientOptions.Of(_ => null).PlainHttpRegistries.Count)
        );
    }

    [Theory]
    [InlineData("registry.test/app", "https")]
    [InlineData("registry.test:5000/app", "https")]
    [InlineData("plain.test:5000/app", "http")]
    [InlineData("plain.test/app", "https")]
    [InlineData("localhost:5000/app", "http")]
    [InlineData("127.0.0.1:5000/app", "http")]
    [InlineData("[::1]:5000/app", "http")]
    public async Task Plain_HTTP_is_used_for_loopback_and_if_configured(string repository, string scheme)
    {
        using ScriptedRegistry handler = new(_ => ScriptedRegistry.Head(TlsRegistry.Digest))
        {
            Options = new() { PlainHttpRegistries = new HashSet<string>(StringComparer.OrdinalIgnoreCase) { "plain.test:5000" } },
        };
        using var catalog = handler.Catalog();
        using var plain = catalog.With(FixedCredential.Anonymous, plainHttp: true);
        var named = ImageRepository.Parse(repository);

        await catalog.For(named).FindTagAsync(named, "demo", Token);
        await plain.For(named).FindTagAsync(named, "demo", Token);

        Assert.Equal([scheme, "http"], handler.Requests.Select(r => r.Uri.Scheme));
    }

    [Fact]
    public async Task The_proxy_of_the_environment_is_used_except_for_excluded_hosts()
    {
        await using TunnelProxy proxy = new(_registry.Port, "me:geheim");
        await using var direct = await CvManager.Sandbox.Registry.SandboxRegistry.StartAsync(new(), Token);
        var digest = direct.PushImage("app", "1a2b3c4");
        var address = $"http://me:geheim@127.0.0.1:{proxy.Port}";
        Dictionary<string, string?> environment = new()
        {
            ["HTTPS_PROXY"] = address,
            ["http_proxy"] = address,
            ["NO_PROXY"] = "127.0.0.1",
            ["CVM_REGISTRY_CA"] = _registry.AuthorityFile,
            ["DOCKER_CONFIG"] = _folder.FullName,
        };

        var result = await Cvm.RunAsync(
            ["-Command", $"(Get-CvRegistryTag {Name}/app 1a2b3c4).Digest; (Get-CvRegistryTag {direct.Host}/app 1a2b3c4).Digest"],
            environment: environment
        );

        Assert.Equal(
            [TlsRegistry.Digest, digest],
            result.Output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
        );
        Assert.Equal([$"{Name}:443"], proxy.Targets.Distinct());
    }

    [Fact]
    public async Task A_proxy_that_rejects_its_credential_is_reported_without_the_credential()
    {
        await using TunnelProxy proxy = new(_registry.Port, "me:geheim");
        Dictionary<string, string?> environment = new()
        {
            ["HTTPS_PROXY"] = $"http://me:falsch@127.0.0.1:{proxy.Port}",
            ["NO_PROXY"] = null,
            ["DOCKER_CONFIG"] = _folder.FullName,
        };

        var result = await Cvm.RunAsync(
            ["-Command", $"try {{ Get-CvRegistryTag {Name}/app 1a2b3c4 -ErrorAction Stop }} catch {{ throw $_.Exception.ToString() }}"],
            environment: environment
        );

        Assert.Contains("407", result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("falsch", result.Errors, StringComparison.Ordinal);
        Assert.Empty(_registry.Requests);
    }

    [Fact]
    public async Task A_docker_login_is_used_for_ECR_without_AWS_credentials()
    {
        const string Host = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
        await using TlsRegistry ecr = new(Host) { Login = "AWS:token-of-today" };
        await using TunnelProxy proxy = new(ecr.Port);
        await File.WriteAllTextAsync(
            Path.Combine(_folder.FullName, "config.json"),
            $$"""{"auths": {"{{Host}}": {"auth": "{{Convert.ToBase64String(Encoding.UTF8.GetBytes("AWS:token-of-today"))}}"} } }""",
            Token
        );
        Dictionary<string, string?> environment = new()
        {
            ["HTTPS_PROXY"] = $"http://127.0.0.1:{proxy.Port}",
            ["NO_PROXY"] = null,
            ["CVM_REGISTRY_CA"] = ecr.AuthorityFile,
            ["DOCKER_CONFIG"] = _folder.FullName,
            ["HOME"] = _folder.FullName,
            ["USERPROFILE"] = _folder.FullName,
            ["AWS_EC2_METADATA_DISABLED"] = "true",
        };
        foreach (
            var name in Environment.GetEnvironmentVariables().Keys.Cast<string>().Where(n => n.StartsWith("AWS_", StringComparison.Ordinal))
        )
            environment.TryAdd(name, null);

        var result = await Cvm.RunAsync(["-Command", $"(Get-CvRegistryTag {Host}/app 1a2b3c4).Digest"], environment: environment);

        Assert.Equal(TlsRegistry.Digest, result.Output.Trim());
        Assert.All(ecr.Requests, r => Assert.StartsWith("HEAD /v2/app/manifests/1a2b3c4 ", r, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("plain HTTP", "-PlainHttp")]
    [InlineData("alert 70", "TLS versions")]
    [InlineData("alert 116", "client certificate")]
    public async Task A_TLS_failure_reports_its_cause_and_is_not_retried(string how, string advice)
    {
        await using OddTlsServer server = new(how);

        var error = await Assert.ThrowsAsync<CvException>(() => FindAsync(null, Name, server.Port, retries: 3));

        Assert.Equal("RegistryUnreachable", error.ErrorId);
        Assert.Contains(advice, error.Remedy, StringComparison.Ordinal);
        Assert.Equal(1, server.Connections);
    }

    private Task<string?> FindAsync(string? authorityFile, string host) => FindAsync(authorityFile, host, _registry.Port, retries: 0);

    private static async Task<string?> FindAsync(string? authorityFile, string host, int port, int retries)
    {
        using var handler = RegistryConnections.Open(new() { AuthorityFile = authorityFile });
        handler.UseProxy = false;
        handler.ConnectCallback = async (_, cancellationToken) =>
        {
            Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        };
        using RegistryCatalog catalog = new(new() { Retries = retries }, FixedCredential.Anonymous, handler);
        var repository = ImageRepository.Parse($"{host}/app");
        return (await catalog.For(repository).FindTagAsync(repository, "demo", Token))?.Digest;
    }
}
