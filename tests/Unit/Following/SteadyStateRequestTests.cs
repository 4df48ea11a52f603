using System.Collections.Concurrent;
using System.Net;
using System.Text.Json.Nodes;
using CvManager.Following;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Resources;
using CvManager.Support.Registries;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Following;

/// <summary>What following tags costs when nothing happens (R11, R12): the poller over the real clients, every request counted.</summary>
public sealed class SteadyStateRequestTests
{
    private const int Resources = 1000;
    private const int Polls = 10;
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);
    private static readonly string Digest = "sha256:" + new string('a', 64);

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    [Fact]
    public async Task A_thousand_resources_on_an_OCI_registry_cost_one_request_per_followed_tag_and_poll()
    {
        const int Repositories = 100,
            TagsEach = 5;
        using ScriptedRegistry handler = new(request => ScriptedRegistry.Head(Digest));

        var requests = await FollowAsync(
            handler,
            FixedCredential.Anonymous,
            i => Tag("registry.test", i % Repositories, i / Repositories % TagsEach)
        );

        Assert.All(requests, r => Assert.StartsWith("HEAD registry.test/v2/team/app-", r, StringComparison.Ordinal));
        AssertPolls(requests, Repositories * TagsEach, each: 1);
    }

    [Fact]
    public async Task A_registry_with_tokens_costs_only_one_more_request_per_repository_and_token_lifetime()
    {
        const int Repositories = 100,
            TagsEach = 2;
        using ScriptedRegistry handler = new(request =>
            request.RequestUri!.Host == "tokens.test" ? ScriptedRegistry.Json("""{"token":"abc","expires_in":300}""")
            : request.Headers.Authorization is null
                ? ScriptedRegistry.Status(
                    HttpStatusCode.Unauthorized,
                    ("WWW-Authenticate", "Bearer realm=\"https://tokens.test/\",service=\"s\"")
                )
            : ScriptedRegistry.Head(Digest)
        );

        var requests = await FollowAsync(
            handler,
            new FixedCredential(RegistryCredential.OfPassword("ci", "p")),
            i => Tag("registry.test", i % Repositories, i / Repositories % TagsEach)
        );

        AssertPolls([.. requests.Where(r => r.StartsWith("HEAD ", StringComparison.Ordinal))], Repositories * TagsEach, each: 1);
        // A token is renewed after four fifths of its lifetime: two or three times in ten minutes.
        Assert.InRange(requests.Count(r => r.StartsWith("GET tokens.test", StringComparison.Ordinal)), Repositories * 2, Repositories * 3);
    }

    [Fact]
    public async Task A_thousand_resources_on_ECR_cost_one_request_per_repository_and_poll()
    {
        const int Repositories = 100,
            TagsEach = 10;
        using ScriptedRegistry handler = new(DescribeImages);

        var requests = await FollowAsync(handler, AccessKey, i => Tag(Ecr, i % Repositories, i / Repositories % TagsEach));

        AssertPolls(requests, Repositories, each: 1);
    }

    [Fact]
    public async Task More_than_a_hundred_tags_of_one_repository_on_ECR_cost_one_request_for_each_hundred()
    {
        using ScriptedRegistry handler = new(DescribeImages);

        var requests = await FollowAsync(handler, AccessKey, i => Tag(Ecr, 0, i % 250));

        AssertPolls(requests, 1, each: 3);
    }

    private const string Ecr = "123456789012.dkr.ecr.us-east-1.amazonaws.com";

    private static FixedCredential AccessKey => new(RegistryCredential.OfPassword("AKIAIOSFODNN7EXAMPLE", "secret"));

    private static PollTarget Tag(string registry, int repository, int tag) =>
        new(ImageRepository.Parse($"{registry}/team/app-{repository}"), "", new FollowedTag($"env-{tag}"));

    /// <summary>
    /// The requests of ten polls, each as method, host and path, after the first polls have been spread over the interval.
    /// </summary>
    private async Task<IReadOnlyList<string>> FollowAsync(
        ScriptedRegistry handler,
        ICredentialSource credentials,
        Func<int, PollTarget> followed
    )
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        using RegistryCatalog catalog = new(
            new()
            {
                TimeProvider = _time,
                RequestsPerSecond = 1e6,
                RequestBurst = 1_000_000,
            },
            credentials,
            handler
        );
        using RegistryLogins logins = new(null, catalog, new(_time, NullLogger.Instance));
        Awaitable lookup = new(new RegistryTagLookup(logins, _time));
        ConcurrentQueue<string> woken = [];
        using TagPoller poller = new(
            lookup,
            woken.Enqueue,
            new(_time, NullLogger.Instance) { AllowSynchronousContinuations = true, Random = new Random(7) }
        );
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var running = poller.RunAsync(stop.Token);
        for (var i = 0; i < Resources; i++)
            poller.Follow($"default/cv-{i}", followed(i), Interval);
        // The first poll is immediate, the second at a random time within the interval, later ones follow once per interval.
        await AdvanceAsync(lookup, 2 * Interval);
        Assert.NotEmpty(woken);
        woken.Clear();
        handler.Requests.Clear();

        await AdvanceAsync(lookup, Polls * Interval);

        IReadOnlyList<string> requests = [.. handler.Requests.Select(r => $"{r.Method} {r.Uri.Host}{r.Uri.AbsolutePath}")];
        Assert.Empty(woken);
        Assert.All(
            Enumerable.Range(0, Resources),
            i => Assert.InRange(_time.GetUtcNow() - poller.Find(followed(i))!.SeenAt!.Value, TimeSpan.Zero, Interval)
        );
        await stop.CancelAsync();
        await running;
        return requests;
    }

    private async Task AdvanceAsync(Awaitable lookup, TimeSpan span)
    {
        for (var past = TimeSpan.Zero; past < span; past += TimeSpan.FromSeconds(1))
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await lookup.AnsweredAsync();
        }
    }

    private static void AssertPolls(IReadOnlyList<string> requests, int requested, int each) =>
        // The lower limit detects tags that are not polled. A poll at the boundary of the period may or may not be counted.
        Assert.InRange(requests.Count, requested * each * (Polls - 1), requested * each * Polls);

    /// <summary>A response in which every requested tag exists.</summary>
    private static HttpResponseMessage DescribeImages(HttpRequestMessage request)
    {
        Assert.Equal("AmazonEC2ContainerRegistry_V20150921.DescribeImages", request.Headers.GetValues("X-Amz-Target").Single());
        using StreamReader reader = new(request.Content!.ReadAsStream());
        var requested = JsonNode.Parse(reader.ReadToEnd())!["imageIds"]!.AsArray();
        Assert.InRange(requested.Count, 1, 100);
        JsonObject image = new()
        {
            ["imageDigest"] = Digest,
            ["imageTags"] = new JsonArray([.. requested.Select(id => id!["imageTag"]!.DeepClone())]),
        };
        return ScriptedRegistry.Json(
            new JsonObject { ["imageDetails"] = new JsonArray(image) }.ToJsonString(),
            type: "application/x-amz-json-1.1"
        );
    }

    /// <summary>Lets a test wait until no request is pending before it advances the clock.</summary>
    private sealed class Awaitable(ITagLookup inner) : ITagLookup
    {
        private readonly ConcurrentDictionary<Task, byte> _pending = new();

        public int TagsPerRequest(TagRepository repository) => inner.TagsPerRequest(repository);

        public async Task<IReadOnlyDictionary<Followed, TagState>> ReadTagsAsync(
            TagRepository repository,
            IReadOnlyList<Followed> tags,
            CancellationToken cancellationToken
        )
        {
            var pending = inner.ReadTagsAsync(repository, tags, cancellationToken);
            _pending.TryAdd(pending, 0);
            try
            {
                return await pending;
            }
            finally
            {
                _pending.TryRemove(pending, out _);
            }
        }

        public async Task AnsweredAsync()
        {
            while (!_pending.IsEmpty)
            {
                await Task.WhenAll(_pending.Keys);
                await Task.Yield();
            }
        }
    }
}
