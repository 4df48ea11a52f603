using CvManager.Following;
using CvManager.Versions;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Following;

public sealed class VersionLookupsTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private static readonly ResolvedVersion Version = new("demo", "sha256:1", "1a2b3c4", default);
    private static readonly CvException Down = new("RegistryUnreachable", CvErrorKind.Unavailable, "down", "wait");

    private readonly FakeTimeProvider _time = new();
    private readonly List<string> _woken = [];
    private readonly VersionLookups _lookups;
    private int _searches;

    public VersionLookupsTests() => _lookups = new VersionLookups(_woken.Add, (_, _) => { }, _time, new Random(1), NullLogger.Instance);

    [Fact]
    public void An_answer_that_is_at_hand_is_given_at_once_and_kept()
    {
        Assert.Equal(Version, Find("ns/a", _ => Task.FromResult(Version)));
        Assert.Equal(Version, Find("ns/a", _ => Task.FromResult(Version)));

        Assert.Equal(1, _searches);
        Assert.Empty(_woken);
    }

    [Fact]
    public void Searches_that_never_end_keep_nobody_from_an_answer()
    {
        for (int i = 0; i < 1000; i++)
            Assert.Null(Find($"evil/{i}", token => Never(token)));

        Assert.Equal(Version, Find("ns/a", _ => Task.FromResult(Version)));
    }

    [Fact]
    public void Who_asked_is_woken_once_when_the_search_has_ended_and_finds_the_answer()
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
    public void A_search_that_failed_is_repeated_only_when_its_time_has_come_and_the_failure_stands_until_then()
    {
        Assert.Same(Down, Assert.Throws<CvException>(() => Find("ns/a", _ => Task.FromException<ResolvedVersion>(Down))));
        Assert.Same(Down, Assert.Throws<CvException>(() => Find("ns/a", _ => Task.FromResult(Version))));
        Assert.Equal(1, _searches);

        _time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(Version, Find("ns/a", _ => Task.FromResult(Version)));
    }

    [Fact]
    public void A_search_without_an_end_is_an_error_after_the_patience_of_the_resource_and_ends_after_the_limit()
    {
        Assert.Null(Find("ns/a", token => Never(token), TimeSpan.FromMinutes(1)));
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("VersionLookupSlow", Assert.Throws<CvException>(() => Find("ns/a", token => Never(token), TimeSpan.FromMinutes(1))).ErrorId);

        _time.Advance(TimeSpan.FromMinutes(4));

        Assert.Equal(["ns/a"], _woken);
        Assert.Equal("RegistryTimeout", Assert.Throws<CvException>(() => Find("ns/a", token => Never(token))).ErrorId);
    }

    [Fact]
    public void Another_question_ends_the_search_for_the_former_one()
    {
        CancellationToken former = default;
        Assert.Null(Find("ns/a", token =>
        {
            former = token;
            return Never(token);
        }));

        Assert.Equal(Version, _lookups.Find("ns/a", "another", Patience, _ => true, _ => Task.FromResult(Version)));
        Assert.True(former.IsCancellationRequested);
    }

    [Fact]
    public void An_answer_that_does_not_stand_any_more_is_looked_for_again()
    {
        Find("ns/a", _ => Task.FromResult(Version));

        Assert.Equal("other", _lookups.Find("ns/a", "question", Patience, v => v.Version != Version.Version, _ => Task.FromResult(Version with { Version = "other" }))!.Version);
    }

    [Fact]
    public async Task The_end_waits_for_no_search_that_does_not_listen()
    {
        Assert.Null(Find("ns/a", _ => new TaskCompletionSource<ResolvedVersion>().Task));

        await _lookups.StopAsync();

        Assert.Null(Find("ns/b", _ => Task.FromResult(Version)));
    }

    private ResolvedVersion? Find(string key, Func<CancellationToken, Task<ResolvedVersion>> search, TimeSpan? patience = null) =>
        _lookups.Find(key, "question", patience ?? Patience, _ => true, token =>
        {
            _searches++;
            return search(token);
        });

    private static async Task<ResolvedVersion> Never(CancellationToken cancellationToken)
    {
        await Task.Delay(Timeout.Infinite, cancellationToken);
        return Version;
    }
}
