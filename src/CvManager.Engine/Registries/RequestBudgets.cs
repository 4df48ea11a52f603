using CvManager.Registries.DockerHub;

namespace CvManager.Registries;

/// <summary>
/// The request budgets of all logins, one for each registry and login. One that nobody uses any more is kept until it is full again: a new one
/// would allow a burst too many. Thread-safe.
/// </summary>
internal sealed class RequestBudgets(RegistryClientOptions options)
{
    /// <summary>Those that nobody uses are still shown, as long as there are not more than this.</summary>
    private const int MostShown = 1000;

    /// <summary>A registry that asks for hours of rest keeps its budget that long, but not if there are this many.</summary>
    private const int MostKept = 10_000;

    private readonly object _gate = new();
    private readonly Dictionary<(string Registry, string Login), Entry> _entries = [];

    public IReadOnlyList<RegistryBudget> All
    {
        get
        {
            lock (_gate)
            {
                return [.. _entries.Select(e => new RegistryBudget(e.Key.Registry, e.Key.Login, e.Value.Budget.State))
                    .OrderBy(b => b.Registry, StringComparer.Ordinal).ThenBy(b => b.Login, StringComparer.Ordinal)];
            }
        }
    }

    /// <summary>The budget; the caller owes a <see cref="Release"/>.</summary>
    public RequestBudget Take(string registry, string login)
    {
        (string, string) key = (registry.ToLowerInvariant(), login);
        lock (_gate)
        {
            if (!_entries.TryGetValue(key, out Entry? entry))
            {
                if (_entries.Count >= MostShown)
                    Sweep();
                _entries.Add(key, entry = new Entry(Make(key.Item1)));
            }

            entry.Users++;
            return entry.Budget;
        }
    }

    public void Release(string registry, string login)
    {
        lock (_gate)
        {
            if (_entries.TryGetValue((registry.ToLowerInvariant(), login), out Entry? entry))
                entry.Users--;
        }
    }

    private void Sweep()
    {
        foreach (((string, string) key, Entry entry) in _entries.Where(e => e.Value.Users == 0 && (e.Value.Budget.IsAtRest || _entries.Count >= MostKept)).ToList())
            _entries.Remove(key);
    }

    private RequestBudget Make(string registry)
    {
        // Docker Hub refuses whoever asks for much more than this for minutes; its API allows 180 requests a minute.
        (double perSecond, int burst) = registry switch
        {
            ImageRepository.DockerHub => (10, 40),
            HubApi.Host => (2.5, 30),
            _ => (options.RequestsPerSecond, options.RequestBurst),
        };
        return new RequestBudget(
            Math.Min(perSecond, options.RequestsPerSecond), Math.Min(burst, options.RequestBurst), options.LongestRetryAfter, options.TimeProvider);
    }

    private sealed class Entry(RequestBudget budget)
    {
        public RequestBudget Budget { get; } = budget;

        public int Users { get; set; }
    }
}
