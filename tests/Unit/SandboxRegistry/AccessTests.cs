using System.Net;
using System.Text;
using CvManager.Sandbox.Registry;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.SandboxRegistry;

public sealed class AccessTests
{
    private static readonly RegistryLogin Basic = new("ci", "s3cret");

    private static readonly RegistryLogin Bearer = Basic with { Kind = RegistryLoginKind.Bearer };

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_basic_login_is_asked_for_and_checked(bool socket)
    {
        await using var fronts = await RegistryFronts.StartAsync(socket, new() { Login = Basic });
        fronts.Registry.PushImage("a", "demo");

        var refused = await fronts.ExpectErrorAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", HttpMethod.Get, "/v2/");
        Assert.StartsWith("Basic realm=", RegistryFronts.Header(refused, "WWW-Authenticate"), StringComparison.Ordinal);
        await fronts.ExpectErrorAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", HttpMethod.Get, "/v2/", null, null, Account("ci", "wrong"));
        await fronts.ExpectErrorAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", HttpMethod.Get, "/v2/", null, null, ("Authorization", "Basic !"));
        await fronts.ExpectErrorAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", HttpMethod.Get, "/v2/a/manifests/demo");
        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/", null, null, Account("ci", "s3cret"));
        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/manifests/demo", null, null, Account("ci", "s3cret"));
    }

