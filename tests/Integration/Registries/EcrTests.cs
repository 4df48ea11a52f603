using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Resources;
using CvManager.Versions;
using Xunit;

namespace CvManager.Integration.Registries;

/// <summary>Amazon ECR, emulated by moto, with endpoint and credentials of the AWS SDK (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID).</summary>
public sealed class EcrTests(Moto moto) : IClassFixture<Moto>, IDisposable
{
    private readonly CountingNetwork _network = new();
    private RegistryCatalog? _catalog;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private RegistryCatalog Catalog =>
        _catalog ??= new RegistryCatalog(new RegistryClientOptions { Retries = 0 }, FixedCredential.Anonymous, _network);

    public void Dispose()
    {
        _catalog?.Dispose();
        _network.Dispose();
    }

    [Fact]
    public async Task A_tag_is_resolved_to_its_version_in_one_request()
    {
        var path = await moto.CreateRepositoryAsync();
        var digest = await moto.PushAsync(path, ["6e4ae1c", "decade", "demo"]);
        VersionResolver resolver = new(Catalog, new VersionTagCache(), TimeProvider.System);

        var version = await resolver.ResolveAsync(Repository(path), new FollowedTag("demo"), null, ["demo", "decade"], Token);

        Assert.Equal(("6e4ae1c", digest), (version.Version, version.Digest));
        Assert.Equal(1, _network.Requests);
    }

    [Fact]
    public async Task A_hundred_tags_of_which_some_are_missing_take_four_requests()
    {
        var path = await moto.CreateRepositoryAsync();
        string[] present = [.. Enumerable.Range(0, 20).Select(i => $"env-{i}")];
        var digest = await moto.PushAsync(path, present);

        var found = await Catalog
            .For(Repository(path))
            .FindTagsAsync(Repository(path), [.. present, .. Enumerable.Range(0, 80).Select(i => $"gone-{i}")], Token);

        Assert.Equal(present.Order(StringComparer.Ordinal), found.Keys.Order(StringComparer.Ordinal));
        Assert.All(found.Values, f => Assert.Equal(digest, f.Digest));
        Assert.Equal(4, _network.Requests);
        _network.Reset();
        Assert.Equal(20, (await Catalog.For(Repository(path)).FindTagsAsync(Repository(path), present, Token)).Count);
        Assert.Equal(1, _network.Requests);
    }

    [Fact]
    public async Task A_tag_moves_in_two_requests_and_back()
    {
        var path = await moto.CreateRepositoryAsync();
        var former = await moto.PushAsync(path, ["1111111", "demo"]);
        var next = await moto.PushAsync(path, ["2222222"]);
        var registry = Catalog.For(Repository(path));

        var move = await registry.AddTagAsync(Repository(path), "2222222", "demo", Token);

        Assert.Equal((former, next, false), (move.FormerDigest, move.Digest, move.AlreadyThere));
        Assert.Equal(2, _network.Requests);
        Assert.Equal(next, (await registry.FindTagAsync(Repository(path), "demo", Token))?.Digest);
        Assert.Equal(former, (await registry.FindTagAsync(Repository(path), "1111111", Token))?.Digest);
        Assert.True((await registry.AddTagAsync(Repository(path), "2222222", "demo", Token)).AlreadyThere);
        move = await registry.AddTagAsync(Repository(path), "1111111", "demo", Token);
        Assert.Equal((next, former), (move.FormerDigest, move.Digest));
    }

    [Fact]
    public async Task A_tag_is_removed_without_its_image_and_the_last_tag_only_with_Force()
    {
        var path = await moto.CreateRepositoryAsync();
        await moto.PushAsync(path, ["1111111", "demo"]);
        var registry = Catalog.For(Repository(path));

        await registry.RemoveTagAsync(Repository(path), "demo", force: false, Token);

        var remaining = await registry.FindTagAsync(Repository(path), "1111111", Token);
        Assert.Equal(["1111111"], remaining?.ImageTags);
        Assert.Equal(
            "RegistryLastTag",
            (await Fails(() => registry.RemoveTagAsync(Repository(path), "1111111", force: false, Token))).ErrorId
        );
        Assert.NotNull(await registry.FindTagAsync(Repository(path), "1111111", Token));
        await registry.RemoveTagAsync(Repository(path), "1111111", force: true, Token);
        Assert.Null(await registry.FindTagAsync(Repository(path), "1111111", Token));
    }

    [Fact]
    public async Task All_tags_are_listed_with_their_digests()
    {
        var path = await moto.CreateRepositoryAsync();
        var first = await moto.PushAsync(path, ["1111111", "prod"]);
        var second = await moto.PushAsync(path, ["2222222"]);

        Dictionary<string, string?> listed = [];
        await foreach (var tag in Catalog.For(Repository(path)).ListTagsAsync(Repository(path), Token))
            listed.Add(tag.Tag, tag.Digest);

        Assert.Equivalent(
            new Dictionary<string, string?>
            {
                ["1111111"] = first,
                ["prod"] = first,
                ["2222222"] = second,
            },
            listed,
            strict: true
        );
    }

    [Fact]
    public async Task Regions_are_separate()
    {
        var east = await moto.CreateRepositoryAsync();
        var west = await moto.CreateRepositoryAsync("eu-west-1");
        var eastDigest = await moto.PushAsync(east, ["demo"]);
        var westDigest = await moto.PushAsync(west, ["demo"], "eu-west-1");

        Assert.Equal(eastDigest, (await Catalog.For(Repository(east)).FindTagAsync(Repository(east), "demo", Token))?.Digest);
        var other = Repository(west, "eu-west-1");
        Assert.Equal(westDigest, (await Catalog.For(other).FindTagAsync(other, "demo", Token))?.Digest);
        Assert.Equal(
            "RegistryRepositoryNotFound",
            (await Fails(() => Catalog.For(Repository(west)).FindTagAsync(Repository(west), "demo", Token))).ErrorId
        );
    }

    [Fact]
    public async Task A_version_that_does_not_exist_moves_nothing()
    {
        var path = await moto.CreateRepositoryAsync();
        var digest = await moto.PushAsync(path, ["1111111", "demo"]);
        var registry = Catalog.For(Repository(path));

        Assert.Equal(
            "RegistryVersionNotFound",
            (await Fails(() => registry.AddTagAsync(Repository(path), "3333333", "demo", Token))).ErrorId
        );
        Assert.Equal(digest, (await registry.FindTagAsync(Repository(path), "demo", Token))?.Digest);
    }

    private static ImageRepository Repository(string path, string region = "us-east-1") =>
        ImageRepository.Parse($"{Moto.Host(region)}/{path}");

    private static async Task<CvException> Fails(Func<Task> act) => await Assert.ThrowsAsync<CvException>(act);
}
