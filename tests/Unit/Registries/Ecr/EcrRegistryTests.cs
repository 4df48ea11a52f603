using System.Net;
using System.Text;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Registries.Ecr;
using CvManager.Resources;
using CvManager.Support;
using CvManager.Support.Network;
using CvManager.Support.Resources;
using CvManager.Versions;
using Xunit;

namespace CvManager.Unit.Registries.Ecr;

public sealed class EcrRegistryTests : IDisposable
{
    private static readonly FixedCredential Key = new(RegistryCredential.OfPassword("AKIAIOSFODNN7EXAMPLE", "secret"));

    private static readonly ImageRepository Repository = ImageRepository.Parse("123456789012.dkr.ecr.us-east-1.amazonaws.com/team/app");

    private readonly EcrService _service = new();
    private readonly HttpMessageInvoker _http;
    private readonly AmazonECRClient _client;
    private readonly EcrRegistry _registry;
    private readonly RequestBudget _budget;

    public EcrRegistryTests()
    {
        _http = new HttpMessageInvoker(_service);
        Assert.True(EcrHost.TryParse(Repository.Registry, out var host));
        EcrCredentials credentials = new(Key, Repository.Registry);
        _client = EcrConnection.Open(host, _http, credentials, TimeSpan.FromSeconds(10), TimeProvider.System);
        RegistryClientOptions options = new() { Retries = 1, RetryDelay = TimeSpan.Zero };
        _budget = new RequestBudget(1000, 1000, TimeSpan.Zero, TimeProvider.System);
        _registry = new EcrRegistry(new EcrCaller(_client, credentials, _budget, options), host.AccountId, new NoLabels(), options);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _client.Dispose();
        _http.Dispose();
        _service.Dispose();
    }

    [Fact]
    public async Task One_request_returns_the_digest_and_all_tags_of_the_image()
    {
        var digest = _service.Push("a", "6e4ae1c", "demo", "qa");

        var found = await _registry.FindTagAsync(Repository, "demo", Token);

        Assert.Equal(digest, found?.Digest);
        Assert.Equal(["6e4ae1c", "demo", "qa"], found?.ImageTags);
        (var operation, _, var body) = Assert.Single(_service.Requests);
        Assert.Equal("DescribeImages", operation);
        Assert.Equal("123456789012", (string?)body["registryId"]);
    }

    [Fact]
    public async Task A_hundred_tags_take_one_request_and_one_more_takes_two()
    {
        string[] tags = [.. Enumerable.Range(0, 101).Select(i => $"env-{i}")];
        foreach (var tag in tags)
            _service.Push(tag, tag);

        Assert.Equal(100, (await _registry.FindTagsAsync(Repository, tags[..100], Token)).Count);
        Assert.Single(_service.Requests);
        Assert.Equal(101, (await _registry.FindTagsAsync(Repository, tags, Token)).Count);
        Assert.Equal(3, _service.Requests.Count);
        Assert.Equal(100, _registry.TagsPerRequest);
    }

    [Fact]
    public async Task A_missing_tag_fails_the_batch_and_takes_one_more_request()
    {
        var digest = _service.Push("a", "1111111", "demo");

        var found = await _registry.FindTagsAsync(Repository, ["gone", "demo"], Token);

        Assert.Equal(digest, Assert.Single(found).Value.Digest);
        Assert.Equal(["DescribeImages", "DescribeImages"], _service.Operations);
    }

    [Fact]
    public async Task Many_missing_tags_do_not_take_a_request_each()
    {
        var digest = _service.Push("a", "1111111", "demo");
        string[] missing = [.. Enumerable.Range(0, 60).Select(i => $"gone-{i}")];

        var found = await _registry.FindTagsAsync(Repository, [.. missing, "demo", "1111111"], Token);

        Assert.Equal(["1111111", "demo"], found.Keys.Order(StringComparer.Ordinal));
        Assert.All(found.Values, f => Assert.Equal(digest, f.Digest));
        Assert.Equal(["DescribeImages", "DescribeImages", "BatchGetImage", "DescribeImages"], _service.Operations);
        Assert.Empty(await _registry.FindTagsAsync(Repository, missing, Token));
    }

