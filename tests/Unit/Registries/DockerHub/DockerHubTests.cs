using System.Net;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Resources;
using CvManager.Support;
using CvManager.Support.Registries;
using CvManager.Versions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Registries.DockerHub;

/// <summary>Requests to Docker Hub, and its failures.</summary>
public sealed class DockerHubTests
{
    private static readonly ImageRepository App = ImageRepository.Parse("nearmap/cvm-example");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_list_of_the_Hub_has_digests_for_a_hundred_tags_per_page()
    {
        HubServer hub = new();
        for (var i = 0; i < 250; i++)
            hub.Push($"aaaa{i:x3}", $"image {i}");
        using ScriptedRegistry handler = new(hub.Answer);
        using var catalog = handler.Catalog();

        var tags = await List(catalog, App);

        Assert.Equal(250, tags.Count);
        Assert.All(tags, t => Assert.Equal(HubServer.DigestOf($"image {Convert.ToInt32(t.Tag[4..], 16)}"), t.Digest));
        Assert.Equal(["hub.docker.com", "hub.docker.com", "hub.docker.com"], handler.Requests.Select(r => r.Uri.Host));
        Assert.All(handler.Requests, r => Assert.Null(r.Authorization));
        Assert.Equal(3, catalog.Budgets.Single(b => b.Registry == "hub.docker.com").State.Spent);
        Assert.Equal(0, catalog.Budgets.Single(b => b.Registry == "docker.io").State.Spent);
    }

    [Fact]
    public async Task A_version_is_found_without_a_request_for_each_tag()
    {
        HubServer hub = new();
        for (var i = 0; i < 80; i++)
            hub.Push($"bbbb{i:x3}", $"image {i}");
        hub.Push("demo", "image 42");
        using ScriptedRegistry handler = new(hub.Answer);
        using var catalog = handler.Catalog();
        VersionResolver resolver = new(catalog, new VersionTagCache(), TimeProvider.System);

        var version = await resolver.ResolveAsync(App, new FollowedTag("demo"), null, [], Token);

        Assert.Equal("bbbb02a", version.Version);
        // An unauthorized HEAD, a token, the HEAD, the manifest for its labels, and one page.
        Assert.Equal(
            [
                "HEAD registry-1.docker.io",
                "GET auth.docker.io",
                "HEAD registry-1.docker.io",
                "GET registry-1.docker.io",
                "GET hub.docker.com",
            ],
            handler.Requests.Select(r => $"{r.Method} {r.Uri.Host}")
        );
        await resolver.ResolveAsync(App, new FollowedTag("demo"), null, [], Token);
        Assert.Equal(6, handler.Requests.Count);
    }

    [Fact]
    public async Task Official_images_have_the_namespace_library()
    {
        HubServer hub = new() { Path = "library/nginx" };
        hub.Push("1.29", "nginx");
        using ScriptedRegistry handler = new(hub.Answer);
        using var catalog = handler.Catalog();

        Assert.Equal("1.29", Assert.Single(await List(catalog, ImageRepository.Parse("nginx"))).Tag);
        Assert.Equal(
            HubServer.DigestOf("nginx"),
            (await catalog.For(ImageRepository.Parse("nginx")).FindTagAsync(ImageRepository.Parse("nginx"), "1.29", Token))?.Digest
        );
    }

    [Theory]
    [InlineData(HttpStatusCode.Unauthorized)]
    [InlineData(HttpStatusCode.Forbidden)]
    [InlineData(HttpStatusCode.NotFound)]
    [InlineData(HttpStatusCode.TooManyRequests)]
    [InlineData(HttpStatusCode.InternalServerError)]
    public async Task The_list_of_the_registry_is_used_if_the_Hub_fails(HttpStatusCode status)
    {
        HubServer hub = new() { ApiFails = status };
        hub.Push("1a2b3c4", "one");
        hub.Push("demo", "one");
        using ScriptedRegistry handler = new(hub.Answer) { Options = Fast };
        using var catalog = handler.Catalog();

        Assert.Equal([new RegistryTag("1a2b3c4", null), new RegistryTag("demo", null)], await List(catalog, App));
        Assert.Equal(
            "1a2b3c4",
            (
                await new VersionResolver(catalog, new VersionTagCache(), TimeProvider.System).ResolveAsync(
                    App,
                    new FollowedTag("demo"),
                    null,
                    [],
                    Token
                )
            ).Version
        );
    }

