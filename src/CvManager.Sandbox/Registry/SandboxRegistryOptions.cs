namespace CvManager.Sandbox.Registry;

/// <summary>Options of a <see cref="SandboxRegistry"/>. All time spans are measured by <see cref="TimeProvider"/>.</summary>
public sealed record SandboxRegistryOptions
{
    /// <summary>The registry's clock, for tokens, rate limit and timestamps.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>
    /// Whether to serve HTTP on 127.0.0.1. Otherwise use <see cref="SandboxRegistry.CreateHandler"/>.
    /// </summary>
    public bool Listen { get; init; } = true;

    /// <summary>The TCP port to listen on; 0 selects a free port.</summary>
    public int Port { get; init; }

    /// <summary>The host in image references if the registry does not listen.</summary>
    public string HostWithoutSocket { get; init; } = "registry.sandbox";

    /// <summary>The account; null to allow everything without authentication.</summary>
    public RegistryLogin? Login { get; init; }

    /// <summary>
    /// Whether <see cref="IImageSource.PullAsync"/> is authenticated if there is a <see cref="Login"/>, like nodes with a credential
    /// provider for the registry.
    /// </summary>
    public bool NodesAreLoggedIn { get; init; } = true;

    public RegistryDeletion Deletion { get; init; } = RegistryDeletion.TagsAndDigests;

    /// <summary>The maximum page size of tag and repository lists, even if the client requests more; null for no limit.</summary>
    public int? PageSize { get; init; }

    /// <summary>Null for no limit.</summary>
    public RegistryRateLimit? RateLimit { get; init; }

    /// <summary>The maximum size of a blob, in bytes.</summary>
    public long BlobLimit { get; init; } = 512L * 1024 * 1024;

    /// <summary>The maximum total size of blobs, manifests and unfinished uploads, in bytes. All of it is kept in memory.</summary>
    public long TotalLimit { get; init; } = 1024L * 1024 * 1024;

    /// <summary>Called after each request, on the thread that served it. Must be fast and thread-safe.</summary>
    public Action<RegistryRequestRecord>? RequestLog { get; init; }
}

/// <summary>The only account of a registry.</summary>
/// <param name="User">The user name.</param>
/// <param name="Password">The password.</param>
public sealed record RegistryLogin(string User, string Password)
{
    public RegistryLoginKind Kind { get; init; } = RegistryLoginKind.Basic;

    /// <summary>The lifetime of tokens. The token specification's minimum is 60 s.</summary>
    public TimeSpan TokenLifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Whether pulling requires no authentication.</summary>
    public bool AnonymousPull { get; init; }

    /// <summary>If false, pushing and deleting get a 403 DENIED response.</summary>
    public bool MayPush { get; init; } = true;
}

public enum RegistryLoginKind
{
    /// <summary>Basic authentication with every request.</summary>
    Basic,

    /// <summary>Basic authentication at <c>/token</c> for a bearer token with limited lifetime and scope.</summary>
    Bearer,
}

/// <summary>What may be deleted; other deletions get a 405 UNSUPPORTED response.</summary>
public enum RegistryDeletion
{
    /// <summary>Deleting a tag removes only the tag, as the distribution specification 1.1 requires.</summary>
    TagsAndDigests,

    /// <summary>As in older registries.</summary>
    DigestsOnly,
    None,
}

/// <summary>A rate limit; requests over it get a 429 response with Retry-After.</summary>
/// <param name="Requests">The maximum number of requests in each window.</param>
/// <param name="Window">The length of a window. The first window begins with the first request.</param>
public sealed record RegistryRateLimit(int Requests, TimeSpan Window)
{
    /// <summary>Whether only GETs of manifests count, as on Docker Hub, or all requests except <c>/v2/</c> and <c>/token</c>.</summary>
    public bool ManifestGetsOnly { get; init; }
}

/// <summary>The kind of a request.</summary>
public enum RegistryRequestKind
{
    /// <summary><c>/v2/</c>, or an unknown path.</summary>
    Other,
    Token,
    Catalog,
    Tags,
    Manifest,
    Blob,
    Upload,
    Referrers,
}

/// <summary>One request and the status of its response.</summary>
/// <param name="Time">When the response was ready.</param>
/// <param name="Method">The HTTP method.</param>
/// <param name="Kind">The kind of the request.</param>
/// <param name="Repository">The repository; empty for none.</param>
/// <param name="Reference">The tag, digest or upload ID; empty for none.</param>
/// <param name="PathAndQuery">As sent.</param>
/// <param name="UserAgent">As sent; empty if missing.</param>
/// <param name="StatusCode">The HTTP status of the response.</param>
public sealed record RegistryRequestRecord(
    DateTimeOffset Time,
    string Method,
    RegistryRequestKind Kind,
    string Repository,
    string Reference,
    string PathAndQuery,
    string UserAgent,
    int StatusCode
);
