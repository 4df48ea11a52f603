using CvManager.Registries.DockerHub;

namespace CvManager.Registries;

/// <summary>
/// The request budgets per registry and login. An unused budget is kept until it is full again, because a new one would allow another
/// burst. Thread-safe.
/// </summary>
internal sealed class RequestBudgets(RegistryClientOptions options)
{
    /// <summary>Unused budgets are kept for display up to this number.</summary>
    private const int MaxShown = 1000;

    /// <summary>From this number on, unused budgets are removed even if they are paused.</summary>
    private const int MaxKept = 10_000;

    private readonly object _gate = new();
    private readonly Dictionary<(string Registry, string Login), Entry> _entries = [];

    public IReadOnlyList<RegistryBudget> All
    {
        get
        {
            lock (_gate)
            {
                return
                [
                    .. _entries
                        .Select(e => new RegistryBudget(e.Key.Registry, e.Key.Login, e.Value.Budget.State))
                        .OrderBy(b => b.Registry, StringComparer.Ordinal)
                        .ThenBy(b => b.Login, StringComparer.Ordinal),
                ];
            }
        }
    }

    /// <summary>The budget; the caller must call <see cref="Release"/>.</summary>
    public RequestBudget Take(string registry, string login)
    {
        (string, string) key = (registry.ToLowerInvariant(), login);
        lock (_gate)
        {
            if (!_entries.TryGetValue(key, out var entry))
            {
                if (_entries.Count >= MaxShown)
                    Sweep();
                _entries.Add(key, entry = new Entry(Create(key.Item1)));
            }

            entry.Users++;
            return entry.Budget;
        }
    }

    public void Release(string registry, string login)
    {
        lock (_gate)
        {
            if (_entries.TryGetValue((registry.ToLowerInvariant(), login), out var entry))
                entry.Users--;
        }
    }

    private void Sweep()
    {
        foreach (
            ((string, string) key, var entry) in _entries
                .Where(e => e.Value.Users == 0 && (e.Value.Budget.IsIdle || _entries.Count >= MaxKept))
                .ToList()
        )
            _entries.Remove(key);
    }

    private RequestBudget Create(string registry)
    {
        // Docker Hub blocks clients with much higher rates for minutes; its API allows 180 requests per minute.
        (var perSecond, var burst) = registry switch
        {
            ImageRepository.DockerHub => (10, 40),
            HubApi.Host => (2.5, 30),
            _ => (options.RequestsPerSecond, options.RequestBurst),
        };
        return new RequestBudget(
            Math.Min(perSecond, options.RequestsPerSecond),
            Math.Min(burst, options.RequestBurst),
            options.MaxRetryAfter,
            options.TimeProvider
        );
    }

    private sealed class Entry(RequestBudget budget)
    {
        public RequestBudget Budget { get; } = budget;

        public int Users { get; set; }
    }
}
