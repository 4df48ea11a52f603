namespace CvManager.Sandbox.Registry;

/// <summary>The rate limit: a window of fixed length for all clients together. Thread-safe.</summary>
internal sealed class RequestBudget(RegistryRateLimit limit, TimeProvider time)
{
    private readonly object gate = new();
    private DateTimeOffset windowEnd;
    private int used;

    /// <summary>Takes one request from the budget.</summary>
    /// <returns>What Docker Hub says with each answer: the limit and what is left of it.</returns>
    /// <exception cref="RegistryError">TOOMANYREQUESTS with Retry-After: nothing is left until then.</exception>
    public IReadOnlyList<KeyValuePair<string, string>> Spend()
    {
        lock (gate)
        {
            var now = time.GetUtcNow();
            if (now >= windowEnd)
            {
                windowEnd = now + limit.Window;
                used = 0;
            }
            bool over = used >= limit.Requests;
            if (!over)
                used++;
            int window = (int)limit.Window.TotalSeconds;
            List<KeyValuePair<string, string>> headers =
            [
                new("RateLimit-Limit", $"{limit.Requests};w={window}"),
                new("RateLimit-Remaining", $"{limit.Requests - used};w={window}"),
            ];
            if (!over)
                return headers;
            headers.Add(RegistryError.RetryAfter((int)Math.Ceiling((windowEnd - now).TotalSeconds)));
            throw new RegistryError(429, "TOOMANYREQUESTS", "too many requests") { Headers = headers };
        }
    }
}
