using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace CvManager.Registries;

/// <summary>Options for the clients of registries.</summary>
public sealed record RegistryClientOptions
{
    internal const string AuthorityVariable = "CVM_REGISTRY_CA";
    internal const string PlainHttpVariable = "CVM_PLAIN_HTTP_REGISTRIES";
    internal const string LinkLocalVariable = "CVM_LINK_LOCAL_REGISTRIES";
    internal const string PlatformsVariable = "CVM_PLATFORMS";

    private static readonly HashSet<string> DefaultPlatforms = new(StringComparer.OrdinalIgnoreCase) { "linux/amd64", "linux/arm64" };

    /// <summary>
    /// The options from the environment: <c>CVM_REGISTRY_CA</c> for <see cref="AuthorityFile"/>, and, separated by commas,
    /// <c>CVM_PLAIN_HTTP_REGISTRIES</c> for <see cref="PlainHttpRegistries"/> and <c>CVM_LINK_LOCAL_REGISTRIES</c> for
    /// <see cref="LinkLocalRegistries"/>, <c>CVM_PLATFORMS</c> for <see cref="Platforms"/>.
    /// </summary>
    public static RegistryClientOptions OfEnvironment() => Of(Environment.GetEnvironmentVariable);

    internal static RegistryClientOptions Of(Func<string, string?> environment) =>
        new()
        {
            AuthorityFile = environment(AuthorityVariable) is { Length: > 0 } file ? file : null,
            PlainHttpRegistries = Names(environment(PlainHttpVariable)),
            LinkLocalRegistries = Names(environment(LinkLocalVariable)),
            Platforms = Names(environment(PlatformsVariable)) is { Count: > 0 } platforms ? platforms : DefaultPlatforms,
        };

    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>The log of requests (Debug), and of the sources of the credentials that were used (Information).</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>Counts the requests; null for no counting.</summary>
    public EngineMetrics? Metrics { get; init; }

    /// <summary>The timeout of one attempt of a request, including authentication.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The number of retries after a network failure, 429 or 5xx; 0 to 10.</summary>
    public int Retries { get; init; } = 3;

    /// <summary>The delay before the first retry, which doubles for each retry, with jitter. <c>Retry-After</c> takes precedence.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>If a registry requests a longer delay than this, the request fails with <c>RegistryRateLimited</c>.</summary>
    public TimeSpan MaxRetryAfter { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Use plain HTTP for all registries, including credentials.</summary>
    public bool PlainHttp { get; init; }

    /// <summary>Registries (<c>host[:port]</c>) to use plain HTTP for, in addition to those on loopback addresses.</summary>
    public IReadOnlySet<string> PlainHttpRegistries { get; init; } = new HashSet<string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Registries (<c>host[:port]</c>) that may have a link-local address (R20).</summary>
    public IReadOnlySet<string> LinkLocalRegistries { get; init; } = new HashSet<string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>The platforms of the nodes: the images of an index for these platforms must exist (R1).</summary>
    public IReadOnlySet<string> Platforms { get; init; } = DefaultPlatforms;

    /// <summary>The timeout for reading all pages of a tag list.</summary>
    public TimeSpan ListTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>A PEM file of certificate authorities to trust in addition to the system's; null for none.</summary>
    public string? AuthorityFile { get; init; }

    /// <summary>
    /// The sustained requests per second to one registry with one login; more than 0. The default suffices to poll 10,000 tags of one
    /// registry every minute and to resolve new versions.
    /// </summary>
    public double RequestsPerSecond { get; init; } = 500;

    /// <summary>The burst of requests to one registry with one login; at least 1.</summary>
    public int RequestBurst { get; init; } = 500;

    private static HashSet<string> Names(string? list) =>
        (list ?? "")
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
}
