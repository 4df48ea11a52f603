namespace CvManager.PowerShell;

/// <summary>The requests of this session to one registry with one login, and the remaining budget. Contains no secrets.</summary>
public sealed class CvRegistryBudget
{
    /// <summary><c>host[:port]</c>.</summary>
    public string Registry { get; init; } = "";

    /// <summary>The user name of <c>-Credential</c>; empty for the default credentials, or none.</summary>
    public string Login { get; init; } = "";

    /// <summary>The number of requests sent.</summary>
    public long Spent { get; init; }

    /// <summary>The number of requests that the registry rejected as too many.</summary>
    public long Refused { get; init; }

    /// <summary>The number of requests that are waiting now.</summary>
    public int Waiting { get; init; }

    /// <summary>The number of requests that can be sent without waiting.</summary>
    public int Available { get; init; }

    /// <summary>The maximum of <see cref="Available"/>.</summary>
    public int Burst { get; init; }

    /// <summary>The number of requests added to <see cref="Available"/> per second.</summary>
    public double PerSecond { get; init; }

    /// <summary>The start of the count, in local time.</summary>
    public DateTime Since { get; init; }

    /// <summary>The end of the pause that the registry requested (Retry-After), in local time; null if there is none.</summary>
    public DateTime? PausedUntil { get; init; }

    /// <summary>The limit that the registry reports (<c>ratelimit-limit</c>); null if it reports none.</summary>
    public long? Limit { get; init; }

    /// <summary>The remaining requests that the registry reports; null if it reports none.</summary>
    public long? Remaining { get; init; }
}