    [Fact]
    public async Task A_single_missing_tag_is_not_an_error()
    {
        _service.Push("a", "1111111");

        Assert.Null(await _registry.FindTagAsync(Repository, "demo", Token));
    }

    [Fact]
    public async Task All_tags_are_listed_page_by_page()
    {
        _service.PageSize = 2;
        Dictionary<string, string> pushed = [];
        for (var i = 0; i < 5; i++)
            pushed[$"v{i}"] = _service.Push($"{i}", $"v{i}");

        Dictionary<string, string> listed = [];
        await foreach (var tag in _registry.ListTagsAsync(Repository, Token))
            listed.Add(tag.Tag, tag.Digest!);

        Assert.Equivalent(pushed, listed, strict: true);
        Assert.Equal(3, _service.Requests.Count);
    }

    [Fact]
    public async Task A_list_with_repeating_pages_is_an_error()
    {
        _service.Fault = (_, _) => Json("""{"imageDetails":[{"imageDigest":"sha256:1","imageTags":["a"]}],"nextToken":"again"}""");

        var error = await Assert.ThrowsAsync<CvException>(async () =>
        {
            await foreach (var _ in _registry.ListTagsAsync(Repository, Token)) { }
        });

        Assert.Equal("RegistryResponseInvalid", error.ErrorId);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_tag_moves_in_two_requests_that_return_the_former_digest(bool namesImagesByLatestTag)
    {
        _service.NamesImagesByLatestTag = namesImagesByLatestTag;
        var former = _service.Push("a", "1111111", "demo");
        var next = _service.Push("b", "2222222");

        var move = await _registry.AddTagAsync(Repository, "2222222", "demo", Token);

        Assert.Equal(new TagMove(Repository, "demo", "2222222", next, former, AlreadyThere: false), move);
        Assert.Equal(next, _service.DigestOf("demo"));
        Assert.Equal(former, _service.DigestOf("1111111"));
        Assert.Equal(["BatchGetImage", "PutImage"], _service.Operations);
    }

    [Fact]
    public async Task Images_that_are_returned_with_other_tags_are_distinguished()
    {
        _service.NamesImagesByLatestTag = true;
        var former = _service.Push("a", "1111111", "demo", "prod");
        var next = _service.Push("b", "2222222", "qa");

        var move = await _registry.AddTagAsync(Repository, "2222222", "demo", Token);

        Assert.Equal((next, former), (move.Digest, move.FormerDigest));
        Assert.Equal(next, _service.DigestOf("demo"));
    }

    [Fact]
    public async Task A_new_tag_has_no_former_digest()
    {
        var digest = _service.Push("a", "1111111");

        var move = await _registry.AddTagAsync(Repository, "1111111", "demo", Token);

        Assert.Equal((digest, null, false), (move.Digest, move.FormerDigest, move.AlreadyThere));
        Assert.Equal(digest, _service.DigestOf("demo"));
    }

    [Fact]
    public async Task A_tag_that_already_points_at_the_image_is_not_changed()
    {
        var digest = _service.Push("a", "1111111", "demo");

        var move = await _registry.AddTagAsync(Repository, "1111111", "demo", Token);

        Assert.Equal((true, digest), (move.AlreadyThere, move.FormerDigest));
        Assert.Equal(["BatchGetImage"], _service.Operations);
    }

    [Fact]
    public async Task The_same_move_by_another_client_is_a_success()
    {
        _service.Push("a", "1111111");
        _service.Fault = (operation, _) =>
            operation == "PutImage" ? EcrService.Error("ImageAlreadyExistsException", "already exists") : null;

        Assert.True((await _registry.AddTagAsync(Repository, "1111111", "demo", Token)).AlreadyThere);
    }

    [Fact]
    public async Task A_version_that_does_not_exist_moves_nothing()
    {
        var former = _service.Push("a", "1111111", "demo");

        var error = await Assert.ThrowsAsync<CvException>(() => _registry.AddTagAsync(Repository, "2222222", "demo", Token));

        Assert.Equal(("RegistryVersionNotFound", CvErrorKind.NotFound), (error.ErrorId, error.Kind));
        Assert.Equal(former, _service.DigestOf("demo"));
        Assert.Equal(["BatchGetImage"], _service.Operations);
    }

    [Fact]
    public async Task Storing_another_image_than_that_of_the_version_is_an_error()
    {
        _service.Push("a", "1111111");
        _service.Fault = (operation, _) =>
            operation == "PutImage" ? Json("""{"image":{"imageId":{"imageDigest":"sha256:0","imageTag":"demo"}}}""") : null;

        var error = await Assert.ThrowsAsync<CvException>(() => _registry.AddTagAsync(Repository, "1111111", "demo", Token));

        Assert.Equal("RegistryResponseInvalid", error.ErrorId);
    }

    [Fact]
    public async Task A_tag_is_deleted_without_its_image()
    {
        var digest = _service.Push("a", "1111111", "demo");

        await _registry.RemoveTagAsync(Repository, "demo", force: false, Token);

        Assert.Equal(["1111111"], _service.TagsOf(digest));
        Assert.Equal("""[{"imageTag":"demo"}]""", _service.Requests[^1].Body["imageIds"]!.ToJsonString());
    }

    [Fact]
    public async Task The_last_tag_is_not_deleted_without_force()
    {
        var digest = _service.Push("a", "demo");

        var error = await Assert.ThrowsAsync<CvException>(() => _registry.RemoveTagAsync(Repository, "demo", force: false, Token));
        Assert.Equal("RegistryLastTag", error.ErrorId);
        Assert.Equal(["demo"], _service.TagsOf(digest));

        await _registry.RemoveTagAsync(Repository, "demo", force: true, Token);
        Assert.Null(_service.DigestOf("demo"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_tag_that_does_not_exist_cannot_be_removed(bool force)
    {
        _service.Push("a", "1111111");

        var error = await Assert.ThrowsAsync<CvException>(() => _registry.RemoveTagAsync(Repository, "demo", force, Token));

        Assert.Equal("RegistryTagNotFound", error.ErrorId);
    }

    [Theory]
    [InlineData("AccessDeniedException", 400, "RegistryForbidden", CvErrorKind.Forbidden)]
    [InlineData("ExpiredTokenException", 400, "RegistryUnauthorized", CvErrorKind.Unauthenticated)]
    [InlineData("UnrecognizedClientException", 400, "RegistryUnauthorized", CvErrorKind.Unauthenticated)]
    [InlineData("ThrottlingException", 400, "RegistryRateLimited", CvErrorKind.LimitExceeded)]
    [InlineData("ServerException", 500, "RegistryUnreachable", CvErrorKind.Unavailable)]
    [InlineData("InvalidParameterException", 400, "RegistryRefused", CvErrorKind.Invalid)]
    public async Task Errors_of_the_service_are_mapped_to_those_of_registries(string code, int status, string id, CvErrorKind kind)
    {
        _service.Fault = (_, _) => EcrService.Error(code, "User: arn:aws:iam::123456789012:user/ci is not allowed", (HttpStatusCode)status);

        var error = await Assert.ThrowsAsync<CvException>(() => _registry.FindTagAsync(Repository, "demo", Token));

        Assert.Equal((id, kind), (error.ErrorId, error.Kind));
        Assert.NotEmpty(error.Remedy);
        Assert.DoesNotContain("secret", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("application/vnd.oci.image.config.v1+json", null)]
    [InlineData("application/vnd.docker.container.image.v1+json", null)]
    [InlineData("application/vnd.cncf.helm.config.v1+json", "RegistryNotAnImage")]
    [InlineData("application/vnd.oci.empty.v1+json", "RegistryNotAnImage")]
    public async Task An_artifact_with_a_version_tag_is_not_rolled_out(string configType, string? errorId)
    {
        var digest = _service.PushArtifact(configType, "1a2b3c4", "demo");
        VersionResolver resolver = new(new OneRegistry(_registry), new VersionTagCache(), TimeProvider.System);

        Assert.Equal(errorId, await Thrown.ErrorIdAsync(() => resolver.ResolveAsync(Repository, new FollowedTag("demo"), null, [], Token)));
        Assert.Equal(errorId, await Thrown.ErrorIdAsync(() => _registry.RequireCompleteAsync(Repository, digest, Token)));
    }

    [Theory]
    [InlineData("semver:>=1")]
    [InlineData("newest:*")]
    public async Task An_artifact_is_not_a_candidate_of_a_policy(string policy)
    {
        var image = _service.Push("image", "1.2.3");
        _service.PushArtifact("application/vnd.cncf.helm.config.v1+json", "2.0.0");
        VersionResolver resolver = new(new OneRegistry(_registry), new VersionTagCache(), TimeProvider.System);

        var found = await resolver.FindTagAsync(Repository, FollowedText.Parse(policy), Token);

        Assert.Equal((image, "1.2.3"), (found.Digest, found.ChosenTag));
    }

    [Fact]
    public async Task An_index_with_missing_images_is_reported()
    {
        var present = _service.Push("amd64", "amd64");
        var missing = "sha256:" + new string('9', 64);
        var whole = _service.PushIndex([present], "1111111", "demo");
        var broken = _service.PushIndex([present, missing], "2222222");

        Assert.True((await _registry.FindTagAsync(Repository, "demo", Token))?.IsIndex);
        Assert.False((await _registry.FindTagAsync(Repository, "amd64", Token))?.IsIndex);
        _service.Requests.Clear();
        await _registry.RequireCompleteAsync(Repository, whole, Token);
        Assert.Equal(["BatchGetImage", "DescribeImages"], _service.Operations);

        var error = await Assert.ThrowsAsync<CvException>(() => _registry.RequireCompleteAsync(Repository, broken, Token));
        Assert.Equal("RegistryImageIncomplete", error.ErrorId);
        Assert.Contains(missing, error.Message, StringComparison.Ordinal);
        error = await Assert.ThrowsAsync<CvException>(() => _registry.RequireCompleteAsync(Repository, missing, Token));
        Assert.Equal("RegistryImageNotFound", error.ErrorId);
    }

    [Fact]
    public async Task A_transient_failure_is_retried_and_each_attempt_counts()
    {
        var digest = _service.Push("a", "1111111");
        _service.Fault = (_, _) =>
            _service.Requests.Count == 1 ? EcrService.Error("ServerException", "try again", HttpStatusCode.InternalServerError) : null;

        Assert.Equal(digest, (await _registry.FindTagAsync(Repository, "1111111", Token))?.Digest);
        Assert.Equal(2, _service.Requests.Count);
        Assert.Equal(2, _budget.State.Spent);
    }

    [Fact]
    public async Task Throttling_delays_all_further_requests()
    {
        _service.Fault = (_, _) => EcrService.Error("ThrottlingException", "Rate exceeded");

        var error = await Assert.ThrowsAsync<CvException>(() => _registry.FindTagAsync(Repository, "demo", Token));

        Assert.Equal("RegistryRateLimited", error.ErrorId);
        Assert.Single(_service.Requests);
        Assert.NotNull(_budget.State.PausedUntil);
    }

    [Fact]
    public async Task A_missing_permission_is_named()
    {
        _service.Push("a", "1111111");
        _service.Fault = (operation, _) => operation == "PutImage" ? EcrService.Error("AccessDeniedException", "no") : null;

        var error = await Assert.ThrowsAsync<CvException>(() => _registry.AddTagAsync(Repository, "1111111", "demo", Token));

        Assert.Contains("ecr:PutImage", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Immutable_tags_are_reported()
    {
        _service.Push("a", "1111111");
        _service.Fault = (operation, _) =>
            operation == "PutImage" ? EcrService.Error("ImageTagAlreadyExistsException", "tag is immutable") : null;

        var error = await Assert.ThrowsAsync<CvException>(() => _registry.AddTagAsync(Repository, "1111111", "demo", Token));

        Assert.Equal(("RegistryTagImmutable", CvErrorKind.Conflict), (error.ErrorId, error.Kind));
    }

    [Fact]
    public async Task A_missing_repository_is_reported_by_name()
    {
        var error = await Assert.ThrowsAsync<CvException>(() =>
            _registry.FindTagAsync(ImageRepository.Parse("123456789012.dkr.ecr.us-east-1.amazonaws.com/nobody/here"), "demo", Token)
        );

        Assert.Equal("RegistryRepositoryNotFound", error.ErrorId);
        Assert.Contains("nobody/here", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<html><body>Welcome</body></html>")]
    [InlineData("""{"imageDetails": [{"imageDigest":""")]
    [InlineData("null")]
    public async Task An_invalid_response_is_an_error(string text)
    {
        _service.Fault = (_, _) => Json(text);

        var error = await Assert.ThrowsAsync<CvException>(() => _registry.FindTagAsync(Repository, "demo", Token));

        Assert.Equal("RegistryResponseInvalid", error.ErrorId);
    }

    [Fact]
    public async Task An_endless_error_response_is_read_up_to_a_limit()
    {
        using EndlessText endless = new();
        _service.Fault = (_, _) => new HttpResponseMessage(HttpStatusCode.BadRequest) { Content = new StreamContent(endless) };

        var error = await Assert.ThrowsAsync<CvException>(() => _registry.FindTagAsync(Repository, "demo", Token));

        Assert.Equal("RegistryRefused", error.ErrorId);
        Assert.InRange(endless.Given, 1, 1024 * 1024);
    }

    [Fact]
    public async Task A_stalled_response_times_out_and_the_next_one_is_read()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        EcrCredentials credentials = new(Key, Repository.Registry);
        Assert.True(EcrHost.TryParse(Repository.Registry, out var host));
        using var client = EcrConnection.Open(host, _http, credentials, TimeSpan.FromSeconds(10), time);
        RegistryClientOptions options = new()
        {
            Retries = 0,
            TimeProvider = time,
            RequestTimeout = TimeSpan.FromSeconds(10),
        };
        EcrRegistry registry = new(
            new EcrCaller(client, credentials, new RequestBudget(1000, 1000, TimeSpan.Zero, time), options),
            host.AccountId,
            new NoLabels(),
            options
        );
        var digest = _service.Push("a", "demo");
        using StalledText stalled = new();
        _service.Fault = (_, _) => new HttpResponseMessage(HttpStatusCode.OK) { Content = new StreamContent(stalled) };

        var asked = registry.FindTagAsync(Repository, "demo", Token);
        await stalled.Reached.WaitAsync(Token);
        time.Advance(TimeSpan.FromSeconds(11));
        var error = await Assert.ThrowsAsync<CvException>(() => asked);
        _service.Fault = null;

        Assert.Equal(("RegistryTimeout", true), (error.ErrorId, error.IsTransient));
        Assert.Equal(digest, (await registry.FindTagAsync(Repository, "demo", Token))?.Digest);
    }

    [Theory]
    [InlineData("""{"imageDetails":[{"imageDigest":"DIGEST","imageTags":["demo"],"imagePushedAt":1e300}]}""")]
    [InlineData("""{"imageDetails":[{"imageDigest":"DIGEST","imageTags":["demo"],"imagePushedAt":"yesterday"}]}""")]
    [InlineData("""{"imageDetails":{"a":1}}""")]
    [InlineData("""{"imageDetails":[[[[[[[[[[]]]]]]]]]]}""")]
    [InlineData("""{"imageDetails":[{"imageDigest":7}]}""")]
    public async Task A_response_with_wrong_types_is_an_error_of_the_registry(string text)
    {
        _service.Fault = (_, _) => Json(text.Replace("DIGEST", "sha256:" + new string('a', 64), StringComparison.Ordinal));

        var error = await Assert.ThrowsAsync<CvException>(() => _registry.FindTagAsync(Repository, "demo", Token));

        Assert.Equal(("RegistryResponseInvalid", false), (error.ErrorId, error.IsTransient));
    }

    [Fact]
    public async Task Invalid_tags_and_digests_are_skipped()
    {
        var good = "sha256:" + new string('a', 64);
        _service.Fault = (_, _) =>
            Json(
                $$"""{"imageDetails":[null,{"imageDigest":"sha256:x\u001b[31m","imageTags":["evil"]},{"imageDigest":"{{good}}","imageTags":["demo","../../x","a\n",null]},{"imageDigest":"{{good}}"}]}"""
            );

        List<RegistryTag> tags = [];
        await foreach (var tag in _registry.ListTagsAsync(Repository, Token))
            tags.Add(tag);

        Assert.Equal([new RegistryTag("demo", good)], tags);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("<html>")]
    [InlineData("""{"__type":{"a":[]},"message":7}""")]
    public async Task An_error_response_that_is_not_JSON_is_classified_by_its_status(string text)
    {
        _service.Fault = (_, _) => new HttpResponseMessage(HttpStatusCode.BadRequest) { Content = new StringContent(text) };

        Assert.Equal(
            "RegistryRefused",
            (await Assert.ThrowsAsync<CvException>(() => _registry.FindTagAsync(Repository, "demo", Token))).ErrorId
        );
    }

    [Fact]
    public async Task An_endless_response_is_read_up_to_a_limit()
    {
        using EndlessText endless = new();
        _service.Fault = (_, _) => new HttpResponseMessage(HttpStatusCode.OK) { Content = new StreamContent(endless) };

        var error = await Assert.ThrowsAsync<CvException>(() => _registry.FindTagAsync(Repository, "demo", Token));

        Assert.Equal("RegistryResponseTooLarge", error.ErrorId);
        Assert.InRange(endless.Given, 1, 40L * 1024 * 1024);
    }

    [Fact]
    public async Task A_network_failure_is_not_a_defect()
    {
        _service.Fault = (_, _) => throw new HttpRequestException("Connection refused");

        var error = await Assert.ThrowsAsync<CvException>(() => _registry.FindTagAsync(Repository, "demo", Token));

        Assert.Equal(("RegistryUnreachable", CvErrorKind.Unavailable), (error.ErrorId, error.Kind));
    }

    [Fact]
    public async Task A_cancelled_request_is_cancelled()
    {
        using CancellationTokenSource cancel = new();
        _service.Fault = (_, _) =>
        {
            cancel.Cancel();
            throw new OperationCanceledException(cancel.Token);
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _registry.FindTagAsync(Repository, "demo", cancel.Token));
    }

    private static HttpResponseMessage Json(string text) =>
        new(HttpStatusCode.OK) { Content = new StringContent(text, Encoding.UTF8, "application/x-amz-json-1.1") };

    private sealed class EndlessText : ReadOnlyStream
    {
        private bool _begun;

        public long Given { get; private set; }

        public override int Read(byte[] buffer, int offset, int count)
        {
            buffer.AsSpan(offset, count).Fill((byte)' ');
            if (!_begun)
                buffer[offset] = (byte)'{';
            _begun = true;
            Given += count;
            return count;
        }
    }

    /// <summary>Replaces the OCI endpoint; these tests read no labels.</summary>
    private sealed class NoLabels : IRegistry
    {
        public int TagsPerRequest => 1;

        public Task<TagDigest?> FindTagAsync(ImageRepository repository, string tag, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<IReadOnlyDictionary<string, TagDigest>> FindTagsAsync(
            ImageRepository repository,
            IReadOnlyCollection<string> tags,
            CancellationToken cancellationToken
        ) => throw new NotSupportedException();

        public IAsyncEnumerable<RegistryTag> ListTagsAsync(ImageRepository repository, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<IReadOnlyDictionary<string, string>> ReadLabelsAsync(
            ImageRepository repository,
            string digest,
            CancellationToken cancellationToken
        ) => Task.FromResult<IReadOnlyDictionary<string, string>>(new Dictionary<string, string>());

        public Task RequireCompleteAsync(ImageRepository repository, string indexDigest, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<TagMove> AddTagAsync(ImageRepository repository, string version, string tag, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task RemoveTagAsync(ImageRepository repository, string tag, bool force, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }

    /// <summary>Returns one byte and then blocks until cancelled.</summary>
    private sealed class StalledText : ReadOnlyStream
    {
        private readonly SemaphoreSlim _reached = new(0);
        private bool _began;

        public Task Reached => _reached.WaitAsync();

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (!_began)
            {
                _began = true;
                buffer.Span[0] = (byte)'{';
                return 1;
            }

            _reached.Release();
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return 0;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _reached.Dispose();
            base.Dispose(disposing);
        }
    }

    private sealed class OneRegistry(IRegistry registry) : IRegistryCatalog
    {
        public IRegistry For(ImageRepository repository) => registry;
    }
}
