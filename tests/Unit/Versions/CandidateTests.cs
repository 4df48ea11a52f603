using CvManager.Registries;
using CvManager.Resources;
using CvManager.Support.Registries;
using CvManager.Versions;
using Xunit;

namespace CvManager.Unit.Versions;

/// <summary>Resolution of versions when a registry returns incomplete data.</summary>
public sealed class CandidateTests
{
    private static readonly string Wanted = FakeRegistry.Digest('a');
    private static readonly string Other = FakeRegistry.Digest('b');

    private readonly FakeRegistry _registry = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private VersionResolver Resolver => new(_registry, new VersionTagCache(), TimeProvider.System);

    [Theory]
    [InlineData(CvErrorKind.Invalid)]
    [InlineData(CvErrorKind.Forbidden)]
    [InlineData(CvErrorKind.Unavailable)]
    public async Task An_unreadable_version_tag_does_not_prevent_another_from_being_the_version(CvErrorKind kind)
    {
        _registry.Tags["demo"] = Wanted;
        _registry.Tags["0bad000"] = Other;
        _registry.Tags["1a2b3c4"] = Wanted;
        _registry.Broken["0bad000"] = FakeRegistry.Error(kind);

        Assert.Equal("1a2b3c4", (await Resolver.ResolveAsync(FakeRegistry.App, new FollowedTag("demo"), null, [], Token)).Version);
    }

    [Theory]
    [InlineData(CvErrorKind.Forbidden)]
    [InlineData(CvErrorKind.Unavailable)]
    public async Task An_unreadable_version_tag_that_may_be_the_only_one_is_not_skipped(CvErrorKind kind)
    {
        _registry.Tags["demo"] = Wanted;
        _registry.Tags["0bad000"] = Wanted;
        _registry.Broken["0bad000"] = FakeRegistry.Error(kind);

        Assert.Equal(
            kind,
            (
                await Assert.ThrowsAsync<CvException>(() =>
                    Resolver.ResolveAsync(FakeRegistry.App, new FollowedTag("demo"), null, [], Token)
                )
            ).Kind
        );
    }

    [Fact]
    public async Task A_tag_that_is_not_an_image_is_not_a_version()
    {
        _registry.Tags["demo"] = Wanted;
        _registry.Tags["0bad000"] = Other;
        _registry.Broken["0bad000"] = FakeRegistry.Error(CvErrorKind.Invalid);

        Assert.Equal(Wanted, (await Resolver.ResolveAsync(FakeRegistry.App, new FollowedTag("demo"), null, [], Token)).Version);
    }

    [Fact]
    public async Task A_partial_list_is_never_used()
    {
        _registry.Tags["demo"] = Wanted;
        _registry.Tags["1a2b3c4"] = Wanted;
        _registry.ListError = FakeRegistry.Error(CvErrorKind.Unavailable);

        await Assert.ThrowsAsync<CvException>(() => Resolver.ResolveAsync(FakeRegistry.App, new FollowedTag("demo"), null, [], Token));
    }

    [Fact]
    public async Task A_missing_tag_is_reported_even_if_listing_is_denied()
    {
        _registry.Tags["demo"] = Wanted;
        _registry.ListError = new CvException("RegistryForbidden", CvErrorKind.Forbidden, "no", "ask");

        var denied = await Assert.ThrowsAsync<CvException>(() =>
            Resolver.ResolveAsync(FakeRegistry.App, new FollowedTag("demo"), null, [], Token)
        );
        Assert.Equal("RegistryForbidden", denied.ErrorId);
        Assert.Contains("org.opencontainers.image.version", denied.Remedy, StringComparison.Ordinal);
        _registry.Tags.Clear();
        Assert.Equal(
            "RegistryTagNotFound",
            (
                await Assert.ThrowsAsync<CvException>(() =>
                    Resolver.ResolveAsync(FakeRegistry.App, new FollowedTag("nosuch"), null, [], Token)
                )
            ).ErrorId
        );
    }

    [Fact]
    public async Task A_confirmed_hint_takes_one_request_instead_of_a_search()
    {
        _registry.Tags["1a2b3c4"] = Wanted;
        var resolver = Resolver;

        Assert.Equal("1a2b3c4", (await Hinted(resolver, "1a2b3c4", "[0-9a-f]{7}")).Version);
        Assert.Equal("1a2b3c4", (await Hinted(resolver, "1a2b3c4", "[0-9a-f]{7}")).Version);
        Assert.Equal(["1a2b3c4"], _registry.Requests);
    }

    [Theory]
    [InlineData("2222222")]
    [InlineData("prod")]
    [InlineData("no tag at all")]
    public async Task An_unconfirmed_hint_is_ignored_and_not_cached(string hint)
    {
        _registry.Tags["1a2b3c4"] = Wanted;
        _registry.Tags["2222222"] = Other;
        _registry.Tags["prod"] = Wanted;
        var resolver = Resolver;

        Assert.Equal("1a2b3c4", (await Hinted(resolver, hint, null)).Version);
        Assert.Equal(Other, (await resolver.ResolvePinAsync(FakeRegistry.App, new FollowedTag("demo"), "2222222", Token)).Digest);
    }

