using CvManager.Following;
using CvManager.Resources;
using CvManager.Versions;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Following;

public sealed class VersionLookupsTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private static readonly ResolvedVersion Version = new(new FollowedTag("demo"), "sha256:1", "1a2b3c4", default);
    private static readonly CvException Down = new("RegistryUnreachable", CvErrorKind.Unavailable, "down", "wait");

    private readonly FakeTimeProvider _time = new();
    private readonly List<string> _woken = [];
    private readonly VersionLookups _lookups;
    private int _searches;

    public VersionLookupsTests() =>
        _lookups = new VersionLookups(_woken.Add, (_, _) => { }, new(_time, NullLogger.Instance) { Random = new Random(1) });

    [Fact]
    public void An_available_answer_is_returned_at_once_and_kept()
    {
        Assert.Equal(Version, Find("ns/a", _ => Task.FromResult(Version)));
        Assert.Equal(Version, Find("ns/a", _ => Task.FromResult(Version)));

        Assert.Equal(1, _searches);
        Assert.Empty(_woken);
    }

    [Fact]
    public void Searches_that_never_end_do_not_delay_other_keys()
    {
        for (var i = 0; i < 1000; i++)
            Assert.Null(Find($"evil/{i}", token => Never(token)));

        Assert.Equal(Version, Find("ns/a", _ => Task.FromResult(Version)));
    }

    [Fact]
    public void The_key_is_woken_once_when_its_search_has_ended_and_finds_the_answer()
    {
        TaskCompletionSource<ResolvedVersion> search = new();
        Assert.Null(Find("ns/a", _ => search.Task));
        Assert.Null(Find("ns/a", _ => search.Task));
        Assert.Equal(1, _searches);

        search.SetResult(Version);

        Assert.Equal(["ns/a"], _woken);
        Assert.Equal(Version, Find("ns/a", _ => search.Task));
    }

    [Fact]
    public void A_failed_search_is_retried_only_after_the_backoff_and_reports_its_error_until_then()
    {
        Assert.Same(Down, Assert.Throws<CvException>(() => Find("ns/a", _ => Task.FromException<ResolvedVersion>(Down))));
        Assert.Same(Down, Assert.Throws<CvException>(() => Find("ns/a", _ => Task.FromResult(Version))));
        Assert.Equal(1, _searches);

        _time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(Version, Find("ns/a", _ => Task.FromResult(Version)));
    }

    [Fact]
    public void A_search_that_does_not_end_is_an_error_after_the_patience_and_ends_after_the_limit()
    {
        Assert.Null(Find("ns/a", token => Never(token), TimeSpan.FromMinutes(1)));
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(
            "VersionLookupSlow",
            Assert.Throws<CvException>(() => Find("ns/a", token => Never(token), TimeSpan.FromMinutes(1))).ErrorId
        );

        _time.Advance(TimeSpan.FromMinutes(4));

        Assert.Equal(["ns/a"], _woken);
        Assert.Equal("RegistryTimeout", Assert.Throws<CvException>(() => Find("ns/a", token => Never(token))).ErrorId);
    }

    [Fact]
    public void A_new_question_ends_the_search_for_the_former_one()
    {
        CancellationToken former = default;
        Assert.Null(
            Find(
                "ns/a",
                token =>
                {
                    former = token;
                    return Never(token);
                }
            )
        );

        Assert.Equal(Version, _lookups.Find("ns/a", "another", Patience, _ => true, _ => Task.FromResult(Version)));
        Assert.True(former.IsCancellationRequested);
    }

    [Fact]
    public void An_answer_that_is_no_longer_valid_is_searched_for_again()
    {
        Find("ns/a", _ => Task.FromResult(Version));

        Assert.Equal(
            "other",
            _lookups
                .Find(
                    "ns/a",
                    "question",
                    Patience,
                    v => v.Version != Version.Version,
                    _ => Task.FromResult(Version with { Version = "other" })
                )!
                .Version
        );
    }

    [Fact]
    public async Task Stopping_does_not_wait_for_a_search_that_ignores_cancellation()
    {
        Assert.Null(Find("ns/a", _ => new TaskCompletionSource<ResolvedVersion>().Task));

        await _lookups.StopAsync();

        Assert.Null(Find("ns/b", _ => Task.FromResult(Version)));
    }

    private ResolvedVersion? Find(string key, Func<CancellationToken, Task<ResolvedVersion>> search, TimeSpan? patience = null) =>
        _lookups.Find(
            key,
            "question",
            patience ?? Patience,
            _ => true,
            token =>
            {
                _searches++;
                return search(token);
            }
        );

    private static async Task<ResolvedVersion> Never(CancellationToken cancellationToken)
    {
        await Task.Delay(Timeout.Infinite, cancellationToken);
        return Version;
    }
}
