using System.Net;
using System.Text;
using CvManager.Sandbox.Registry;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Sandbox.Registry;

public sealed class AccessTests
{
    private static readonly RegistryLogin Basic = new("ci", "s3cret");

    private static readonly RegistryLogin Bearer = Basic with { Kind = RegistryLoginKind.Bearer };

    [Theory, InlineData(true), InlineData(false)]
    public async Task Basic_authentication_is_required_and_checked(bool socket)
    {
        await using var fixture = await RegistryFixture.StartAsync(socket, new() { Login = Basic });
        fixture.Registry.PushImage("a", "demo");

        var refused = await fixture.ExpectErrorAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", HttpMethod.Get, "/v2/");
        Assert.StartsWith("Basic realm=", RegistryFixture.Header(refused, "WWW-Authenticate"), StringComparison.Ordinal);
        await fixture.ExpectErrorAsync(
            HttpStatusCode.Unauthorized,
            "UNAUTHORIZED",
            HttpMethod.Get,
            "/v2/",
            null,
            null,
            Account("ci", "wrong")
        );
        await fixture.ExpectErrorAsync(
            HttpStatusCode.Unauthorized,
            "UNAUTHORIZED",
            HttpMethod.Get,
            "/v2/",
            null,
            null,
            ("Authorization", "Basic !")
        );
        await fixture.ExpectErrorAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", HttpMethod.Get, "/v2/a/manifests/demo");
        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/", null, null, Account("ci", "s3cret"));
        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/manifests/demo", null, null, Account("ci", "s3cret"));
    }

