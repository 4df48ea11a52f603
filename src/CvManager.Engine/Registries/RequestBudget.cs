using System.Net.Http.Headers;

namespace CvManager.Registries;

/// <summary>
/// Limits the requests to one registry with one login (R11): a token bucket that also pauses when the registry requests it. Thread-safe.
/// Requests are admitted in order of arrival.
/// </summary>
/// <remarks>
/// Does not use System.Threading.RateLimiting because that does not support <see cref="TimeProvider"/>.
/// </remarks>
public sealed class RequestBudget
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxDefaultPause = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan MaxRequestedPause = TimeSpan.FromHours(6);

    private readonly object _lock = new();
    private readonly TimeProvider _time;
    private readonly double _perSecond;
    private readonly int _burst;
    private readonly TimeSpan _maxWait;
    private readonly DateTimeOffset _since;
    private readonly long _started;
    private double _tokens;
    private DateTimeOffset _filledAt;
    private DateTimeOffset _pausedUntil;
    private TimeSpan _nextPause = FirstPause;
    private long _spent;
    private long _refused;
    private int _waiting;
    private long? _limit;
    private long? _remaining;

    /// <param name="perSecond">The sustained requests per second; more than 0.</param>
    /// <param name="burst">The maximum burst; at least 1.</param>
    /// <param name="maxWait">A request that would have to wait longer fails immediately.</param>
    public RequestBudget(double perSecond, int burst, TimeSpan maxWait, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(perSecond);
        ArgumentOutOfRangeException.ThrowIfLessThan(burst, 1);
        ArgumentNullException.ThrowIfNull(time);
        (_perSecond, _burst, _maxWait, _time) = (perSecond, burst, maxWait, time);
        _tokens = burst;
        _started = time.GetTimestamp();
        _filledAt = _since = time.GetUtcNow();
    }

    /// <summary>Waits until the next request may be sent.</summary>
    /// <exception cref="CvException"><c>RegistryRateLimited</c>: the wait would be too long.</exception>
    internal async ValueTask SpendAsync(ImageRepository repository, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            TimeSpan wait;
            lock (_lock)
            {
                wait = Reserve(Now());
                if (wait > _maxWait)
                {
                    GiveBack();
                    throw RegistryErrors.RateLimited(repository, wait);
                }

                if (wait <= TimeSpan.Zero)
                {
                    _spent++;
                    return;
                }

                _waiting++;
            }

            var waited = false;
            try
            {
                await Task.Delay(wait, _time, cancellationToken);
                waited = true;
            }
            finally
            {
                lock (_lock)
                {
                    _waiting--;
                    // If the registry requested a pause in the meantime, queue again behind it.
                    if (waited && _pausedUntil <= Now())
                        _spent++;
                    else
                    {
                        waited = false;
                        GiveBack();
                    }
                }
            }

            if (waited)
                return;
        }
    }

    /// <summary>Reads rate limit headers of a response. Without a limit, or with a limit of 0, the remaining count is ignored.</summary>
    /// <remarks>
    /// docs.docker.com/docker-hub/usage/pulls: only responses to limited requests have the headers; on a paid plan, none has.
    /// </remarks>
    internal void Observe(HttpResponseMessage response)
    {
        var now = Now();
        var clock = _time.GetUtcNow();
        var remaining = Number(response.Headers, "ratelimit-remaining") ?? Number(response.Headers, "x-ratelimit-remaining");
        var limit = Number(response.Headers, "ratelimit-limit") ?? Number(response.Headers, "x-ratelimit-limit");
        lock (_lock)
        {
            if (limit is not null)
                (_limit, _remaining) = limit > 0 ? (limit, remaining) : (null, null);
            if ((int)response.StatusCode == 429)
                Throttle(
                    now,
                    RetryAfter(response.Headers.RetryAfter, clock) ?? Reset(response.Headers, clock) ?? Share(response.Headers, limit)
                );
            else if (
                limit > 0
                && remaining == 0
                && (Reset(response.Headers, clock) ?? (Counts(response) ? Share(response.Headers, limit) : null)) is { } reset
            )
                Pause(now, reset);
            else if ((int)response.StatusCode < 400)
                _nextPause = FirstPause;
        }
    }

    /// <summary>The registry throttled a request without a retry time.</summary>
    internal void ObserveThrottling()
    {
        lock (_lock)
            Throttle(Now(), null);
    }

    /// <summary>True if the budget is in its initial state: full, without waiting requests, not paused.</summary>
    internal bool IsIdle
    {
        get
        {
            lock (_lock)
            {
                var now = Now();
                Fill(now);
                return _waiting == 0 && _tokens >= _burst && _pausedUntil <= now;
            }
        }
    }

    /// <summary>The current state.</summary>
    public RequestBudgetState State
    {
        get
        {
            lock (_lock)
            {
                var now = Now();
                Fill(now);
                return new RequestBudgetState(
                    _since,
                    _spent,
                    _refused,
                    _waiting,
                    (int)Math.Max(0, Math.Floor(_tokens)),
                    _burst,
                    _perSecond,
                    _pausedUntil > now ? _time.GetUtcNow() + (_pausedUntil - now) : null,
                    _limit,
                    _remaining
                );
            }
        }
    }

    /// <summary>Monotonic: not affected when the system clock is set.</summary>
    private DateTimeOffset Now() => _since + _time.GetElapsedTime(_started);

    /// <summary>Takes a token, possibly a future one, and returns the time until it is available.</summary>
    private TimeSpan Reserve(DateTimeOffset now)
    {
        Fill(now);
        _tokens--;
        var wait = _filledAt > now ? _filledAt - now : TimeSpan.Zero;
        return _tokens >= 0 ? wait : wait + TimeSpan.FromSeconds(-_tokens / _perSecond);
    }

    private void GiveBack() => _tokens = Math.Min(_burst, _tokens + 1);

    private void Fill(DateTimeOffset now)
    {
        // During a pause, _filledAt is the end of the pause.
        if (now <= _filledAt)
            return;
        _tokens = Math.Min(_burst, _tokens + ((now - _filledAt).TotalSeconds * _perSecond));
        _filledAt = now;
    }

    private void Throttle(DateTimeOffset now, TimeSpan? retryAfter)
    {
        _refused++;
        if (retryAfter is { } rest)
        {
            Pause(now, rest);
            return;
        }

        // Responses to requests from before the pause do not prolong it.
        if (_pausedUntil > now)
            return;
        Pause(now, _nextPause);
        _nextPause = TimeSpan.FromTicks(Math.Min(_nextPause.Ticks * 2, MaxDefaultPause.Ticks));
    }

    private void Pause(DateTimeOffset now, TimeSpan rest)
    {
        var until = now + TimeSpan.FromTicks(Math.Clamp(rest.Ticks, 0, MaxRequestedPause.Ticks));
        if (until <= _pausedUntil)
            return;
        Fill(now);
        _pausedUntil = until;
        // The bucket is empty at the end of the pause, so that waiting requests are sent at its rate and not all at once.
        _tokens = Math.Min(_tokens, 0);
        _filledAt = until;
    }

    private static TimeSpan? RetryAfter(RetryConditionHeaderValue? value, DateTimeOffset now) =>
        value?.Delta ?? (value?.Date is { } date ? date - now : null);

    /// <summary>The header has seconds from now, or a Unix time in seconds (GitHub, GitLab) or milliseconds.</summary>
    private static TimeSpan? Reset(HttpResponseHeaders headers, DateTimeOffset now)
    {
        if ((Number(headers, "ratelimit-reset") ?? Number(headers, "x-ratelimit-reset")) is not { } value)
            return null;
        return value switch
        {
            > 100_000_000_000 => DateTimeOffset.FromUnixTimeMilliseconds(Math.Min(value, 253_402_300_799_999)) - now,
            > 1_000_000_000 => DateTimeOffset.FromUnixTimeSeconds(value) - now,
            _ => TimeSpan.FromSeconds(value),
        };
    }

    /// <summary>
    /// The average time until another request is allowed, if the registry sends its window (Docker Hub: <c>0;w=21600</c>) but not the end
    /// of the window.
    /// </summary>
    private static TimeSpan? Share(HttpResponseHeaders headers, long? limit)
    {
        if (limit is not > 0 || !headers.TryGetValues("ratelimit-remaining", out var values) || values.FirstOrDefault() is not string value)
            return null;
        var at = value.IndexOf(";w=", StringComparison.Ordinal);
        return
            at >= 0
            && uint.TryParse(
                value.AsSpan(at + 3),
                System.Globalization.NumberStyles.None,
                System.Globalization.CultureInfo.InvariantCulture,
                out var seconds
            )
            ? TimeSpan.FromSeconds((double)seconds / limit.Value)
            : null;
    }

    /// <summary>HEAD requests do not count against the limit (Docker Hub: "pulls" are GETs of manifests).</summary>
    private static bool Counts(HttpResponseMessage response) => response.RequestMessage?.Method != HttpMethod.Head;

    /// <summary>Docker Hub appends the window: <c>100;w=21600</c>.</summary>
    private static long? Number(HttpResponseHeaders headers, string name) =>
        headers.TryGetValues(name, out var values)
        && values.FirstOrDefault() is string value
        && long.TryParse(
            value.AsSpan(0, value.IndexOf(';', StringComparison.Ordinal) is var end and >= 0 ? end : value.Length),
            System.Globalization.NumberStyles.Integer,
            System.Globalization.CultureInfo.InvariantCulture,
            out var number
        )
        && number >= 0
            ? number
            : null;
}

/// <summary>The state of a request budget.</summary>
/// <param name="Since">When counting started.</param>
/// <param name="Spent">Requests sent.</param>
/// <param name="Refused">Requests that the registry throttled.</param>
/// <param name="Waiting">Waiting requests.</param>
/// <param name="Available">Requests that can be sent immediately.</param>
/// <param name="Burst">The maximum of <paramref name="Available"/>.</param>
/// <param name="PerSecond">The sustained rate.</param>
/// <param name="PausedUntil">The end of the pause; null if not paused.</param>
/// <param name="RegistryLimit">The registry's own limit (<c>ratelimit-limit</c>); null if unknown.</param>
/// <param name="RegistryRemaining">The remaining requests according to the registry; null if unknown.</param>
public sealed record RequestBudgetState(
    DateTimeOffset Since,
    long Spent,
    long Refused,
    int Waiting,
    int Available,
    int Burst,
    double PerSecond,
    DateTimeOffset? PausedUntil,
    long? RegistryLimit,
    long? RegistryRemaining
);
