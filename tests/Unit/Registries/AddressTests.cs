using System.Net;
using CvManager.Registries;
using CvManager.Registries.Oci;
using CvManager.Support;
using CvManager.Support.Registries;
using Xunit;
using static CvManager.Support.Registries.ScriptedRegistry;

namespace CvManager.Unit.Registries;

/// <summary>Allowed addresses of registries and their redirects (R20).</summary>
public sealed class AddressTests
{
    private static readonly string Digest = "sha256:" + new string('a', 64);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("169.254.169.254")]
    [InlineData("169.254.170.2")]
    [InlineData("fe80::1")]
    [InlineData("fe80::a9fe:a9fe%3")]
    [InlineData("::ffff:169.254.169.254")]
    [InlineData("::169.254.169.254")]
    [InlineData("64:ff9b::a9fe:a9fe")]
    [InlineData("fd00:ec2::254")]
    [InlineData("100.100.100.200")]
    [InlineData("192.0.0.192")]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    [InlineData("224.0.0.1")]
    [InlineData("255.255.255.255")]
    public void Link_local_and_metadata_addresses_are_blocked(string address) =>
        Assert.True(AddressRules.IsBlocked(IPAddress.Parse(address)));

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("10.0.0.1")]
    [InlineData("192.168.1.1")]
    [InlineData("fd00::1")]
    [InlineData("2001:db8::1")]
    [InlineData("203.0.113.7")]
    public void Others_are(string address) => Assert.False(AddressRules.IsBlocked(IPAddress.Parse(address)));

    [Theory]
    // The registry, the target that it refers to, and whether that is allowed.
    [InlineData("https://registry.test", "https://storage.test/x", true)]
    [InlineData("https://registry.test", "http://registry.test/x", false)]
    [InlineData("https://registry.test", "https://127.0.0.1/x", false)]
    [InlineData("https://registry.test", "https://127.1/x", false)]
    [InlineData("https://registry.test", "https://2130706433/x", false)]
    [InlineData("https://registry.test", "https://0x7f000001/x", false)]
    [InlineData("https://registry.test", "https://[::ffff:127.0.0.1]/x", false)]
    [InlineData("https://registry.test", "https://localhost./x", false)]
    [InlineData("https://registry.test", "https://a.localhost/x", false)]
    [InlineData("https://registry.test", "https://169.254.169.254/latest", false)]
    [InlineData("https://registry.test", "https://[fe80::1]/x", false)]
    [InlineData("https://registry.test", "https://u:p@storage.test/x", false)]
    [InlineData("https://registry.test", "ftp://storage.test/x", false)]
    [InlineData("https://registry.test", "file:///etc/passwd", false)]
    [InlineData("http://plain.test:5000", "http://plain.test:5001/x", true)]
    [InlineData("http://plain.test:5000", "http://other.test/x", false)]
    [InlineData("http://plain.test:5000", "http://also-plain.test/x", true)]
    [InlineData("http://plain.test:5000", "http://127.0.0.1:5000/x", false)]
    [InlineData("http://plain.test:5000", "http://169.254.169.254/latest/meta-data", false)]
    [InlineData("http://127.0.0.1:5000", "http://127.0.0.1:5001/x", true)]
    [InlineData("http://127.0.0.1:5000", "http://localhost:5001/x", true)]
    [InlineData("http://127.0.0.1:5000", "http://other.test/x", false)]
    [InlineData("http://127.0.0.1:5000", "http://169.254.169.254/latest/meta-data", false)]
    [InlineData("http://127.0.0.1:5000", "https://storage.test/x", true)]
    public void A_server_may_refer_only_to_allowed_targets(string server, string target, bool asked)
    {
        RegistryClientOptions options = new()
        {
            PlainHttpRegistries = new HashSet<string>(StringComparer.OrdinalIgnoreCase) { "plain.test:5000", "also-plain.test" },
        };

        Assert.Equal(asked, RegistryAddress.IsTargetAllowed(new Uri(target), new Uri(server), options));
    }

    [Theory]
    [InlineData("169.254.169.254/app")]
    [InlineData("[fe80::1]:5000/app")]
    [InlineData("[fd00:ec2::254]/app")]
    public async Task A_link_local_registry_is_blocked_unless_the_operator_allows_it(string name)
    {
        var repository = ImageRepository.Parse(name);
        using var handler = new ScriptedRegistry(_ => Head(Digest));
        using var catalog = handler.Catalog();
        using var allowing = new ScriptedRegistry(_ => Head(Digest))
        {
            Options = new() { LinkLocalRegistries = new HashSet<string> { repository.Registry } },
        };
        using var allowed = allowing.Catalog();

        Assert.Equal(
            "RegistryAddressRefused",
            await Thrown.ErrorIdAsync(() => catalog.For(repository).FindTagAsync(repository, "demo", Token))
        );
        Assert.Empty(handler.Requests);
        Assert.Equal(Digest, (await allowed.For(repository).FindTagAsync(repository, "demo", Token))?.Digest);
    }

    [Fact]
    public async Task A_redirect_of_a_remote_server_to_this_machine_is_blocked_whatever_its_name()
    {
        using var handler = RegistryConnections.Open(new());
        using HttpMessageInvoker http = new(handler);
        using HttpRequestMessage request = new(HttpMethod.Get, "http://localhost:9/");
        request.Options.Set(RegistryConnections.NotToLoopback, true);

        var error = await Assert.ThrowsAsync<HttpRequestException>(() => http.SendAsync(request, Token));

        Assert.IsType<AddressRefusedException>(error.InnerException);
    }

    [Theory]
    [InlineData("https://registry.test/token", "repository:victim/app:pull,push registry:catalog:*", "repository:app:pull")]
    [InlineData("https://registry.test/token", "repository:app:pull,push,delete", "repository:app:pull")]
    [InlineData("https://registry.test/token", "repository:app:metadata_read", "repository:app:metadata_read,pull")]
    [InlineData("https://registry.test/token", "*", "repository:app:pull")]
    public async Task The_requested_scope_is_that_of_the_request(string realm, string challenged, string asked)
    {
        var app = ImageRepository.Parse("registry.test/app");
        using var handler = new ScriptedRegistry(request =>
            request.RequestUri!.AbsolutePath == "/token" ? Json("""{"token":"abc"}""")
            : request.Headers.Authorization is null
                ? Status(HttpStatusCode.Unauthorized, ("WWW-Authenticate", $"Bearer realm=\"{realm}\",scope=\"{challenged}\""))
            : Head(Digest)
        );
        using var catalog = handler.Catalog();

        await catalog.For(app).FindTagAsync(app, "demo", Token);

        Assert.Equal("?scope=" + Uri.EscapeDataString(asked), handler.Requests.Single(r => r.Uri.AbsolutePath == "/token").Uri.Query);
    }
}