    [Fact]
    public async Task Pulling_may_be_open_where_pushing_is_not()
    {
        await using var fronts = await RegistryFronts.StartAsync(socket: false, new() { Login = Basic with { AnonymousPull = true } });
        fronts.Registry.PushImage("a", "demo");

        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/manifests/demo");
        await fronts.ExpectErrorAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", HttpMethod.Post, "/v2/a/blobs/uploads/", []);
        await fronts.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Post, "/v2/a/blobs/uploads/", [], null, Account("ci", "s3cret"));
    }

    [Theory]
    [InlineData(RegistryLoginKind.Basic)]
    [InlineData(RegistryLoginKind.Bearer)]
    public async Task Who_may_only_pull_is_denied_the_rest(RegistryLoginKind kind)
    {
        await using var fronts = await RegistryFronts.StartAsync(socket: false, new() { Login = Basic with { Kind = kind, MayPush = false } });
        string digest = fronts.Registry.PushImage("a", "demo");
        var header = kind == RegistryLoginKind.Basic ? Account("ci", "s3cret") : await TokenAsync(fronts, "repository:a:pull,push");

        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/manifests/demo", null, null, header);
        await fronts.ExpectErrorAsync(HttpStatusCode.Forbidden, "DENIED", HttpMethod.Put, "/v2/a/manifests/demo", [1], null, header);
        await fronts.ExpectErrorAsync(HttpStatusCode.Forbidden, "DENIED", HttpMethod.Delete, $"/v2/a/manifests/{digest}", null, null, header);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_token_opens_what_it_was_asked_for_and_nothing_else(bool socket)
    {
        await using var fronts = await RegistryFronts.StartAsync(socket, new() { Login = Bearer });
        fronts.Registry.PushImage("a", "demo");
        fronts.Registry.PushImage("b", "demo");

        var refused = await fronts.ExpectErrorAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", HttpMethod.Get, "/v2/a/manifests/demo");
        string host = fronts.Client.BaseAddress!.Authority;
        Assert.Equal($"Bearer realm=\"http://{host}/token\",service=\"{host}\",scope=\"repository:a:pull\"", RegistryFronts.Header(refused, "WWW-Authenticate"));
        await fronts.ExpectErrorAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", HttpMethod.Get, "/token?scope=repository:a:pull");
        await fronts.ExpectErrorAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", HttpMethod.Get, "/token?scope=repository:a:pull", null, null, Account("ci", "wrong"));

        var pull = await TokenAsync(fronts, "repository:a:pull");
        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/manifests/demo", null, null, pull);
        foreach (var (method, address) in ((HttpMethod, string)[])[(HttpMethod.Get, "/v2/b/manifests/demo"), (HttpMethod.Delete, "/v2/a/manifests/demo"), (HttpMethod.Get, "/v2/_catalog")])
        {
            var insufficient = await fronts.ExpectErrorAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", method, address, null, null, pull);
            Assert.Contains("error=\"insufficient_scope\"", RegistryFronts.Header(insufficient, "WWW-Authenticate"), StringComparison.Ordinal);
        }
        var several = await TokenAsync(fronts, "repository:b:pull&scope=repository:a:delete%20registry:catalog:*");
        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/b/manifests/demo", null, null, several);
        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/_catalog", null, null, several);
        await fronts.ExpectAsync(HttpStatusCode.Accepted, HttpMethod.Delete, "/v2/a/manifests/demo", null, null, several);
    }

    [Fact]
    public async Task A_token_ends_with_its_time_or_when_it_is_revoked()
    {
        FakeTimeProvider time = new();
        await using var fronts = await RegistryFronts.StartAsync(socket: false,
            new() { Login = Bearer with { TokenLifetime = TimeSpan.FromSeconds(60) }, TimeProvider = time });
        fronts.Registry.PushImage("a", "demo");
        var token = await TokenAsync(fronts, "repository:a:pull");

        time.Advance(TimeSpan.FromSeconds(59));
        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/manifests/demo", null, null, token);
        time.Advance(TimeSpan.FromSeconds(1));
        var expired = await fronts.ExpectErrorAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", HttpMethod.Get, "/v2/a/manifests/demo", null, null, token);
        Assert.Contains("error=\"invalid_token\"", RegistryFronts.Header(expired, "WWW-Authenticate"), StringComparison.Ordinal);

        token = await TokenAsync(fronts, "repository:a:pull");
        fronts.Registry.RevokeTokens();
        await fronts.ExpectErrorAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", HttpMethod.Get, "/v2/a/manifests/demo", null, null, token);
    }

    [Fact]
    public async Task Without_a_login_the_token_server_gives_pulling_alone_where_that_is_open()
    {
        await using var fronts = await RegistryFronts.StartAsync(socket: false, new() { Login = Bearer with { AnonymousPull = true } });
        fronts.Registry.PushImage("a", "demo");

        var issued = await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/token?service=x&scope=repository:a:pull,push");
        var token = ("Authorization", "Bearer " + (await RegistryFronts.JsonAsync(issued))["token"]!.GetValue<string>());

        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/manifests/demo", null, null, token);
        await fronts.ExpectErrorAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", HttpMethod.Post, "/v2/a/blobs/uploads/", [], null, token);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task Over_the_rate_limit_it_says_when_to_come_again(bool socket)
    {
        FakeTimeProvider time = new();
        await using var fronts = await RegistryFronts.StartAsync(socket,
            new() { RateLimit = new(2, TimeSpan.FromSeconds(30)), TimeProvider = time });
        fronts.Registry.PushImage("a", "demo");

        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/");
        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Head, "/v2/a/manifests/demo");
        time.Advance(TimeSpan.FromSeconds(10.5));
        var last = await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/manifests/demo");
        Assert.Equal("2;w=30", RegistryFronts.Header(last, "RateLimit-Limit"));
        Assert.Equal("0;w=30", RegistryFronts.Header(last, "RateLimit-Remaining"));
        var over = await fronts.ExpectErrorAsync((HttpStatusCode)429, "TOOMANYREQUESTS", HttpMethod.Get, "/v2/a/manifests/demo");
        Assert.Equal(TimeSpan.FromSeconds(20), over.Headers.RetryAfter?.Delta);
        time.Advance(TimeSpan.FromSeconds(20));
        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/manifests/demo");
    }

    [Fact]
    public async Task A_limit_on_manifest_GETs_leaves_HEADs_free()
    {
        await using var fronts = await RegistryFronts.StartAsync(socket: false,
            new() { RateLimit = new(1, TimeSpan.FromHours(6)) { ManifestGetsOnly = true } });
        fronts.Registry.PushImage("a", "demo");

        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/manifests/demo");
        await fronts.ExpectErrorAsync((HttpStatusCode)429, "TOOMANYREQUESTS", HttpMethod.Get, "/v2/a/manifests/demo");
        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Head, "/v2/a/manifests/demo");
        await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/tags/list");
    }

    private static (string, string) Account(string user, string password) =>
        ("Authorization", "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));

    private static async Task<(string, string)> TokenAsync(RegistryFronts fronts, string scope)
    {
        var issued = await fronts.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, $"/token?service=x&scope={scope}", null, null, Account("ci", "s3cret"));
        return ("Authorization", "Bearer " + (await RegistryFronts.JsonAsync(issued))["token"]!.GetValue<string>());
    }
}
