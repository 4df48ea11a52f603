using CsCheck;
using CvManager.Following;
using CvManager.Registries;
using CvManager.Resources;
using CvManager.Support.Resources;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Following;

public sealed class TagPollerTests : IAsyncLifetime
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly FakeTimeProvider _time = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly List<string> _woken = [];
    private readonly FakeRegistry _registry;
    private readonly TagPoller _poller;
    private readonly Task _running;

    public TagPollerTests()
    {
        _registry = new FakeRegistry(_time);
        _poller = new TagPoller(
            _registry,
            _woken.Add,
            new(_time, NullLogger.Instance) { AllowSynchronousContinuations = true, Random = new Random(1) }
        );
        _running = _poller.RunAsync(_stop.Token);
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _poller.Dispose();
        _stop.Dispose();
    }

    [Fact]
    public void The_first_poll_is_immediate_and_its_result_is_kept()
    {
        _registry.Digests[Tag("app", "prod")] = "sha256:1";
        _poller.Follow("ns/cv", Tag("app", "prod"), Minute);

        Assert.Equal(["ns/cv"], _woken);
        var state = _poller.Find(Tag("app", "prod"));
        Assert.Equal("sha256:1", state?.Found?.Digest);
        Assert.Equal(_time.GetUtcNow(), state?.SeenAt);
        Assert.Null(state?.Error);
    }

    [Fact]
    public void A_tag_with_many_followers_costs_one_request_per_poll_and_wakes_all_when_it_moves()
    {
        _registry.Digests[Tag("app", "prod")] = "sha256:1";
        for (var i = 0; i < 50; i++)
            _poller.Follow($"ns/cv{i}", Tag("app", "prod"), Minute);
        _time.Advance(Minute);
        var requests = _registry.Requests;
        _woken.Clear();

        Minutes(10);
        Assert.Equal(10, _registry.Requests - requests);
        Assert.Empty(_woken);

        _registry.Digests[Tag("app", "prod")] = "sha256:2";
        Minutes(1);
        Assert.Equal(50, _woken.Distinct().Count());
        Assert.Equal(50, _woken.Count);
    }

    [Fact]
    public void Polls_are_spread_over_the_interval_also_after_a_pause_of_the_process()
    {
        for (var i = 0; i < 300; i++)
            _poller.Follow($"ns/cv{i}", Tag("app" + i, "prod"), 30 * Second);
        Minutes(1);
        AssertSpread();

        _time.Advance(TimeSpan.FromHours(1));
        Minutes(1);
        AssertSpread();

        void AssertSpread()
        {
            int[] perSecond =
            [
                .. Enumerable
                    .Range(0, 30)
                    .Select(_ =>
                    {
                        var before = _registry.Requests;
                        _time.Advance(Second);
                        return _registry.Requests - before;
                    }),
            ];
            Assert.Equal(300, perSecond.Sum());
            Assert.InRange(perSecond.Max(), 10, 30);
        }
    }

    [Fact]
    public void Tags_of_one_repository_are_polled_together_if_one_request_can_read_several()
    {
        _registry.PerRequest = 100;
        for (var i = 0; i < 250; i++)
        {
            _poller.Follow($"ns/cv{i}", Tag("app", "env" + i), Minute);
            _time.Advance(Second / 10);
        }

        Minutes(3);
        var requests = _registry.Requests;
        Minutes(10);

        Assert.Equal(10 * 3, _registry.Requests - requests);
    }

    [Fact]
    public void Different_credentials_are_polled_separately()
    {
        PollTarget mine = Tag("app", "prod"),
            theirs = mine with { Repository = mine.Repository with { Login = "ns/secret" } };
        _registry.Digests[mine] = "sha256:1";
        _registry.Answers[theirs] = new CvException("RegistryUnauthorized", CvErrorKind.Unauthenticated, "no", "log in");

        _poller.Follow("ns/mine", mine, Minute);
        _poller.Follow("ns/theirs", theirs, Minute);

        Assert.Equal("sha256:1", _poller.Find(mine)?.Found?.Digest);
        Assert.Null(_poller.Find(theirs)?.Found?.Digest);
        Assert.Equal("RegistryUnauthorized", _poller.Find(theirs)?.Error?.ErrorId);
    }

    [Fact]
    public void PollNow_polls_only_that_tag_at_once()
    {
        _poller.Follow("ns/a", Tag("app", "prod"), Minute);
        _poller.Follow("ns/b", Tag("app", "demo"), Minute);
        _poller.Follow("ns/c", Tag("other", "prod"), Minute);
        _time.Advance(5 * Second);
        _registry.Digests[Tag("app", "prod")] = "sha256:2";
        _registry.ReadTags.Clear();
        _woken.Clear();

        Assert.Equal(1, _poller.PollNow(ImageRepository.Parse("r.example/app"), "prod"));

        Assert.Equal([Tag("app", "prod")], _registry.ReadTags);
        Assert.Equal(["ns/a"], _woken);
        Assert.Equal(2, _poller.PollNow(ImageRepository.Parse("r.example/app"), null));
        Assert.Equal(0, _poller.PollNow(ImageRepository.Parse("elsewhere.example/app"), null));
    }

    [Fact]
    public void Endless_PollNow_calls_cost_one_poll_per_spacing()
    {
        _poller.Follow("ns/a", Tag("app", "prod"), TimeSpan.FromHours(1));
        var requests = _registry.Requests;

        for (var i = 0; i < 100; i++)
        {
            _poller.PollNow(ImageRepository.Parse("r.example/app"), "prod");
            _time.Advance(Second / 10);
        }

        Assert.InRange(_registry.Requests - requests, 8, 10);
    }

    [Fact]
    public void PollNow_during_a_poll_causes_another_poll()
    {
        _registry.Digests[Tag("app", "prod")] = "sha256:1";
        _registry.Hold("app");
        _poller.Follow("ns/a", Tag("app", "prod"), TimeSpan.FromHours(1));
        _time.Advance(2 * Second);
        _poller.PollNow(ImageRepository.Parse("r.example/app"), "prod");
        Assert.Equal(1, _registry.Requests);
        _registry.Digests[Tag("app", "prod")] = "sha256:2";

        _registry.Release("app");

        Assert.Equal(2, _registry.Requests);
        Assert.Equal("sha256:2", _poller.Find(Tag("app", "prod"))?.Found?.Digest);
    }

    [Fact]
    public void A_hanging_repository_does_not_delay_others()
    {
        _registry.Hold("stuck");
        _poller.Follow("ns/stuck", Tag("stuck", "prod"), Minute);
        _registry.Digests[Tag("app", "prod")] = "sha256:1";
        _poller.Follow("ns/a", Tag("app", "prod"), Minute);
        Minutes(1);
        _registry.Digests[Tag("app", "prod")] = "sha256:2";
        Minutes(1);

        Assert.Equal(["ns/a", "ns/a"], _woken);
        _registry.Release("stuck");
        Assert.Equal("ns/stuck", _woken[^1]);
    }

    [Fact]
    public void A_poll_that_never_ends_is_abandoned_and_the_tag_is_polled_again()
    {
        var tag = Tag("stuck", "prod");
        _registry.Hold("stuck");
        _poller.Follow("ns/a", tag, Minute);
        Minutes(3);
        Assert.Equal("RegistryTimeout", _poller.Find(tag)?.Error?.ErrorId);
        Assert.Equal(["ns/a"], _woken);

        _registry.Release("stuck");
        _registry.Digests[tag] = "sha256:1";
        Minutes(2);

        Assert.Equal("sha256:1", _poller.Find(tag)?.Found?.Digest);
    }

    [Fact]
    public void A_slow_version_policy_does_not_delay_the_tags_of_its_repository()
    {
        _registry.Hold("app");
        _poller.Follow("ns/a", Tag("app", "semver:^1"), Minute);
        _registry.Free("app");
        _registry.Digests[Tag("app", "prod")] = "sha256:1";

        _poller.Follow("ns/b", Tag("app", "prod"), Minute);

        Assert.Equal("sha256:1", _poller.Find(Tag("app", "prod"))?.Found?.Digest);
        Assert.Null(_poller.Find(Tag("app", "semver:^1")));
        Assert.Equal(2, _poller.PollNow(ImageRepository.Parse("r.example/app"), null));
    }

    [Fact]
    public void While_a_registry_is_down_known_facts_are_kept_and_polls_continue_at_least_once_per_interval()
    {
        var tag = Tag("app", "prod");
        _registry.Digests[tag] = "sha256:1";
        _poller.Follow("ns/a", tag, Minute);
        _registry.Answers[tag] = new CvException("RegistryUnavailable", CvErrorKind.Unavailable, "down", "wait");
        Minutes(2);
        var seen = _poller.Find(tag)!.SeenAt!.Value;
        _woken.Clear();
        var requests = _registry.Requests;

        Minutes(30);
        Assert.Empty(_woken); // said once
        Assert.InRange(_registry.Requests - requests, 30, 60);
        Assert.Equal("sha256:1", _poller.Find(tag)?.Found?.Digest);
        Assert.Equal(seen, _poller.Find(tag)?.SeenAt);
        Assert.Equal("RegistryUnavailable", _poller.Find(tag)?.Error?.ErrorId);

        _registry.Answers.Remove(tag);
        Minutes(1);
        Assert.Equal(["ns/a"], _woken);
        Assert.Null(_poller.Find(tag)?.Error);
    }

    [Fact]
    public void An_unexpected_exception_fails_the_poll_and_does_not_stop_polling()
    {
        var tag = Tag("app", "prod");
        _registry.Throws = new InvalidOperationException("broken");
        _poller.Follow("ns/a", tag, Minute);
        Assert.Equal("RegistryReadFailed", _poller.Find(tag)?.Error?.ErrorId);

        _registry.Throws = null;
        _registry.Digests[tag] = "sha256:1";
        Minutes(1);

        Assert.Equal("sha256:1", _poller.Find(tag)?.Found?.Digest);
    }

    [Fact]
    public void A_deleted_tag_has_no_digest()
    {
        var tag = Tag("app", "prod");
        _registry.Digests[tag] = "sha256:1";
        _poller.Follow("ns/a", tag, Minute);
        _registry.Answers[tag] = new CvException("RegistryTagNotFound", CvErrorKind.NotFound, "gone", "tag it");
        Minutes(2);

        Assert.Null(_poller.Find(tag)?.Found?.Digest);
        Assert.Equal(["ns/a", "ns/a"], _woken);
    }

    [Fact]
    public void A_follower_of_another_tag_or_none_is_removed()
    {
        _poller.Follow("ns/a", Tag("app", "prod"), Minute);
        _poller.Follow("ns/a", Tag("app", "demo"), Minute);
        Assert.Equal(1, _poller.TagCount);
        Assert.Null(_poller.Find(Tag("app", "prod")));

        _poller.Unfollow("ns/a");
        _poller.Unfollow("ns/a");
        Assert.Equal(0, _poller.TagCount);
        var requests = _registry.Requests;
        Minutes(5);
        Assert.Equal(requests, _registry.Requests);
    }

    [Fact]
    public void The_shortest_interval_counts_as_long_as_a_follower_has_it()
    {
        var tag = Tag("app", "prod");
        _poller.Follow("ns/slow", tag, TimeSpan.FromHours(1));
        Minutes(60);
        _poller.Follow("ns/fast", tag, Minute);
        Minutes(1);
        var requests = _registry.Requests;
        Minutes(10);
        Assert.Equal(10, _registry.Requests - requests);

        _poller.Unfollow("ns/fast");
        Minutes(1);
        requests = _registry.Requests;
        Minutes(60);
        Assert.Equal(1, _registry.Requests - requests);
    }

    [Fact]
    public void A_move_is_detected_within_the_interval() =>
        Gen.Select(Gen.Int[1, 5], Gen.Int[0, 1000], Gen.Select(Gen.Int[0, 4], Gen.Int[1, 90]).Array[1, 20], Gen.Int[0, 1])
            .Sample(
                (tags, seed, moves, together) =>
                {
                    FakeTimeProvider clock = new();
                    FakeRegistry fake = new(clock) { PerRequest = together == 1 ? 100 : 1 };
                    using TagPoller polling = new(
                        fake,
                        _ => { },
                        new(clock, NullLogger.Instance) { AllowSynchronousContinuations = true, Random = new Random(seed) }
                    );
                    using CancellationTokenSource end = new();
                    var run = polling.RunAsync(end.Token);
                    for (var i = 0; i < tags; i++)
                    {
                        fake.Digests[Tag("app", "t" + i)] = "sha256:0";
                        polling.Follow("ns/" + i, Tag("app", "t" + i), (i + 1) * 20 * Second);
                    }

                    var number = 0;
                    foreach ((var which, var wait) in moves)
                    {
                        clock.Advance(wait * Second);
                        var moved = Tag("app", "t" + (which % tags));
                        fake.Digests[moved] = $"sha256:{++number}";
                        var deadline = clock.GetUtcNow() + ((which % tags) + 1) * 20 * Second;
                        while (polling.Find(moved)?.Found?.Digest != fake.Digests[moved])
                        {
                            if (clock.GetUtcNow() >= deadline)
                                return false;
                            clock.Advance(Second);
                        }
                    }

                    end.Cancel();
                    return run.IsCompletedSuccessfully;
                },
                iter: 300,
                threads: 1
            );

    private static PollTarget Tag(string repository, string tag) =>
        new(ImageRepository.Parse($"r.example/{repository}"), "", FollowedText.Parse(tag));

    private void Minutes(int count)
    {
        for (var i = 0; i < count * 60; i++)
            _time.Advance(Second);
    }

    private sealed class FakeRegistry(FakeTimeProvider _time) : ITagLookup
    {
        private readonly Dictionary<string, TaskCompletionSource> _held = [];

        public Dictionary<PollTarget, string> Digests { get; } = [];

        public Dictionary<PollTarget, CvException> Answers { get; } = [];

        public List<PollTarget> ReadTags { get; } = [];

        public Exception? Throws { get; set; }

        public int PerRequest { get; set; } = 1;

        /// <summary>The HTTP requests that a registry with that batch size would receive.</summary>
        public int Requests { get; private set; }

        public int TagsPerRequest(TagRepository repository) => PerRequest;

        public void Hold(string repository) => _held[repository] = new TaskCompletionSource();

        /// <summary>New polls get a response; earlier ones remain blocked.</summary>
        public void Free(string repository) => _held.Remove(repository);

        public void Release(string repository)
        {
            _held.Remove(repository, out var hold);
            hold!.SetResult();
        }

        public async Task<IReadOnlyDictionary<Followed, TagState>> ReadTagsAsync(
            TagRepository repository,
            IReadOnlyList<Followed> tags,
            CancellationToken cancellationToken
        )
        {
            Assert.NotEmpty(tags);
            Requests += (tags.Count + PerRequest - 1) / PerRequest;
            ReadTags.AddRange(tags.Select(tag => new PollTarget(repository, tag)));
            if (Throws is not null)
                throw Throws;
            var answers = tags.ToDictionary(
                tag => tag,
                tag =>
                {
                    PollTarget followed = new(repository, tag);
                    return Answers.TryGetValue(followed, out var error)
                        ? TagState.Failed(error)
                        : TagState.Of(new TagDigest(Digests.GetValueOrDefault(followed, "sha256:0")));
                }
            );
            if (_held.TryGetValue(repository.Repository.Path, out var hold))
                await hold.Task.WaitAsync(Timeout.InfiniteTimeSpan, _time, cancellationToken);
            return answers;
        }
    }
}