    [Fact]
    public async Task An_image_without_a_version_is_not_searched_again_after_a_restart_if_the_hint_is_its_digest()
    {
        _registry.Tags["1a2b3c4"] = Wanted;
        var resolver = Resolver;

        Assert.Equal(Wanted, (await Hinted(resolver, Wanted, null)).Version);
        Assert.Empty(_registry.Requests);
        Assert.Equal("1a2b3c4", (await Hinted(resolver, null, null)).Version);
    }

    [Theory]
    [InlineData("2024-05-01T10:00:00Z", "2024-05-02T10:00:00Z", "2222222")]
    [InlineData("2024-05-01T10:00:00.123456789Z", "2024-05-01T10:00:00.023456789Z", "1111111")]
    public async Task The_newest_image_is_the_most_recently_built(string first, string second, string newest)
    {
        Push(("1111111", 'a', first), ("2222222", 'b', second));

        Assert.Equal(newest, (await Resolver.FindTagAsync(FakeRegistry.App, new NewestPolicy("[0-9]+"), Token)).ChosenTag);
    }

    [Theory]
    [InlineData("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z")]
    [InlineData("1980-01-01T00:00:01Z", "1980-01-01T00:00:01Z")]
    [InlineData("0001-01-01T00:00:00Z", "2024-05-01T10:00:00Z")]
    [InlineData(null, "2024-05-01T10:00:00Z")]
    [InlineData("2024-05-01T10:00:00Z", "2024-05-01T10:00:00Z")]
    public async Task Equal_or_missing_build_times_are_ambiguous(string? first, string? second)
    {
        Push(("1111111", 'a', first), ("2222222", 'b', second));

        Assert.Equal(
            "VersionPolicyUndecided",
            (
                await Assert.ThrowsAsync<CvException>(() => Resolver.FindTagAsync(FakeRegistry.App, new NewestPolicy("[0-9]+"), Token))
            ).ErrorId
        );
    }

    [Fact]
    public async Task Several_tags_of_the_newest_image_are_not_ambiguous()
    {
        Push(("1111111", 'a', "2024-05-01T10:00:00Z"), ("22222222", 'a', "2024-05-01T10:00:00Z"));

        Assert.Equal("22222222", (await Resolver.FindTagAsync(FakeRegistry.App, new NewestPolicy("[0-9]+"), Token)).ChosenTag);
    }

    [Fact]
    public async Task An_artifact_is_never_the_newest_but_a_temporarily_unreadable_image_may_be()
    {
        Push(("1111111", 'a', "2024-05-01T10:00:00Z"), ("2222222", 'b', "2024-05-02T10:00:00Z"));
        _registry.Broken["2222222"] = FakeRegistry.Error(CvErrorKind.Invalid);
        Assert.Equal("1111111", (await Resolver.FindTagAsync(FakeRegistry.App, new NewestPolicy("[0-9]+"), Token)).ChosenTag);

        _registry.Broken["2222222"] = FakeRegistry.Error(CvErrorKind.Unavailable);
        Assert.Equal(
            CvErrorKind.Unavailable,
            (await Assert.ThrowsAsync<CvException>(() => Resolver.FindTagAsync(FakeRegistry.App, new NewestPolicy("[0-9]+"), Token))).Kind
        );
    }

    [Fact]
    public async Task Images_that_rank_equally_are_ambiguous()
    {
        Push(("main-7-a", 'a', null), ("main-7-b", 'b', null));

        Assert.Equal(
            "VersionPolicyUndecided",
            (
                await Assert.ThrowsAsync<CvException>(() =>
                    Resolver.FindTagAsync(FakeRegistry.App, new RegexPolicy("main-([0-9]+)-[a-z]", VersionPolicySpec.Numeric), Token)
                )
            ).ErrorId
        );
    }

    [Fact]
    public async Task An_expensive_expression_has_one_time_limit_for_all_tags()
    {
        _registry.Tags["demo"] = Wanted;
        for (var i = 0; i < 5000; i++)
            _registry.Tags[new string('a', 19) + i] = Other;

        Assert.Equal(
            "VersionSyntaxTimeout",
            (
                await Assert.ThrowsAsync<CvException>(() =>
                    Resolver.ResolveAsync(FakeRegistry.App, new FollowedTag("demo"), "(?=a)(a+)+b[0-9]*", [], Token)
                )
            ).ErrorId
        );
    }

    [Fact]
    public async Task A_search_with_an_expensive_expression_ends_when_it_is_cancelled()
    {
        using CancellationTokenSource stop = new();
        Task search = VersionSyntax.Of("(?=a)(a+)+b[0-9]*").MatchingAsync(Tags(), stop.Token);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => search);

        IEnumerable<string> Tags()
        {
            for (var i = 0; ; i++)
            {
                if (i == 3)
                    stop.Cancel();
                yield return new string('a', 16) + i;
            }
        }
    }

    private static Task<ResolvedVersion> Hinted(VersionResolver resolver, string? hint, string? syntax) =>
        resolver.ResolveAsync(
            FakeRegistry.App,
            new FollowedTag("demo"),
            new TagDigest(Wanted),
            TimeProvider.System.GetUtcNow(),
            syntax,
            ["prod"],
            hint,
            Token
        );

    private void Push(params (string Tag, char Digest, string? Created)[] images)
    {
        foreach ((var tag, var digest, var created) in images)
        {
            _registry.Tags[tag] = FakeRegistry.Digest(digest);
            if (created is not null)
                _registry.Created[FakeRegistry.Digest(digest)] = created;
        }
    }
}
