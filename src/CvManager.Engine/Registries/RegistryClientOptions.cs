namespace CvManager.Registries;

/// <summary>How registries are talked to.</summary>
public sealed record RegistryClientOptions
{
    internal const string AuthorityVariable = "CVM_REGISTRY_CA";
    internal const string PlainHttpVariable = "CVM_PLAIN_HTTP_REGISTRIES";
    internal const string LinkLocalVariable = "CVM_LINK_LOCAL_REGISTRIES";
    internal const string PlatformsVariable = "CVM_PLATFORMS";

    private static readonly HashSet<string> DefaultPlatforms = new(StringComparer.OrdinalIgnoreCase) { "linux/amd64", "linux/arm64" };

    /// <summary>
    /// As the environment has them: <c>CVM_REGISTRY_CA</c> for <see cref="AuthorityFile"/>, and, separated by commas,
    /// <c>CVM_PLAIN_HTTP_REGISTRIES</c> for <see cref="PlainHttpRegistries"/> and <c>CVM_LINK_LOCAL_REGISTRIES</c> for <see cref="LinkLocalRegistries"/>,
    /// <c>CVM_PLATFORMS</c> for <see cref="Platforms"/>.
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

    /// <summary>The longest that one attempt of a request may take, the login that it needs included.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often a request is tried again after a network failure, 429 or 5xx; 0 to 10.</summary>
    public int Retries { get; init; } = 3;

    /// <summary>The wait before the first further attempt; it doubles, with jitter. A <c>Retry-After</c> is obeyed instead.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>A registry that asks for a longer wait than this is not waited for: the request fails with <c>RegistryRateLimited</c>.</summary>
    public TimeSpan LongestRetryAfter { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Every registry is spoken to in plain HTTP, logins included.</summary>
    public bool PlainHttp { get; init; }

    /// <summary>Registries (<c>host[:port]</c>) that are spoken to in plain HTTP, beside those on this machine's loopback.</summary>
    public IReadOnlySet<string> PlainHttpRegistries { get; init; } = new HashSet<string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Registries (<c>host[:port]</c>) that may have a link-local address, which others may not (R20).</summary>
    public IReadOnlySet<string> LinkLocalRegistries { get; init; } = new HashSet<string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>The platforms of the nodes: an image index that names an image for one of them has to have it (R1).</summary>
    public IReadOnlySet<string> Platforms { get; init; } = DefaultPlatforms;

    /// <summary>The longest that a list of tags may take, all of its pages.</summary>
    public TimeSpan ListTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>PEM file of authorities whose certificates are trusted beside those that the system trusts; null for none.</summary>
    public string? AuthorityFile { get; init; }

    /// <summary>
    /// The most requests a second, in the long run, to one registry with one login; more than 0. The default leaves room for 10,000 tags of
    /// one registry that are polled every minute, and for what is new among them.
    /// </summary>
    public double RequestsPerSecond { get; init; } = 500;

    /// <summary>The most requests at once, after a time of rest, to one registry with one login; at least 1.</summary>
    public int RequestBurst { get; init; } = 500;

    private static HashSet<string> Names(string? list) =>
        (list ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).ToHashSet(StringComparer.OrdinalIgnoreCase);
}
