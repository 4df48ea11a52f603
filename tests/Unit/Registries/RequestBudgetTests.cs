using System.Net;
using CvManager.Registries;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Registries;

public sealed class RequestBudgetTests
{
    private static readonly ImageRepository Repository = ImageRepository.Parse("registry.example.com/team/app");

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_burst_is_sent_at_once_and_the_rest_at_the_rate()
    {
        var budget = Budget(perSecond: 10, burst: 5);
        Task[] requests = [.. Enumerable.Range(0, 10).Select(_ => budget.SpendAsync(Repository, Token).AsTask())];

        Assert.Equal(5, requests.Count(r => r.IsCompletedSuccessfully));
        Assert.Equal(5, budget.State.Waiting);
        for (var i = 5; i < 10; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(100));
            await requests[i].WaitAsync(TimeSpan.FromSeconds(5), Token);
            Assert.Equal(i + 1, requests.Count(r => r.IsCompletedSuccessfully));
        }

        Assert.Equal((10, 0), (budget.State.Spent, budget.State.Waiting));
    }

    [Fact]
    public async Task Requests_never_exceed_the_burst_and_rate_in_any_interval()
    {
        var budget = Budget(perSecond: 20, burst: 10);
        List<DateTimeOffset> sent = [];
        Random random = new(1);
        List<Task> requests = [];
        for (var step = 0; step < 400; step++)
        {
            for (var i = random.Next(4); i > 0; i--)
                requests.Add(SendAsync());
            if (step == 200)
                budget.Observe(Answer(HttpStatusCode.TooManyRequests, ("Retry-After", "3")));
            _time.Advance(TimeSpan.FromMilliseconds(50));
        }

        _time.Advance(TimeSpan.FromMinutes(5));
        await Task.WhenAll(requests).WaitAsync(TimeSpan.FromSeconds(10), Token);
        Assert.Equal(requests.Count, budget.State.Spent);

        async Task SendAsync()
        {
            await budget.SpendAsync(Repository, Token);
            lock (sent)
            {
                sent.Add(_time.GetUtcNow());
                Assert.True(sent.Count <= 10 + (20 * (_time.GetUtcNow() - sent[0]).TotalSeconds) + 1, "more than allowed");
            }
        }
    }

    [Fact]
    public async Task Retry_After_pauses_all_requests_which_then_continue_at_the_rate()
    {
        var budget = Budget(perSecond: 10, burst: 100);
        budget.Observe(Answer(HttpStatusCode.TooManyRequests, ("Retry-After", "5")));
        Task[] requests = [.. Enumerable.Range(0, 20).Select(_ => budget.SpendAsync(Repository, Token).AsTask())];

        _time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.DoesNotContain(requests, r => r.IsCompleted);
        Assert.Equal(_time.GetUtcNow() + TimeSpan.FromSeconds(0.1), budget.State.PausedUntil);
        _time.Advance(TimeSpan.FromSeconds(0.2));
        await requests[0].WaitAsync(TimeSpan.FromSeconds(5), Token);
        Assert.InRange(requests.Count(r => r.IsCompletedSuccessfully), 1, 2);
        _time.Advance(TimeSpan.FromSeconds(2));
        await Task.WhenAll(requests).WaitAsync(TimeSpan.FromSeconds(5), Token);
        Assert.Equal(1, budget.State.Refused);
    }

    [Fact]
    public async Task A_pause_applies_to_waiting_requests()
    {
        var budget = Budget(perSecond: 1, burst: 1);
        await budget.SpendAsync(Repository, Token);
        var waiting = budget.SpendAsync(Repository, Token).AsTask();
        budget.Observe(Answer(HttpStatusCode.TooManyRequests, ("Retry-After", "10")));

        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.False(waiting.IsCompleted);
        // After the first wait, the request is queued again on another thread.
        await WaitUntilAsync(() => budget.State is { Waiting: 1, Spent: 1 });
        _time.Advance(TimeSpan.FromSeconds(7));
        await waiting.WaitAsync(TimeSpan.FromSeconds(5), Token);
    }

    [Fact]
    public async Task A_wait_that_is_too_long_fails_at_once_without_spending_a_token()
    {
        var budget = Budget(perSecond: 1, burst: 1, longestWait: TimeSpan.FromSeconds(30));
        budget.Observe(Answer(HttpStatusCode.TooManyRequests, ("Retry-After", "600")));

        var error = await Assert.ThrowsAsync<CvException>(async () => await budget.SpendAsync(Repository, Token));

        Assert.Equal(("RegistryRateLimited", CvErrorKind.LimitExceeded), (error.ErrorId, error.Kind));
        Assert.Equal((0, 0), (budget.State.Spent, budget.State.Waiting));
        _time.Advance(TimeSpan.FromSeconds(601));
        await budget.SpendAsync(Repository, Token);
    }

    [Fact]
    public async Task Throttling_without_a_retry_time_doubles_the_pause_until_a_request_succeeds()
    {
        var budget = Budget(perSecond: 100, burst: 100);
        List<double> pauses = [];
        for (var i = 0; i < 8; i++)
        {
            budget.Observe(Answer(HttpStatusCode.TooManyRequests));
            // A second throttled response of the same burst does not prolong it.
            budget.ObserveThrottling();
            pauses.Add((budget.State.PausedUntil!.Value - _time.GetUtcNow()).TotalSeconds);
            _time.Advance(TimeSpan.FromSeconds(61));
        }

        Assert.Equal([1, 2, 4, 8, 16, 32, 60, 60], pauses);
        budget.Observe(Answer(HttpStatusCode.OK));
        budget.ObserveThrottling();
        Assert.Equal(TimeSpan.FromSeconds(1), budget.State.PausedUntil - _time.GetUtcNow());
        _time.Advance(TimeSpan.FromSeconds(2));
        await budget.SpendAsync(Repository, Token);
    }

    [Theory]
    [InlineData("ratelimit-reset", "42")]
    [InlineData("x-ratelimit-reset", "1767225642")]
    [InlineData("x-ratelimit-reset", "1767225642000")]
    public void An_exhausted_limit_pauses_until_the_reset(string header, string value)
    {
        var budget = Budget(perSecond: 100, burst: 100);

        budget.Observe(
            Answer(HttpStatusCode.OK, ("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "0;w=21600"), (header, value))
        );

        Assert.Equal(TimeSpan.FromSeconds(42), budget.State.PausedUntil - _time.GetUtcNow());
        Assert.Equal((100, 0), (budget.State.RegistryLimit, budget.State.RegistryRemaining));
    }

    [Theory]
    [InlineData("ratelimit-", "0")]
    [InlineData("x-ratelimit-", "0")]
    [InlineData("x-ratelimit-", "-1")]
    [InlineData("ratelimit-", null)]
    public async Task A_registry_without_a_limit_is_not_paused(string prefix, string? limit)
    {
        var budget = Budget(perSecond: 100, burst: 100);
        budget.Observe(
            Answer(
                HttpStatusCode.OK,
                [.. limit is null ? [] : new[] { (prefix + "limit", limit) }, (prefix + "remaining", "0"), (prefix + "reset", "60")]
            )
        );

        await budget.SpendAsync(Repository, Token);

        Assert.Equal((null, null, null), (budget.State.PausedUntil, budget.State.RegistryLimit, budget.State.RegistryRemaining));
    }

    [Fact]
    public void A_limit_that_was_lifted_is_no_longer_shown()
    {
        var budget = Budget(perSecond: 100, burst: 100);
        budget.Observe(Answer(HttpStatusCode.OK, ("ratelimit-limit", "100"), ("ratelimit-remaining", "7")));
        // A response without limit headers.
        budget.Observe(Answer(HttpStatusCode.OK));
        Assert.Equal((100, 7), (budget.State.RegistryLimit, budget.State.RegistryRemaining));

        budget.Observe(Answer(HttpStatusCode.OK, ("ratelimit-limit", "0"), ("ratelimit-remaining", "0")));

        Assert.Equal((null, null), (budget.State.RegistryLimit, budget.State.RegistryRemaining));
    }

    [Fact]
    public void The_remaining_requests_of_the_registry_are_shown()
    {
        var budget = Budget(perSecond: 10, burst: 40);

        budget.Observe(Answer(HttpStatusCode.OK, ("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "76;w=21600")));

        Assert.Equal(new RequestBudgetState(_time.GetUtcNow(), 0, 0, 0, 40, 40, 10, null, 100, 76), budget.State);
    }

    [Fact]
    public async Task A_cancelled_wait_returns_its_token()
    {
        var budget = Budget(perSecond: 1, burst: 1);
        await budget.SpendAsync(Repository, Token);
        using CancellationTokenSource cancel = new();
        var cancelled = budget.SpendAsync(Repository, cancel.Token).AsTask();
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, budget.State.Available);
        Assert.Equal((1, 0), (budget.State.Spent, budget.State.Waiting));
    }

    private RequestBudget Budget(double perSecond, int burst, TimeSpan? longestWait = null) =>
        new(perSecond, burst, longestWait ?? TimeSpan.FromHours(1), _time);

    private static async Task WaitUntilAsync(Func<bool> condition)
    {
        while (!condition())
            await Task.Delay(5, Token);
    }

    private static HttpResponseMessage Answer(HttpStatusCode status, params (string Name, string Value)[] headers)
    {
        HttpResponseMessage answer = new(status);
        foreach ((var name, var value) in headers)
            answer.Headers.TryAddWithoutValidation(name, value);
        return answer;
    }
}
