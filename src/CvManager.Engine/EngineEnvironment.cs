using System.Security.Cryptography;
using Microsoft.Extensions.Logging;

namespace CvManager;

/// <summary>The clock, the log and the source of random numbers. Simulations and tests replace them.</summary>
/// <param name="Time">The clock, and the timers.</param>
/// <param name="Logger">The log.</param>
public sealed record EngineEnvironment(TimeProvider Time, ILogger Logger)
{
    /// <summary>
    /// The source of jitter. A seeded one makes tests repeatable; it must not be used by concurrent threads, unlike
    /// <see cref="System.Random.Shared"/>.
    /// </summary>
    public Random Random { get; init; } = Random.Shared;

    /// <summary>What is measured is reported here; null to measure nothing.</summary>
    public EngineMetrics? Metrics { get; init; }

    /// <summary>
    /// For simulations: a waiter continues inside the call or timer callback that woke it, in a fixed order, instead of on the thread pool
    /// (like <see cref="System.Threading.Channels.ChannelOptions.AllowSynchronousContinuations"/>).
    /// </summary>
    public bool AllowSynchronousContinuations { get; init; }

    /// <summary>Random letters for a name, which nobody can predict unless <see cref="Random"/> is seeded.</summary>
    internal string RandomLetters(string letters, int length) =>
        ReferenceEquals(Random, Random.Shared)
            ? RandomNumberGenerator.GetString(letters, length)
            : new string(Random.GetItems<char>(letters, length));
}
