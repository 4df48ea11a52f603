using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Sandbox.Registry;
using CvManager.Support;
using Xunit;

namespace CvManager.Unit.Registries.Oci;

// Namespaces of tests follow the folders of the engine.
using SandboxRegistry = CvManager.Sandbox.Registry.SandboxRegistry;

/// <summary>The client with the registry of the sandbox, which validates requests.</summary>
public sealed class OciRegistryTests
{
    private static readonly ImageRepository App = ImageRepository.Parse("registry.sandbox/team/app");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_tag_is_found_by_one_HEAD()
    {
        await using var sandbox = await Sandbox();
        var digest = sandbox.PushImage("team/app", "demo", platforms: ["linux/amd64", "linux/arm64"]);
        using var catalog = Catalog(sandbox);

        Assert.Equal(digest, (await catalog.For(App).FindTagAsync(App, "demo", Token))?.Digest);
        Assert.Null(await catalog.For(App).FindTagAsync(App, "qa", Token));
        Assert.Equal(2, sandbox.Requests[("HEAD", RegistryRequestKind.Manifest)]);
    }

    [Fact]
    public async Task Tags_are_listed_over_all_pages()
    {
        await using var sandbox = await Sandbox(new() { Listen = false, PageSize = 2 });
        foreach (var tag in (string[])["a", "b", "c", "d", "e"])
            sandbox.PushImage("team/app", tag);
        using var catalog = Catalog(sandbox);

        List<string> tags = [];
        await foreach (var tag in catalog.For(App).ListTagsAsync(App, Token))
            tags.Add(tag.Tag);

        Assert.Equal(["a", "b", "c", "d", "e"], tags);
    }

    [Fact]
    public async Task A_tag_is_moved_in_three_requests_and_again_in_two()
    {
        await using var sandbox = await Sandbox();
        var former = sandbox.PushImage("team/app", "demo");
        var digest = sandbox.PushImage("team/app", "v2", platforms: ["linux/amd64", "linux/arm64"]);
        using var catalog = Catalog(sandbox);

        var move = await catalog.For(App).AddTagAsync(App, "v2", "demo", Token);
        Assert.Equal(new TagMove(App, "demo", "v2", digest, former, false), move);
        Assert.Equal(digest, sandbox.Digest("team/app", "demo"));
        Assert.Equal(3, sandbox.Requests.Values.Sum());

        sandbox.ResetRequests();
        Assert.True((await catalog.For(App).AddTagAsync(App, "v2", "demo", Token)).AlreadyThere);
        Assert.Equal(2, sandbox.Requests.Values.Sum());
    }

    [Fact]
    public async Task A_tag_cannot_be_moved_to_a_missing_version()
    {
        await using var sandbox = await Sandbox();
        var former = sandbox.PushImage("team/app", "demo");
        using var catalog = Catalog(sandbox);

        Assert.Equal("RegistryVersionNotFound", await Thrown.ErrorIdAsync(() => catalog.For(App).AddTagAsync(App, "v2", "demo", Token)));
        Assert.Equal(former, sandbox.Digest("team/app", "demo"));
    }

    [Theory]
    [InlineData(RegistryDeletion.TagsAndDigests, null)]
    [InlineData(RegistryDeletion.DigestsOnly, "RegistryTagRemovalUnsupported")]
    [InlineData(RegistryDeletion.None, "RegistryTagRemovalUnsupported")]
    public async Task Deleting_a_tag_keeps_the_image(RegistryDeletion deletion, string? error)
    {
        await using var sandbox = await Sandbox(new() { Listen = false, Deletion = deletion });
        var digest = sandbox.PushImage("team/app", "v1");
        sandbox.Tag("team/app", "demo", digest);
        using var catalog = Catalog(sandbox);

        Assert.Equal(error, await Thrown.ErrorIdAsync(() => catalog.For(App).RemoveTagAsync(App, "demo", false, Token)));

        Assert.Equal(error is null ? ["v1"] : ["demo", "v1"], sandbox.Tags("team/app"));
        Assert.Equal(digest, sandbox.Digest("team/app", "v1"));
    }

    [Fact]
    public async Task Labels_of_an_index_are_those_of_its_first_platform()
    {
        await using var sandbox = await Sandbox();
        var digest = sandbox.PushImage(
            "team/app",
            "demo",
            new Dictionary<string, string> { ["org.opencontainers.image.version"] = "v1" },
            ["linux/amd64", "linux/arm64"]
        );
        using var catalog = Catalog(sandbox);

        Assert.Equal("v1", (await catalog.For(App).ReadLabelsAsync(App, digest, Token))["org.opencontainers.image.version"]);
    }

