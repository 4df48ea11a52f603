using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Resources;
using CvManager.Sandbox.Registry;
using CvManager.Versions;
using Xunit;

namespace CvManager.Unit.Versions;

// Namespaces of tests follow the folders of the engine.
using SandboxRegistry = CvManager.Sandbox.Registry.SandboxRegistry;

public sealed class VersionResolverTests
{
    private static readonly ImageRepository App = ImageRepository.Parse("registry.sandbox/app");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_tag_resolves_to_the_version_tag_of_its_image_and_the_second_read_is_one_HEAD()
    {
        await using var sandbox = await Start();
        sandbox.PushImage("app", "aaaaa11");
        var digest = sandbox.PushImage("app", "bbbbb22");
        sandbox.Tag("app", "demo", digest);
        using var catalog = Catalog(sandbox);
        var resolver = new VersionResolver(catalog, new VersionTagCache(), TimeProvider.System);

        var version = await resolver.ResolveAsync(App, new FollowedTag("demo"), null, [], Token);
        Assert.Equal(("demo", digest, "bbbbb22"), (version.Followed.ToString(), version.Digest, version.Version));

        sandbox.ResetRequests();
        await resolver.ResolveAsync(App, new FollowedTag("demo"), null, [], Token);
        Assert.Equal(1, sandbox.Requests.Values.Sum());
        Assert.Equal(1, sandbox.Requests[("HEAD", RegistryRequestKind.Manifest)]);
    }