    [Fact]
    public async Task Anonymous_pull_does_not_allow_pushing()
    {
        await using var fixture = await RegistryFixture.StartAsync(socket: false, new() { Login = Basic with { AnonymousPull = true } });
        fixture.Registry.PushImage("a", "demo");

        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/manifests/demo");
        await fixture.ExpectErrorAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", HttpMethod.Post, "/v2/a/blobs/uploads/", []);
        await fixture.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Post, "/v2/a/blobs/uploads/", [], null, Account("ci", "s3cret"));
    }

    [Theory]
    [InlineData(RegistryLoginKind.Basic)]
    [InlineData(RegistryLoginKind.Bearer)]
    public async Task A_pull_only_account_is_denied_pushing_and_deleting(RegistryLoginKind kind)
    {
        await using var fixture = await RegistryFixture.StartAsync(
            socket: false,
            new() { Login = Basic with { Kind = kind, MayPush = false } }
        );
        var digest = fixture.Registry.PushImage("a", "demo");
        var header = kind == RegistryLoginKind.Basic ? Account("ci", "s3cret") : await TokenAsync(fixture, "repository:a:pull,push");

        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/manifests/demo", null, null, header);
        await fixture.ExpectErrorAsync(HttpStatusCode.Forbidden, "DENIED", HttpMethod.Put, "/v2/a/manifests/demo", [1], null, header);
        await fixture.ExpectErrorAsync(
            HttpStatusCode.Forbidden,
            "DENIED",
            HttpMethod.Delete,
            $"/v2/a/manifests/{digest}",
            null,
            null,
            header
        );
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_token_allows_only_its_scopes(bool socket)
    {
        await using var fixture = await RegistryFixture.StartAsync(socket, new() { Login = Bearer });
        fixture.Registry.PushImage("a", "demo");
        fixture.Registry.PushImage("b", "demo");

        var refused = await fixture.ExpectErrorAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", HttpMethod.Get, "/v2/a/manifests/demo");
        var host = fixture.Client.BaseAddress!.Authority;
        Assert.Equal(
            $"Bearer realm=\"http://{host}/token\",service=\"{host}\",scope=\"repository:a:pull\"",
            RegistryFixture.Header(refused, "WWW-Authenticate")
        );
        await fixture.ExpectErrorAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", HttpMethod.Get, "/token?scope=repository:a:pull");
        await fixture.ExpectErrorAsync(
            HttpStatusCode.Unauthorized,
            "UNAUTHORIZED",
            HttpMethod.Get,
            "/token?scope=repository:a:pull",
            null,
            null,
            Account("ci", "wrong")
        );

        var pull = await TokenAsync(fixture, "repository:a:pull");
        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/manifests/demo", null, null, pull);
        foreach (
            var (method, address) in ((HttpMethod, string)[])
                [(HttpMethod.Get, "/v2/b/manifests/demo"), (HttpMethod.Delete, "/v2/a/manifests/demo"), (HttpMethod.Get, "/v2/_catalog")]
        )
        {
            var insufficient = await fixture.ExpectErrorAsync(
                HttpStatusCode.Unauthorized,
                "UNAUTHORIZED",
                method,
                address,
                null,
                null,
                pull
            );
            Assert.Contains(
                "error=\"insufficient_scope\"",
                RegistryFixture.Header(insufficient, "WWW-Authenticate"),
                StringComparison.Ordinal
            );
        }
        var several = await TokenAsync(fixture, "repository:b:pull&scope=repository:a:delete%20registry:catalog:*");
        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/b/manifests/demo", null, null, several);
        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/_catalog", null, null, several);
        await fixture.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Delete, "/v2/a/manifests/demo", null, null, several);
    }

    [Fact]
    public async Task A_token_is_rejected_after_it_expires_or_is_revoked()
    {
        FakeTimeProvider time = new();
        await using var fixture = await RegistryFixture.StartAsync(
            socket: false,
            new() { Login = Bearer with { TokenLifetime = TimeSpan.FromSeconds(60) }, TimeProvider = time }
        );
        fixture.Registry.PushImage("a", "demo");
        var token = await TokenAsync(fixture, "repository:a:pull");

        time.Advance(TimeSpan.FromSeconds(59));
        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/manifests/demo", null, null, token);
        time.Advance(TimeSpan.FromSeconds(1));
        var expired = await fixture.ExpectErrorAsync(
            HttpStatusCode.Unauthorized,
            "UNAUTHORIZED",
            HttpMethod.Get,
            "/v2/a/manifests/demo",
            null,
            null,
            token
        );
        Assert.Contains("error=\"invalid_token\"", RegistryFixture.Header(expired, "WWW-Authenticate"), StringComparison.Ordinal);

        token = await TokenAsync(fixture, "repository:a:pull");
        fixture.Registry.RevokeTokens();
        await fixture.ExpectErrorAsync(
            HttpStatusCode.Unauthorized,
            "UNAUTHORIZED",
            HttpMethod.Get,
            "/v2/a/manifests/demo",
            null,
            null,
            token
        );
    }

    [Fact]
    public async Task An_anonymous_token_allows_only_pulling()
    {
        await using var fixture = await RegistryFixture.StartAsync(socket: false, new() { Login = Bearer with { AnonymousPull = true } });
        fixture.Registry.PushImage("a", "demo");

        var issued = await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/token?service=x&scope=repository:a:pull,push");
        var token = ("Authorization", "Bearer " + (await RegistryFixture.JsonAsync(issued))["token"]!.GetValue<string>());

        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/manifests/demo", null, null, token);
        await fixture.ExpectErrorAsync(
            HttpStatusCode.Unauthorized,
            "UNAUTHORIZED",
            HttpMethod.Post,
            "/v2/a/blobs/uploads/",
            [],
            null,
            token
        );
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_request_over_the_rate_limit_gets_429_with_Retry_After(bool socket)
    {
        FakeTimeProvider time = new();
        await using var fixture = await RegistryFixture.StartAsync(
            socket,
            new() { RateLimit = new(2, TimeSpan.FromSeconds(30)), TimeProvider = time }
        );
        fixture.Registry.PushImage("a", "demo");

        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/");
        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Head, "/v2/a/manifests/demo");
        time.Advance(TimeSpan.FromSeconds(10.5));
        var last = await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/manifests/demo");
        Assert.Equal("2;w=30", RegistryFixture.Header(last, "RateLimit-Limit"));
        Assert.Equal("0;w=30", RegistryFixture.Header(last, "RateLimit-Remaining"));
        var over = await fixture.ExpectErrorAsync((HttpStatusCode)429, "TOOMANYREQUESTS", HttpMethod.Get, "/v2/a/manifests/demo");
        Assert.Equal(TimeSpan.FromSeconds(20), over.Headers.RetryAfter?.Delta);
        time.Advance(TimeSpan.FromSeconds(20));
        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/manifests/demo");
    }

    [Fact]
    public async Task A_rate_limit_on_manifest_GETs_does_not_count_HEADs()
    {
        await using var fixture = await RegistryFixture.StartAsync(
            socket: false,
            new() { RateLimit = new(1, TimeSpan.FromHours(6)) { ManifestGetsOnly = true } }
        );
        fixture.Registry.PushImage("a", "demo");

        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/manifests/demo");
        await fixture.ExpectErrorAsync((HttpStatusCode)429, "TOOMANYREQUESTS", HttpMethod.Get, "/v2/a/manifests/demo");
        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Head, "/v2/a/manifests/demo");
        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/tags/list");
    }

    private static (string, string) Account(string user, string password) =>
        ("Authorization", "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));

    private static async Task<(string, string)> TokenAsync(RegistryFixture fixture, string scope)
    {
        var issued = await fixture.ExpectAsync(
            HttpStatusCode.OK,
            HttpMethod.Get,
            $"/token?service=x&scope={scope}",
            null,
            null,
            Account("ci", "s3cret")
        );
        return ("Authorization", "Bearer " + (await RegistryFixture.JsonAsync(issued))["token"]!.GetValue<string>());
    }
}