    [Theory]
    [InlineData(RegistryLoginKind.Basic)]
    [InlineData(RegistryLoginKind.Bearer)]
    public async Task A_token_is_requested_once(RegistryLoginKind kind)
    {
        await using var sandbox = await Sandbox(
            new()
            {
                Listen = false,
                HostWithoutSocket = "127.0.0.1:1",
                Login = new("ci", "geheim") { Kind = kind },
            }
        );
        sandbox.PushImage("team/app", "v1");
        var app = ImageRepository.Parse("127.0.0.1:1/team/app");
        using var anonymous = Catalog(sandbox);
        using var wrong = Catalog(sandbox, RegistryCredential.OfPassword("ci", "falsch"));
        using var right = Catalog(sandbox, RegistryCredential.OfPassword("ci", "geheim"));

        Assert.Equal("RegistryUnauthorized", await Thrown.ErrorIdAsync(() => anonymous.For(app).FindTagAsync(app, "v1", Token)));
        Assert.Equal("RegistryUnauthorized", await Thrown.ErrorIdAsync(() => wrong.For(app).FindTagAsync(app, "v1", Token)));
        await right.For(app).AddTagAsync(app, "v1", "demo", Token);
        sandbox.ResetRequests();
        await right.For(app).AddTagAsync(app, "v1", "demo", Token);
        Assert.Equal(2, sandbox.Requests.Values.Sum());
    }

    [Fact]
    public async Task A_token_is_renewed_before_it_expires_and_after_it_was_revoked()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        await using var sandbox = await Sandbox(
            new()
            {
                Listen = false,
                HostWithoutSocket = "127.0.0.1:1",
                TimeProvider = time,
                Login = new("ci", "geheim") { Kind = RegistryLoginKind.Bearer, TokenLifetime = TimeSpan.FromSeconds(2) },
            }
        );
        sandbox.PushImage("team/app", "v1");
        var app = ImageRepository.Parse("127.0.0.1:1/team/app");
        using var catalog = new RegistryCatalog(
            new() { TimeProvider = time, RetryDelay = TimeSpan.Zero },
            new FixedCredential(RegistryCredential.OfPassword("ci", "geheim")),
            sandbox.CreateHandler()
        );
        await catalog.For(app).FindTagAsync(app, "v1", Token);
        sandbox.ResetRequests();

        time.Advance(TimeSpan.FromSeconds(1.7));
        await catalog.For(app).FindTagAsync(app, "v1", Token);
        // A new token, and no rejected request.
        Assert.Equal(
            (1, 1),
            (sandbox.Requests[("GET", RegistryRequestKind.Token)], sandbox.Requests[("HEAD", RegistryRequestKind.Manifest)])
        );

        sandbox.RevokeTokens();
        Assert.NotNull(await catalog.For(app).FindTagAsync(app, "v1", Token));
    }

    [Fact]
    public async Task A_credential_without_push_permission_is_reported()
    {
        await using var sandbox = await Sandbox(
            new()
            {
                Listen = false,
                HostWithoutSocket = "127.0.0.1:1",
                Login = new("ci", "geheim") { MayPush = false },
            }
        );
        sandbox.PushImage("team/app", "v1");
        var app = ImageRepository.Parse("127.0.0.1:1/team/app");
        using var catalog = Catalog(sandbox, RegistryCredential.OfPassword("ci", "geheim"));

        var error = await Assert.ThrowsAsync<CvException>(() => catalog.For(app).AddTagAsync(app, "v1", "demo", Token));

        Assert.Equal("RegistryForbidden", error.ErrorId);
        Assert.Contains("'push'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unavailable_or_throttling_registry_is_retried_and_then_reported()
    {
        await using var sandbox = await Sandbox(new() { Listen = false, RateLimit = new(1, TimeSpan.FromHours(1)) });
        sandbox.PushImage("team/app", "v1");
        using var catalog = Catalog(sandbox);
        await catalog.For(App).FindTagAsync(App, "v1", Token);
        Assert.Equal("RegistryRateLimited", await Thrown.ErrorIdAsync(() => catalog.For(App).FindTagAsync(App, "v1", Token)));

        // No request is sent during the pause.
        sandbox.ResetRequests();
        Assert.Equal("RegistryRateLimited", await Thrown.ErrorIdAsync(() => catalog.For(App).FindTagAsync(App, "v1", Token)));
        Assert.Empty(sandbox.Requests);
        var budget = Assert.Single(catalog.Budgets);
        Assert.Equal((App.Registry, 2, 1), (budget.Registry, budget.State.Spent, budget.State.Refused));

        sandbox.Available = false;
        using var later = Catalog(sandbox);
        Assert.Equal("RegistryUnreachable", await Thrown.ErrorIdAsync(() => later.For(App).FindTagAsync(App, "v1", Token)));
        Assert.Equal(4, sandbox.Requests.Values.Sum());
    }

    private static Task<SandboxRegistry> Sandbox(SandboxRegistryOptions? options = null) =>
        SandboxRegistry.StartAsync(options ?? new() { Listen = false }, Token);

    private static RegistryCatalog Catalog(SandboxRegistry sandbox, RegistryCredential? credential = null) =>
        new(new() { RetryDelay = TimeSpan.FromMilliseconds(1) }, new FixedCredential(credential), sandbox.CreateHandler());
}
