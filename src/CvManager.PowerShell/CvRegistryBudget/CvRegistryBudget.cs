namespace CvManager.PowerShell;

/// <summary>What one registry was asked in this session with one login, and what is left. Holds no secret.</summary>
public sealed record CvRegistryBudget
{
    /// <summary><c>host[:port]</c>.</summary>
    public string Registry { get; init; } = "";

    /// <summary>The user name that was given by <c>-Credential</c>; empty for the usual logins, or none.</summary>
    public string Login { get; init; } = "";

    /// <summary>Requests sent.</summary>
    public long Spent { get; init; }

    /// <summary>How many of them the registry refused for being too many.</summary>
    public long Refused { get; init; }

    /// <summary>Requests that wait for their turn now.</summary>
    public int Waiting { get; init; }

    /// <summary>Requests that could be sent at once.</summary>
    public int Available { get; init; }

    /// <summary>The most that <see cref="Available"/> can be.</summary>
    public int Burst { get; init; }

    /// <summary>How many are added a second.</summary>
    public double PerSecond { get; init; }

    /// <summary>From when on is counted, in local time.</summary>
    public DateTime Since { get; init; }

    /// <summary>Until when the registry asked for rest, in local time; null where it did not.</summary>
    public DateTime? PausedUntil { get; init; }

    /// <summary>The registry's own limit, where it tells it (<c>ratelimit-limit</c>).</summary>
    public long? Limit { get; init; }

    /// <summary>What the registry says is left of that.</summary>
    public long? Remaining { get; init; }
}