    [Fact]
    public async Task An_index_is_rolled_out_only_with_the_images_of_all_its_platforms()
    {
        await using var sandbox = await Start();
        var digest = sandbox.PushImage("app", "abc1234", platforms: ["linux/amd64", "linux/arm64"]);
        sandbox.Tag("app", "demo", digest);
        using var catalog = Catalog(sandbox);
        Assert.Equal("abc1234", await Version(catalog, "demo", null));

        using HttpMessageInvoker http = new(sandbox.CreateHandler());
        const string manifests = "https://registry.sandbox/v2/app/manifests/";
        using HttpRequestMessage get = new(HttpMethod.Get, manifests + digest);
        get.Headers.TryAddWithoutValidation("Accept", "application/vnd.oci.image.index.v1+json");
        using var index = await http.SendAsync(get, Token);
        using var read = System.Text.Json.JsonDocument.Parse(await index.Content.ReadAsStringAsync(Token));
        var child = read.RootElement.GetProperty("manifests")[1].GetProperty("digest").GetString()!;
        using HttpRequestMessage delete = new(HttpMethod.Delete, manifests + child);
        using var deleted = await http.SendAsync(delete, Token);
        Assert.True(deleted.IsSuccessStatusCode);

        var error = await Assert.ThrowsAsync<CvException>(() => Version(catalog, "demo", null));
        Assert.Equal("RegistryImageIncomplete", error.ErrorId);
        Assert.Contains(child, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_label_that_a_tag_confirms_makes_the_list_unnecessary()
    {
        await using var sandbox = await Start();
        var digest = sandbox.PushImage(
            "app",
            "abc1234",
            new Dictionary<string, string> { ["org.opencontainers.image.revision"] = "abc1234" }
        );
        sandbox.Tag("app", "demo", digest);
        using var catalog = Catalog(sandbox);

        Assert.Equal("abc1234", await Version(catalog, "demo", null));
        Assert.DoesNotContain(sandbox.Requests.Keys, k => k.Kind == RegistryRequestKind.Tags);
    }

    [Fact]
    public async Task Concurrent_searches_for_an_image_share_one_and_cancelling_one_does_not_affect_others()
    {
        await using var sandbox = await Start();
        var digest = sandbox.PushImage(
            "app",
            "abc1234",
            new Dictionary<string, string> { ["org.opencontainers.image.version"] = "abc1234" }
        );
        TaskCompletionSource asked = new();
        TaskCompletionSource answer = new();
        using RegistryCatalog catalog = new(
            new(),
            FixedCredential.Anonymous,
            sandbox.CreateHandler(
                async (_, token) =>
                {
                    asked.TrySetResult();
                    await answer.Task.WaitAsync(token);
                    return CvManager.Sandbox.RequestFault.None;
                }
            )
        );
        var resolver = new VersionResolver(catalog, new VersionTagCache(), TimeProvider.System);
        Task<ResolvedVersion> Resolve(string tag, CancellationToken token) =>
            resolver.ResolveAsync(
                App,
                new FollowedTag(tag),
                new TagDigest(digest),
                TimeProvider.System.GetUtcNow(),
                null,
                ["demo", "prod"],
                null,
                token
            );

        using CancellationTokenSource impatient = new();
        var first = Resolve("demo", impatient.Token);
        await asked.Task.WaitAsync(Token);
        List<Task<ResolvedVersion>> others = [.. Enumerable.Range(0, 8).Select(i => Resolve(i % 2 == 0 ? "demo" : "prod", Token))];
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        answer.SetResult();

        Assert.All(await Task.WhenAll(others), version => Assert.Equal("abc1234", version.Version));
        // The manifest and configuration for the label, and one HEAD to confirm the tag.
        Assert.Equal(3, sandbox.Requests.Values.Sum());
    }

    [Fact]
    public async Task A_label_that_no_tag_confirms_is_ignored()
    {
        await using var sandbox = await Start();
        var label = new Dictionary<string, string> { ["org.opencontainers.image.version"] = "abc1234" };
        sandbox.PushImage("app", "abc1234");
        var digest = sandbox.PushImage("app", "def5678", label);
        sandbox.Tag("app", "demo", digest);
        using var catalog = Catalog(sandbox);

        Assert.Equal("def5678", await Version(catalog, "demo", null));
    }

    [Fact]
    public async Task The_longest_version_tag_wins_then_ordinal_order()
    {
        await using var sandbox = await Start();
        var digest = sandbox.PushImage("app", "1.2");
        foreach (var tag in (string[])["fedcba9", "abcdef1", "beefbeefbeef", "demo"])
            sandbox.Tag("app", tag, digest);
        using var catalog = Catalog(sandbox);

        // The longest is a moving tag.
        Assert.Equal("abcdef1", await Version(catalog, "demo", null, "beefbeefbeef"));
    }

    [Fact]
    public async Task The_digest_is_the_version_without_a_version_tag_unless_a_syntax_is_specified()
    {
        await using var sandbox = await Start();
        var digest = sandbox.PushImage("app", "demo");
        using var catalog = Catalog(sandbox);
        var resolver = new VersionResolver(catalog, new VersionTagCache(), TimeProvider.System);

        Assert.Equal(digest, (await resolver.ResolveAsync(App, new FollowedTag("demo"), null, [], Token)).Version);
        Assert.Equal(
            "VersionNotFound",
            (
                await Assert.ThrowsAsync<CvException>(() =>
                    resolver.ResolveAsync(App, new FollowedTag("demo"), VersionSyntax.Default, [], Token)
                )
            ).ErrorId
        );

        sandbox.ResetRequests();
        await resolver.ResolveAsync(App, new FollowedTag("demo"), null, [], Token);
        Assert.Equal(1, sandbox.Requests.Values.Sum());
    }

    [Theory]
    [InlineData("qa", "app", "RegistryTagNotFound")]
    [InlineData("demo", "nowhere", "RegistryRepositoryNotFound")]
    public async Task Missing_tags_and_repositories_are_reported_by_name(string tag, string path, string error)
    {
        await using var sandbox = await Start();
        sandbox.PushImage("app", "demo");
        using var catalog = Catalog(sandbox);
        var resolver = new VersionResolver(catalog, new VersionTagCache(), TimeProvider.System);

        var thrown = await Assert.ThrowsAsync<CvException>(() =>
            resolver.ResolveAsync(ImageRepository.Parse($"registry.sandbox/{path}"), new FollowedTag(tag), null, [], Token)
        );

        Assert.Equal(error, thrown.ErrorId);
    }

    [Theory]
    [InlineData("(", "VersionSyntaxInvalid")]
    [InlineData("a)|(b", "VersionSyntaxInvalid")]
    [InlineData("(?<x>(a+)+)(?=$)(?!z)\\k<x>b", "VersionSyntaxTimeout")]
    public void A_bad_syntax_is_named(string syntax, string error)
    {
        var thrown = Assert.Throws<CvException>(() => VersionSyntax.Of(syntax).IsVersion(new string('a', 128)));

        Assert.Equal(error, thrown.ErrorId);
    }

    [Theory]
    [InlineData("v1|v2", "v2", true)]
    [InlineData("v1|v2", "v10", false)]
    [InlineData("(a+)+", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", false)]
    [InlineData("[0-9]+", "12\n", false)]
    public void The_syntax_must_match_the_complete_tag(string syntax, string tag, bool matches) =>
        Assert.Equal(matches, VersionSyntax.Of(syntax).IsVersion(tag));

    [Theory]
    [InlineData("1a2b3c4", true)]
    [InlineData("0123456", false)]
    [InlineData("abc123", false)]
    [InlineData("1111111111111111111111111111111111111111", true)]
    [InlineData("11111111111111111111111111111111111111111", false)]
    [InlineData("1.4.2", true)]
    [InlineData("v1.4.2-rc.1", true)]
    [InlineData("1.4.2_build.7", true)]
    [InlineData("2026.11.25", true)]
    [InlineData("12.5.5.201", true)]
    [InlineData("1", false)]
    [InlineData("1.2", false)]
    [InlineData("24.04", false)]
    [InlineData("latest", false)]
    [InlineData("deadbeef-dirty", false)]
    public void The_default_syntax_takes_git_SHAs_and_full_version_numbers(string tag, bool isVersion) =>
        Assert.Equal(isVersion, VersionSyntax.Of(null).IsVersion(tag));

    [Fact]
    public void The_oldest_entry_is_removed_first()
    {
        var cache = new VersionTagCache(2);
        cache.Add(App, "a", "1");
        cache.Add(App, "b", "1");
        cache.Add(App, "c", "1");
        cache.Add(App, "b", "2");

        Assert.Null(cache.DigestOf(App, "a"));
        Assert.Equal("2", cache.DigestOf(App, "b"));
        Assert.Equal(["c"], cache.TagsOf(App, "1"));
    }

    private static Task<SandboxRegistry> Start() => SandboxRegistry.StartAsync(new() { Listen = false }, Token);

    private static RegistryCatalog Catalog(SandboxRegistry sandbox) =>
        new(new() { RetryDelay = TimeSpan.FromMilliseconds(1) }, FixedCredential.Anonymous, sandbox.CreateHandler());

    private static async Task<string> Version(RegistryCatalog catalog, string tag, string? syntax, params string[] followed) =>
        (
            await new VersionResolver(catalog, new VersionTagCache(), TimeProvider.System).ResolveAsync(
                App,
                new FollowedTag(tag),
                syntax,
                followed,
                Token
            )
        ).Version;
}