    [Fact]
    public async Task Tags_are_complete_and_unique_if_the_Hub_fails_half_way()
    {
        HubServer hub = new();
        for (var i = 0; i < 150; i++)
            hub.Push($"aaaa{i:x3}", $"image {i}");
        hub.PageRead = _ => hub.ApiFails = HttpStatusCode.BadGateway;
        using ScriptedRegistry handler = new(hub.Answer) { Options = Fast };
        using var catalog = handler.Catalog();

        var tags = await List(catalog, App);

        Assert.Equal(150, tags.Select(t => t.Tag).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal((150, 100), (tags.Count, tags.Count(t => t.Digest is not null)));
    }

    [Fact]
    public async Task A_tag_that_is_deleted_while_listing_does_not_hide_others()
    {
        HubServer hub = new();
        for (var i = 0; i < 150; i++)
            hub.Push($"aaaa{i:x3}", $"image {i}");
        // Tags after the first page move up, so that one of them is on no page that is read.
        hub.PageRead = page =>
        {
            if (page == 1)
                hub.Remove("aaaa095");
        };
        using ScriptedRegistry handler = new(hub.Answer);
        using var catalog = handler.Catalog();

        var tags = await List(catalog, App);

        Assert.Superset(
            Enumerable.Range(0, 150).Where(i => i != 0x95).Select(i => $"aaaa{i:x3}").ToHashSet(),
            tags.Select(t => t.Tag).ToHashSet()
        );
    }

    [Fact]
    public async Task A_private_repository_is_read_with_a_credential()
    {
        HubServer hub = new() { IsPrivate = true };
        hub.Push("1a2b3c4", "one");
        using ScriptedRegistry handler = new(hub.Answer);
        using var catalog = handler.Catalog(RegistryCredential.OfPassword(HubServer.User, HubServer.Password));

        Assert.NotNull(Assert.Single(await List(catalog, App)).Digest);
        Assert.NotNull(Assert.Single(await List(catalog, App)).Digest);

        // One token is used for both.
        Assert.Equal(
            [
                "POST /v2/auth/token",
                "GET /v2/namespaces/nearmap/repositories/cvm-example/tags",
                "GET /v2/namespaces/nearmap/repositories/cvm-example/tags",
            ],
            handler.Requests.Select(r => $"{r.Method} {r.Uri.AbsolutePath}")
        );
        Assert.Equal([null, "Bearer hub-token", "Bearer hub-token"], handler.Requests.Select(r => r.Authorization));
    }

    [Fact]
    public async Task A_credential_that_the_Hub_rejects_is_reported_by_the_registry_and_not_retried_at_once()
    {
        HubServer hub = new() { IsPrivate = true };
        hub.Push("1a2b3c4", "one");
        using ScriptedRegistry handler = new(hub.Answer) { Options = Fast };
        using var catalog = handler.Catalog(RegistryCredential.OfPassword(HubServer.User, "falsch"));

        var error = await Assert.ThrowsAsync<CvException>(() => List(catalog, App));
        await Assert.ThrowsAsync<CvException>(() => List(catalog, App));

        Assert.Equal("RegistryUnauthorized", error.ErrorId);
        Assert.DoesNotContain("falsch", error.ToString(), StringComparison.Ordinal);
        Assert.Single(handler.Requests, r => r.Uri.Host == "hub.docker.com");
    }

    [Fact]
    public async Task Exhausted_pulls_pause_the_registry_until_another_one_is_allowed()
    {
        FakeTimeProvider time = new(DateTimeOffset.UnixEpoch);
        HubServer hub = new() { RateLimit = (100, 0), ApiFails = HttpStatusCode.NotFound };
        hub.Push("demo", "one");
        using ScriptedRegistry handler = new(hub.Answer)
        {
            Options = new() { TimeProvider = time, Retries = 0 },
        };
        using var catalog = handler.Catalog();
        var registry = catalog.For(App);

        // Digests are read by HEAD, which does not count as a pull.
        Assert.NotNull(await registry.FindTagAsync(App, "demo", Token));
        Assert.NotNull(await registry.FindTagAsync(App, "demo", Token));
        Assert.Equal(
            "RegistryRateLimited",
            await Thrown.ErrorIdAsync(() => registry.ReadLabelsAsync(App, HubServer.DigestOf("one"), Token))
        );

        var asked = handler.Requests.Count;
        var budget = catalog.Budgets.Single(b => b.Registry == "docker.io").State;
        // 100 pulls in six hours are one in 216 s.
        Assert.Equal(time.GetUtcNow() + TimeSpan.FromSeconds(216), budget.PausedUntil);
        Assert.Equal((100L, 0L, 1L), (budget.RegistryLimit, budget.RegistryRemaining, budget.Refused));
        Assert.Equal("RegistryRateLimited", await Thrown.ErrorIdAsync(() => registry.FindTagAsync(App, "demo", Token)));
        Assert.Equal(asked, handler.Requests.Count);

        hub.RateLimit = (100, 1);
        time.Advance(TimeSpan.FromSeconds(217));
        Assert.NotNull(await registry.FindTagAsync(App, "demo", Token));
    }

    private static RegistryClientOptions Fast => new() { Retries = 1, RetryDelay = TimeSpan.FromMilliseconds(1) };

    private static async Task<List<RegistryTag>> List(RegistryCatalog catalog, ImageRepository repository)
    {
        List<RegistryTag> tags = [];
        await foreach (var tag in catalog.For(repository).ListTagsAsync(repository, Token))
            tags.Add(tag);
        return tags;
    }
}
