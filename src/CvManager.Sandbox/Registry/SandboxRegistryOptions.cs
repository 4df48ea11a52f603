namespace CvManager.Sandbox.Registry;

/// <summary>How a <see cref="SandboxRegistry"/> is started. Every time span is measured by <see cref="TimeProvider"/>.</summary>
public sealed record SandboxRegistryOptions
{
    /// <summary>The registry's only clock: tokens, the rate limit, time stamps.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>
    /// Serve HTTP on 127.0.0.1. Without it the registry is reached through <see cref="SandboxRegistry.CreateHandler"/> and from code.
    /// </summary>
    public bool Listen { get; init; } = true;

    /// <summary>TCP port to listen on; 0 chooses a free one.</summary>
    public int Port { get; init; }

    /// <summary>The host that image references name where the registry does not listen.</summary>
    public string HostWithoutSocket { get; init; } = "registry.sandbox";

    /// <summary>Who may use it; null: everybody may do everything.</summary>
    public RegistryLogin? Login { get; init; }

    /// <summary>
    /// Whether <see cref="IImageSource.PullAsync"/> gets in where there is a <see cref="Login"/>, as nodes do whose credential provider
    /// knows the registry.
    /// </summary>
    public bool NodesAreLoggedIn { get; init; } = true;

    public RegistryDeletion Deletion { get; init; } = RegistryDeletion.TagsAndDigests;

    /// <summary>The most entries in one page of tags or repositories, whatever the client asks for; null: as many as it asks for.</summary>
    public int? PageSize { get; init; }

    /// <summary>Null: no limit.</summary>
    public RegistryRateLimit? RateLimit { get; init; }

    /// <summary>The largest blob, in bytes.</summary>
    public long BlobLimit { get; init; } = 512L * 1024 * 1024;

    /// <summary>The most bytes that blobs, manifests and unfinished uploads may take together: all of it is kept in memory.</summary>
    public long TotalLimit { get; init; } = 1024L * 1024 * 1024;

    /// <summary>Called after each request, on the thread that served it; must be quick and thread-safe.</summary>
    public Action<RegistryRequestRecord>? RequestLog { get; init; }
}

/// <summary>The one account of a registry.</summary>
/// <param name="User">Its name.</param>
/// <param name="Password">Its password.</param>
public sealed record RegistryLogin(string User, string Password)
{
    public RegistryLoginKind Kind { get; init; } = RegistryLoginKind.Basic;

    /// <summary>How long a token is good for; 60 s is the least that clients must be ready for.</summary>
    public TimeSpan TokenLifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Pulling needs no login.</summary>
    public bool AnonymousPull { get; init; }

    /// <summary>False: pushing and deleting are answered 403 DENIED.</summary>
    public bool MayPush { get; init; } = true;
}

public enum RegistryLoginKind
{
    /// <summary>User and password with every request.</summary>
    Basic,
    /// <summary>User and password once, at <c>/token</c>, for a bearer token of limited time and scope.</summary>
    Bearer,
}

/// <summary>What may be deleted; the rest is answered 405 UNSUPPORTED.</summary>
public enum RegistryDeletion
{
    /// <summary>Deleting a tag removes the tag alone, as the distribution specification 1.1 has it.</summary>
    TagsAndDigests,
    /// <summary>As older registries do.</summary>
    DigestsOnly,
    None,
}

/// <summary>At most this many requests in each window; the rest is answered 429 with Retry-After.</summary>
/// <param name="Requests">Requests a window.</param>
/// <param name="Window">A window's length; the first begins with the first request.</param>
public sealed record RegistryRateLimit(int Requests, TimeSpan Window)
{
    /// <summary>Only GETs of manifests count, as on Docker Hub; otherwise everything but <c>/v2/</c> and <c>/token</c> does.</summary>
    public bool ManifestGetsOnly { get; init; }
}

/// <summary>What a request is about.</summary>
public enum RegistryRequestKind
{
    /// <summary><c>/v2/</c>, or a path that leads nowhere.</summary>
    Other,
    Token,
    Catalog,
    Tags,
    Manifest,
    Blob,
    Upload,
    Referrers,
}

/// <summary>One request as the registry answered it.</summary>
/// <param name="Time">When the answer was ready.</param>
/// <param name="Method">The HTTP method.</param>
/// <param name="Kind">What it was about.</param>
/// <param name="Repository">Its repository; empty where there is none.</param>
/// <param name="Reference">The tag, digest or upload; empty where there is none.</param>
/// <param name="PathAndQuery">As sent.</param>
/// <param name="UserAgent">As sent; empty where there was none.</param>
/// <param name="StatusCode">The HTTP status of the answer.</param>
public sealed record RegistryRequestRecord(DateTimeOffset Time, string Method, RegistryRequestKind Kind, string Repository,
    string Reference, string PathAndQuery, string UserAgent, int StatusCode);
