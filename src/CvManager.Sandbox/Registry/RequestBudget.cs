namespace CvManager.Sandbox.Registry;

/// <summary>The rate limit: a fixed window, shared by all clients. Thread-safe.</summary>
internal sealed class RequestBudget(RegistryRateLimit limit, TimeProvider time)
{
    private readonly object _gate = new();
    private DateTimeOffset _windowEnd;
    private int _used;

    /// <summary>Counts one request.</summary>
    /// <returns>The rate limit headers that Docker Hub sends: the limit and the remaining requests.</returns>
    /// <exception cref="RegistryError">TOOMANYREQUESTS with Retry-After: the limit is reached.</exception>
    public IReadOnlyList<KeyValuePair<string, string>> Spend()
    {
        lock (_gate)
        {
            var now = time.GetUtcNow();
            if (now >= _windowEnd)
            {
                _windowEnd = now + limit.Window;
                _used = 0;
            }
            var over = _used >= limit.Requests;
            if (!over)
                _used++;
            var window = (int)limit.Window.TotalSeconds;
            List<KeyValuePair<string, string>> headers =
            [
                new("RateLimit-Limit", $"{limit.Requests};w={window}"),
                new("RateLimit-Remaining", $"{limit.Requests - _used};w={window}"),
            ];
            if (!over)
                return headers;
            headers.Add(RegistryError.RetryAfter((int)Math.Ceiling((_windowEnd - now).TotalSeconds)));
            throw new RegistryError(429, "TOOMANYREQUESTS", "too many requests") { Headers = headers };
        }
    }
}
