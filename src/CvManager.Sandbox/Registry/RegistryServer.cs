using System.Collections.Concurrent;
using CvManager.Sandbox.Http;

namespace CvManager.Sandbox.Registry;

/// <summary>
/// The registry without a transport (OCI distribution specification 1.1): maps a request to a response. Thread-safe. Client errors are
/// returned as responses, never thrown.
/// </summary>
internal sealed class RegistryServer
{
    private readonly SandboxRegistryOptions _options;
    private readonly RegistryAccess _access;
    private readonly RequestBudget? _budget;
    private readonly ManifestRequests _manifests;
    private readonly BlobRequests _blobs;
    private readonly ListRequests _lists;
    private readonly ConcurrentDictionary<(string Method, RegistryRequestKind Kind), long> _counts = new();

    public RegistryServer(SandboxRegistryOptions options, RegistryContent content)
    {
        _options = options;
        _access = new RegistryAccess(options.Login, options.TimeProvider);
        _budget = options.RateLimit is null ? null : new RequestBudget(options.RateLimit, options.TimeProvider);
        _manifests = new ManifestRequests(content, options.Deletion);
        _blobs = new BlobRequests(content, new UploadSessions(content, options.BlobLimit, options.TimeProvider), options.Deletion);
        _lists = new ListRequests(content, options.PageSize);
    }

    public bool Available { get; set; } = true;

    public RegistryAccess Access => _access;

    public IReadOnlyDictionary<(string Method, RegistryRequestKind Kind), long> Counts => _counts;

    public void ResetCounts() => _counts.Clear();

    public async ValueTask<RegistryResponse> HandleAsync(RegistryRequest request, CancellationToken cancellationToken)
    {
        var (path, query) = ApiRequest.ParseTarget(request.PathAndQuery);
        var target = RegistryTarget.Parse(path);
        _counts.AddOrUpdate((request.Method, target.Kind), 1, (_, count) => count + 1);
        RegistryResponse response;
        IReadOnlyList<KeyValuePair<string, string>> limits = [];
        try
        {
            if (!Available)
                throw RegistryError.Unavailable();
            if (target.Kind == RegistryRequestKind.Token)
            {
                response = _access.IssueToken(request);
            }
            else
            {
                if (_budget is not null && IsLimited())
                    limits = _budget.Spend();
                _access.Check(request, target);
                response = await RouteAsync(request, target, query, cancellationToken);
            }
        }
        catch (RegistryError e)
        {
            response = RegistryResponse.FromError(e);
        }
        foreach (var header in limits)
            response.With(header.Key, header.Value);
        response.With("Docker-Distribution-Api-Version", "registry/2.0");
        if (request.Method == "HEAD")
            response = response.HeadersOnly();
        _options.RequestLog?.Invoke(
            new RegistryRequestRecord(
                _options.TimeProvider.GetUtcNow(),
                request.Method,
                target.Kind,
                target.Repository,
                target.Reference,
                request.PathAndQuery,
                request.Header("User-Agent") ?? "",
                response.Status
            )
        );
        return response;

        bool IsLimited() =>
            _options.RateLimit!.ManifestGetsOnly
                ? target.Kind == RegistryRequestKind.Manifest && request.Method == "GET"
                : target != RegistryTarget.Base;
    }

    private ValueTask<RegistryResponse> RouteAsync(
        RegistryRequest request,
        RegistryTarget target,
        QueryParameters query,
        CancellationToken cancellationToken
    )
    {
        if (target == RegistryTarget.Base)
            return new(
                request.Method is "GET" or "HEAD"
                    ? RegistryResponse.Json(new System.Text.Json.Nodes.JsonObject())
                    : throw RegistryError.Unsupported()
            );
        if (target.Kind != RegistryRequestKind.Catalog && !ContentNames.IsRepository(target.Repository))
            throw target == RegistryTarget.Unknown
                ? new RegistryError(404, "NAME_UNKNOWN", "no such path")
                : RegistryError.NameInvalid(target.Repository);
        return target.Kind switch
        {
            RegistryRequestKind.Manifest => _manifests.HandleAsync(request, target, cancellationToken),
            RegistryRequestKind.Blob => new(_blobs.Handle(request, target)),
            RegistryRequestKind.Upload => _blobs.UploadAsync(request, target, query, cancellationToken),
            _ => new(_lists.Handle(request, target, query)),
        };
    }
}
