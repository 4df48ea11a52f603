using System.Net.Http.Headers;

namespace CvManager.Registries;

/// <summary>
/// How many requests one registry may still be sent with one login (R11): a token bucket, held back further where the registry says so.
/// Thread-safe. Requests go in the order in which they asked.
/// </summary>
/// <remarks>
/// Not System.Threading.RateLimiting's bucket: that one has a clock of its own, and all time here is the <see cref="TimeProvider"/>'s.
/// </remarks>
public sealed class RequestBudget
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestUntoldPause = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestToldPause = TimeSpan.FromHours(6);

    private readonly object _lock = new();
    private readonly TimeProvider _time;
    private readonly double _perSecond;
    private readonly int _burst;
    private readonly TimeSpan _longestWait;
    private readonly DateTimeOffset _since;
    private readonly long _started;
    private double _tokens;
    private DateTimeOffset _filledAt;
    private DateTimeOffset _pausedUntil;
    private TimeSpan _untoldPause = FirstPause;
    private long _spent;
    private long _refused;
    private int _waiting;
    private long? _limit;
    private long? _remaining;

    /// <param name="perSecond">Requests a second in the long run; more than 0.</param>
    /// <param name="burst">Requests at once after a time of rest; at least 1.</param>
    /// <param name="longestWait">A request that would have to wait longer is not sent: it fails at once.</param>
    public RequestBudget(double perSecond, int burst, TimeSpan longestWait, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(perSecond);
        ArgumentOutOfRangeException.ThrowIfLessThan(burst, 1);
        ArgumentNullException.ThrowIfNull(time);
        (_perSecond, _burst, _longestWait, _time) = (perSecond, burst, longestWait, time);
        _tokens = burst;
        _started = time.GetTimestamp();
        _filledAt = _since = time.GetUtcNow();
    }

    /// <summary>Waits until one request more may be sent.</summary>
    /// <exception cref="CvException"><c>RegistryRateLimited</c>: that is too far off.</exception>
    internal async ValueTask SpendAsync(ImageRepository repository, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            TimeSpan wait;
            lock (_lock)
            {
                wait = Reserve(Now());
                if (wait > _longestWait)
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

            bool waited = false;
            try
            {
                await Task.Delay(wait, _time, cancellationToken).ConfigureAwait(false);
                waited = true;
            }
            finally
            {
                lock (_lock)
                {
                    _waiting--;
                    // The registry may have asked for rest meanwhile: then the place in the queue is taken anew, behind it.
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

    /// <summary>Learns from an answer what the registry allows. One that names no limit, or a limit of 0, has none: what it says is left of it means nothing.</summary>
    /// <remarks>docs.docker.com/docker-hub/usage/pulls: only answers about what is limited have the headers, and a paid plan's have none.</remarks>
    internal void Heed(HttpResponseMessage response)
    {
        DateTimeOffset now = Now();
        DateTimeOffset clock = _time.GetUtcNow();
        long? remaining = Number(response.Headers, "ratelimit-remaining") ?? Number(response.Headers, "x-ratelimit-remaining");
        long? limit = Number(response.Headers, "ratelimit-limit") ?? Number(response.Headers, "x-ratelimit-limit");
        lock (_lock)
        {
            if (limit is not null)
                (_limit, _remaining) = limit > 0 ? (limit, remaining) : (null, null);
            if ((int)response.StatusCode == 429)
                Refuse(now, RetryAfter(response.Headers.RetryAfter, clock) ?? Reset(response.Headers, clock) ?? Share(response.Headers, limit));
            else if (limit > 0 && remaining == 0 && (Reset(response.Headers, clock) ?? (Counts(response) ? Share(response.Headers, limit) : null)) is { } reset)
                Pause(now, reset);
            else if ((int)response.StatusCode < 400)
                _untoldPause = FirstPause;
        }
    }

    /// <summary>The registry refused for having been asked too much, without saying for how long.</summary>
    internal void HeedRefusal()
    {
        lock (_lock)
            Refuse(Now(), null);
    }

    /// <summary>True while it is as a new one would be: full, nobody waits, and the registry asks for no rest.</summary>
    internal bool IsAtRest
    {
        get
        {
            lock (_lock)
            {
                DateTimeOffset now = Now();
                Fill(now);
                return _waiting == 0 && _tokens >= _burst && _pausedUntil <= now;
            }
        }
    }

    /// <summary>What is spent and left now.</summary>
    public RequestBudgetState State
    {
        get
        {
            lock (_lock)
            {
                DateTimeOffset now = Now();
                Fill(now);
                return new RequestBudgetState(_since, _spent, _refused, _waiting, (int)Math.Max(0, Math.Floor(_tokens)), _burst, _perSecond,
                    _pausedUntil > now ? _time.GetUtcNow() + (_pausedUntil - now) : null, _limit, _remaining);
            }
        }
    }

    /// <summary>Goes on evenly when the machine's clock is set: a registry must not be left alone, or flooded, for that.</summary>
    private DateTimeOffset Now() => _since + _time.GetElapsedTime(_started);

    /// <summary>Takes a token, which may be one of the future, and says how long until it is there.</summary>
    private TimeSpan Reserve(DateTimeOffset now)
    {
        Fill(now);
        _tokens--;
        TimeSpan wait = _filledAt > now ? _filledAt - now : TimeSpan.Zero;
        return _tokens >= 0 ? wait : wait + TimeSpan.FromSeconds(-_tokens / _perSecond);
    }

    private void GiveBack() => _tokens = Math.Min(_burst, _tokens + 1);

    private void Fill(DateTimeOffset now)
    {
        // After a pause begins, this is the time of its end.
        if (now <= _filledAt)
            return;
        _tokens = Math.Min(_burst, _tokens + ((now - _filledAt).TotalSeconds * _perSecond));
        _filledAt = now;
    }

    private void Refuse(DateTimeOffset now, TimeSpan? told)
    {
        _refused++;
        if (told is { } rest)
        {
            Pause(now, rest);
            return;
        }

        // Answers that were on their way when the pause began do not prolong it.
        if (_pausedUntil > now)
            return;
        Pause(now, _untoldPause);
        _untoldPause = TimeSpan.FromTicks(Math.Min(_untoldPause.Ticks * 2, LongestUntoldPause.Ticks));
    }

    private void Pause(DateTimeOffset now, TimeSpan rest)
    {
        DateTimeOffset until = now + TimeSpan.FromTicks(Math.Clamp(rest.Ticks, 0, LongestToldPause.Ticks));
        if (until <= _pausedUntil)
            return;
        Fill(now);
        _pausedUntil = until;
        // The bucket is empty at the end of the pause, so that those who waited go at its rate and not all at once.
        _tokens = Math.Min(_tokens, 0);
        _filledAt = until;
    }

    private static TimeSpan? RetryAfter(RetryConditionHeaderValue? value, DateTimeOffset now) => value?.Delta ?? (value?.Date is { } date ? date - now : null);

    /// <summary>Seconds from now, or the time itself in seconds (GitHub, GitLab) or milliseconds since 1970.</summary>
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
    /// The time in which one request more is allowed, on the average, where the registry tells its window (Docker Hub: <c>0;w=21600</c>)
    /// but not when that ends.
    /// </summary>
    private static TimeSpan? Share(HttpResponseHeaders headers, long? limit)
    {
        if (limit is not > 0 || !headers.TryGetValues("ratelimit-remaining", out IEnumerable<string>? values) || values.FirstOrDefault() is not string value)
            return null;
        int at = value.IndexOf(";w=", StringComparison.Ordinal);
        return at >= 0 && uint.TryParse(value.AsSpan(at + 3), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out uint seconds)
            ? TimeSpan.FromSeconds((double)seconds / limit.Value)
            : null;
    }

    /// <summary>A HEAD that is answered although nothing remains is none of what the registry counts (Docker Hub: "pulls" are GETs of manifests).</summary>
    private static bool Counts(HttpResponseMessage response) => response.RequestMessage?.Method != HttpMethod.Head;

    /// <summary>Docker Hub adds the window: <c>100;w=21600</c>.</summary>
    private static long? Number(HttpResponseHeaders headers, string name) =>
        headers.TryGetValues(name, out IEnumerable<string>? values) && values.FirstOrDefault() is string value
        && long.TryParse(value.AsSpan(0, value.IndexOf(';', StringComparison.Ordinal) is var end and >= 0 ? end : value.Length),
            System.Globalization.NumberStyles.Integer, System.Globalization.CultureInfo.InvariantCulture, out long number) && number >= 0
            ? number
            : null;
}

/// <summary>What is spent of a budget, and what is left.</summary>
/// <param name="Since">When the registry was first to be asked; what is spent is counted from then.</param>
/// <param name="Spent">Requests sent.</param>
/// <param name="Refused">How many of them the registry refused for being too many.</param>
/// <param name="Waiting">Requests that wait for their turn now.</param>
/// <param name="Available">Requests that could be sent at once.</param>
/// <param name="Burst">The most that <paramref name="Available"/> can be.</param>
/// <param name="PerSecond">How many are added a second.</param>
/// <param name="PausedUntil">Until when the registry asked for rest; null where it did not.</param>
/// <param name="RegistryLimit">The registry's own limit, where it tells it (<c>ratelimit-limit</c>).</param>
/// <param name="RegistryRemaining">What the registry says is left of that.</param>
public sealed record RequestBudgetState(
    DateTimeOffset Since, long Spent, long Refused, int Waiting, int Available, int Burst, double PerSecond, DateTimeOffset? PausedUntil, long? RegistryLimit, long? RegistryRemaining);
