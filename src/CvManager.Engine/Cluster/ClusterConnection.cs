using System.Globalization;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace CvManager.Cluster;

/// <summary>The format of a patch (Kubernetes API concepts, "Patches").</summary>
public enum PatchKind
{
    Json,
    Merge,
    StrategicMerge,

    /// <summary>Server-side apply: the body is the complete intent of the field manager.</summary>
    Apply,
}

/// <summary>
/// A connection to one cluster: sends and returns objects as JSON, and reports failures as <see cref="CvException"/>.
/// </summary>
/// <remarks>Thread-safe. Tokens and client certificates of exec plugins and files are renewed.</remarks>
public sealed class ClusterConnection : IDisposable
{
    /// <summary>The field manager of all changes by CvManager (R3).</summary>
    public const string FieldManager = "cvmanager";

    private const string Json = "application/json";

    /// <summary>Bytes of one response. The largest object has 3 MiB, and lists are read in pages.</summary>
    private const int MaxResponseBytes = 64 * 1024 * 1024;

    /// <summary>Bytes of one watch event, which contains one object.</summary>
    private const int MaxLineBytes = 8 * 1024 * 1024;

    /// <summary>Bytes of an error response; the rest is not read.</summary>
    private const int MaxErrorBytes = 64 * 1024;

    private const int MaxLogBytes = 16 * 1024;

    /// <summary>
    /// Small enough that the pages of all kinds, read at the same time, do not determine how much memory the controller needs: objects of a real
    /// cluster have about 10 kB each.
    /// </summary>
    private const int PageSize = 100;

    /// <summary>The number of names in <see cref="ListNamesAsync"/>.</summary>
    private const int MaxNames = 500;

    /// <summary>Five million objects.</summary>
    private const int MaxPages = 10_000;

    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(30);

    private static readonly ProductInfoHeaderValue UserAgent = new(FieldManager, ProductVersion.Text);

    private readonly HttpClient _http;
    private readonly Func<HttpClient> _openAnonymous;
    private readonly IReadOnlyList<KeyValuePair<string, string>> _headers = [];
    private readonly TimeProvider _time;
    private ClusterCredentials _credentials;

    private ClusterConnection(
        HttpClient http,
        Func<HttpClient> openAnonymous,
        ClusterCredentials credentials,
        Uri server,
        string context,
        string ns,
        TimeProvider time
    )
    {
        // Each request has its own timeout; a watch has a longer one.
        http.Timeout = Timeout.InfiniteTimeSpan;
        (_http, _openAnonymous, _credentials, _time) = (http, openAnonymous, credentials, time);
        (Server, ContextName, DefaultNamespace) = (server, context, ns);
    }

    internal ClusterConnection(ClusterAccess access, string context, TimeProvider time)
        : this(
            new HttpClient(access.Handler),
            () => new HttpClient(access.OpenAnonymous()),
            access.Credentials,
            access.Server,
            context,
            access.Namespace,
            time
        )
    {
        _headers =
        [
            .. access
                .Headers.GroupBy(header => header.Key, header => header.Value)
                .Select(header => KeyValuePair.Create(header.Key, SeparateHeaderLines.Join(header.Key, header))),
        ];
        TlsServerName = access.TlsServerName;
    }

    /// <summary>The API server's address.</summary>
    public Uri Server { get; }

    /// <summary>The kubeconfig's context; empty in a pod.</summary>
    public string ContextName { get; }

    /// <summary>The default namespace.</summary>
    public string DefaultNamespace { get; }

    /// <summary>The user according to the kubeconfig; null if there is none. <see cref="ClusterUser"/> asks the API server.</summary>
    internal string? UserName { get; private init; }

    /// <summary>Called immediately before a change is sent; an exception prevents the change.</summary>
    private Action? BeforeChange { get; set; }

    private string? TlsServerName { get; init; }

    private ILogger Logger { get; set; } = NullLogger.Instance;

    private EngineMetrics? Metrics { get; set; }

    /// <summary>Reads the configuration; sends no request.</summary>
    /// <exception cref="CvException"><c>KubeConfigNotFound</c>, <c>KubeConfigInvalid</c>, <c>KubeConfigNotSupported</c>,
    /// <c>KubeContextNotFound</c>, <c>ServiceAccountTokenNotFound</c>.</exception>
    public static ClusterConnection Connect(ClusterOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var files = KubeConfigFile.Locate(options.KubeConfigPath);
        if (files.Count == 0)
        {
            if (options.Context is null && ClusterAccess.IsInPod(Environment.GetEnvironmentVariable))
                return new ClusterConnection(
                    ClusterAccess.OfPod(Environment.GetEnvironmentVariable, TimeProvider.System),
                    "",
                    TimeProvider.System
                );
            throw new CvException(
                ErrorIds.KubeConfigNotFound,
                CvErrorKind.NotFound,
                options.Context is null
                    ? "No kubeconfig found, and not running in a pod."
                    : $"Context '{options.Context}' not found: no kubeconfig exists.",
                "Specify -KubeConfig, set KUBECONFIG or create ~/.kube/config. To try CvManager without a cluster, run Start-CvSandbox."
            );
        }

        var file = KubeConfigFile.Read(files);
        var paths = string.Join(", ", files.Select(f => f.FullName));
        var context = options.Context ?? file.CurrentContext ?? "";
        if (context.Length == 0)
        {
            throw new CvException(
                ErrorIds.KubeContextNotFound,
                CvErrorKind.NotFound,
                $"{paths} has no current context.",
                "Specify -Context; Get-CvContext lists the contexts."
            )
            {
                Target = paths,
            };
        }

        if (!file.Contexts!.Any(c => c.Name == context))
            throw KubeConfigFile.ContextNotFound(context, paths);

        return new ClusterConnection(ClusterAccess.OfContext(file, context, paths, TimeProvider.System), context, TimeProvider.System)
        {
            UserName = ClusterUser.NameIn(file, context),
        };
    }

    /// <summary>A connection through a message handler, for an API server in this process.</summary>
    /// <param name="handler">Not disposed with the connection.</param>
    /// <param name="server">The base address of requests.</param>
    /// <param name="token">A bearer token; null or empty for none.</param>
    /// <param name="ns">The default namespace.</param>
    /// <param name="time">The clock for timeouts; null for the system clock.</param>
    public static ClusterConnection FromHandler(
        HttpMessageHandler handler,
        Uri server,
        string? token,
        string ns = "default",
        TimeProvider? time = null
    )
    {
        var login = string.IsNullOrEmpty(token) ? null : ClusterCredentials.Bearer(token, "The token");
        return new ClusterConnection(
            new HttpClient(handler, disposeHandler: false),
            () => new HttpClient(handler, disposeHandler: false),
            new FixedCredentials(login),
            server,
            "",
            ns,
            time ?? TimeProvider.System
        );
    }

    /// <summary>
    /// Another connection to the same server without any credential of this one: no token, client certificate or impersonation, which the
    /// server would prefer to the token of <see cref="WithToken"/>. The caller disposes it.
    /// </summary>
    internal ClusterConnection WithoutCredentials() =>
        new(_openAnonymous(), _openAnonymous, new FixedCredentials(null), Server, ContextName, DefaultNamespace, _time)
        {
            TlsServerName = TlsServerName,
        };

    /// <summary>A connection without credentials, with a token. Must not be disposed.</summary>
    internal ClusterConnection WithToken(string token)
    {
        var connection = (ClusterConnection)MemberwiseClone();
        connection._credentials = new FixedCredentials(ClusterCredentials.Bearer(token, "The token"));
        return connection;
    }

    /// <summary>The same connection with a guard that is called before each change and may prevent it. Must not be disposed.</summary>
    internal ClusterConnection GuardedBy(Action guard)
    {
        var guarded = (ClusterConnection)MemberwiseClone();
        guarded.BeforeChange = guard;
        return guarded;
    }

    /// <summary>The same connection with a log of its requests at level Debug. Dispose only one of the two.</summary>
    public ClusterConnection LoggedBy(ILogger logger)
    {
        var logged = (ClusterConnection)MemberwiseClone();
        logged.Logger = logger;
        return logged;
    }

    /// <summary>The same connection, whose requests are counted. Dispose only one of the two.</summary>
    public ClusterConnection MeasuredBy(EngineMetrics? metrics)
    {
        var measured = (ClusterConnection)MemberwiseClone();
        measured.Metrics = metrics;
        return measured;
    }

    /// <summary>One object.</summary>
    public async Task<JsonObject> GetAsync(ResourcePath path, CancellationToken cancellationToken) =>
        await SendAsync(HttpMethod.Get, path, "", null, null, cancellationToken);

    /// <summary>One object; null if it does not exist.</summary>
    public async Task<JsonObject?> FindAsync(ResourcePath path, CancellationToken cancellationToken)
    {
        try
        {
            return await GetAsync(path, cancellationToken);
        }
        catch (CvException e) when (e.ErrorId == ErrorIds.ResourceNotFound)
        {
            return null;
        }
    }

    /// <summary>All objects of a collection, read in pages; restarted if the continue token expires.</summary>
    public async Task<IReadOnlyList<JsonObject>> ListAsync(
        ResourcePath path,
        string? labelSelector,
        string? fieldSelector,
        CancellationToken cancellationToken
    ) => (await ListAsync(path, labelSelector, fieldSelector, ObjectShape.Validate, cancellationToken)).ThrowIfUnreadable();

    /// <summary>The same, with the resource version to start a watch from. Objects are converted page by page.</summary>
    /// <param name="read">Converts an object. Objects that it cannot read are in <see cref="ObjectList{T}.Unreadable"/>.</param>
    internal async Task<ObjectList<T>> ListAsync<T>(
        ResourcePath path,
        string? labelSelector,
        string? fieldSelector,
        Func<JsonObject, T> read,
        CancellationToken cancellationToken
    )
    {
        var filter = Query(
            ("labelSelector", labelSelector),
            ("fieldSelector", fieldSelector),
            ("limit", PageSize.ToString(CultureInfo.InvariantCulture))
        );
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await ListOnceAsync(path, filter, read, cancellationToken);
            }
            catch (CvException e) when (e.ErrorId == ErrorIds.ResourceExpired && attempt < 3)
            {
                // The snapshot of the list has expired (410): start again.
            }
        }
    }

    private async Task<ObjectList<T>> ListOnceAsync<T>(
        ResourcePath path,
        string filter,
        Func<JsonObject, T> read,
        CancellationToken cancellationToken
    )
    {
        List<T> items = [];
        List<UnreadableObject> unreadable = [];
        string? next = null;
        for (var pages = 1; ; pages++)
        {
            (var version, var more) = await ExchangeAsync(
                HttpMethod.Get,
                path.ToString(),
                path.Title,
                next is null ? filter : $"{filter}&continue={Uri.EscapeDataString(next)}",
                null,
                null,
                async (response, token) =>
                {
                    using var body = await ReadAsync(response, MaxResponseBytes, truncate: false, token);
                    return ReadPage(body.Memory, path, read, items, unreadable);
                },
                cancellationToken
            );
            // All pages belong to one snapshot and have its resource version.
            if (more is null)
                return new ObjectList<T>(items, version, unreadable);
            if (more == next || pages == MaxPages)
                throw ClusterErrors.InvalidResponse(path.Title, "the list does not end");
            next = more;
        }
    }

    /// <summary>Reads the objects of a page of a list one by one, so that the page as a whole never exists as objects.</summary>
    /// <returns>The version of the snapshot, and the token of the next page; null if there is none.</returns>
    private static (string ResourceVersion, string? Continue) ReadPage<T>(
        ReadOnlyMemory<byte> page,
        ResourcePath path,
        Func<JsonObject, T> read,
        List<T> items,
        List<UnreadableObject> unreadable
    )
    {
        // System.Text.Json decodes strings on access, which is too late to report invalid UTF-8.
        if (!Utf8.IsValid(page.Span))
            throw ClusterErrors.NotJson(path.Title, null);
        try
        {
            // Parsed without a copy.
            using var document = JsonDocument.Parse(page, ObjectShape.ParseOptions);
            (var list, var version, var more) = ObjectShape.Page(document.RootElement, path.Title);
            foreach (var item in list)
            {
                // The clone does not refer to the page, whose memory is returned to the pool.
                var json = item.ValueKind == JsonValueKind.Object ? JsonObject.Create(item.Clone()) : null;
                if (ObjectShape.TryRead(json, path, read, out var kept, out var bad))
                    items.Add(kept);
                else
                    unreadable.Add(bad);
            }

            return (version, more);
        }
        catch (Exception e) when (ObjectShape.IsFault(e))
        {
            throw ClusterErrors.NotJson(path.Title, e);
        }
    }

    /// <summary>
    /// The names of the first 500 objects of a collection, in a response without the objects' contents (Kubernetes API concepts,
    /// "Metadata-only fetches"). A server that cannot leave them out refuses the request.
    /// </summary>
    public async Task<IReadOnlyList<string>> ListNamesAsync(ResourcePath path, string? fieldSelector, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(path);
        List<string> names = [];
        await ExchangeAsync(
            HttpMethod.Get,
            path.ToString(),
            path.Title,
            Query(("fieldSelector", fieldSelector), ("limit", MaxNames.ToString(CultureInfo.InvariantCulture))),
            null,
            null,
            async (response, token) =>
            {
                using var body = await ReadAsync(response, MaxResponseBytes, truncate: false, token);
                return ReadPage(body.Memory, path, item => item.Text("metadata", "name") ?? "", names, []);
            },
            cancellationToken,
            accept: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        );
        return [.. names.Where(name => name.Length > 0)];
    }

    public Task<JsonObject> CreateAsync(ResourcePath path, JsonObject body, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, path, Query(("fieldManager", FieldManager)), body, "application/json", cancellationToken);

    /// <summary>Replaces an object; if the body has a resourceVersion, only if it is still the current one.</summary>
    public Task<JsonObject> ReplaceAsync(ResourcePath path, JsonObject body, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Put, path, Query(("fieldManager", FieldManager)), body, "application/json", cancellationToken);

    /// <param name="force">For <see cref="PatchKind.Apply"/>: take over fields that other managers own.</param>
    public Task<JsonObject> PatchAsync(
        ResourcePath path,
        PatchKind kind,
        JsonNode body,
        CancellationToken cancellationToken,
        string fieldManager = FieldManager,
        bool force = false
    ) =>
        SendAsync(
            HttpMethod.Patch,
            path,
            Query(("fieldManager", fieldManager), ("force", force ? "true" : null)),
            body,
            kind switch
            {
                PatchKind.Json => "application/json-patch+json",
                PatchKind.Merge => "application/merge-patch+json",
                PatchKind.StrategicMerge => "application/strategic-merge-patch+json",
                _ => "application/apply-patch+yaml",
            },
            cancellationToken
        );

    /// <summary>Compare-and-swap (R3) by a JSON patch that tests the values it replaces.</summary>
    /// <returns>The object; null if it was changed by another client, or deleted: read it again.</returns>
    internal async Task<JsonObject?> TryPatchAsync(ResourcePath path, JsonPatch patch, CancellationToken cancellationToken)
    {
        try
        {
            return await PatchAsync(path, PatchKind.Json, patch.Body, cancellationToken);
        }
        catch (CvException e) when (e.ErrorId is ErrorIds.ResourceNotFound or ErrorIds.ResourceConflict or ErrorIds.ResourceInvalid)
        {
            return null;
        }
    }

    /// <param name="uid">If not null, delete the object only if it has this UID.</param>
    public Task<JsonObject> DeleteAsync(
        ResourcePath path,
        CancellationToken cancellationToken,
        string? uid = null,
        string propagation = "Background"
    )
    {
        JsonObject options = new()
        {
            ["apiVersion"] = "v1",
            ["kind"] = "DeleteOptions",
            ["propagationPolicy"] = propagation,
        };
        if (uid is not null)
            options["preconditions"] = new JsonObject { ["uid"] = uid };
        return SendAsync(HttpMethod.Delete, path, "", options, "application/json", cancellationToken);
    }

    /// <summary>Whether the API server serves a version of an API group, according to its discovery.</summary>
    public async Task<bool> ServesAsync(string group, string version, CancellationToken cancellationToken)
    {
        try
        {
            await GetRawAsync($"apis/{group}/{version}", cancellationToken);
            return true;
        }
        catch (CvException e) when (e.Kind == CvErrorKind.NotFound)
        {
            return false;
        }
    }

    /// <summary>GET of a path outside of resources (discovery, version).</summary>
    public Task<JsonObject> GetRawAsync(string path, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Get, path, path, "", null, null, cancellationToken);

    /// <summary>The last lines of a container's log; empty if there is none.</summary>
    /// <param name="lines">The maximum number of lines; at most 16 KiB are returned.</param>
    /// <param name="container">Null if the pod has only one.</param>
    public async Task<string> ReadPodLogAsync(
        string ns,
        string pod,
        int lines,
        CancellationToken cancellationToken,
        string? container = null
    )
    {
        ResourcePath path = new("", "v1", "pods", ns, pod, "log");
        var query = Query(
            ("tailLines", lines.ToString(CultureInfo.InvariantCulture)),
            ("limitBytes", MaxLogBytes.ToString(CultureInfo.InvariantCulture)),
            ("container", container)
        );
        try
        {
            return await ExchangeAsync(
                HttpMethod.Get,
                path.ToString(),
                path.Title,
                query,
                null,
                null,
                async (response, token) => await ReadTextAsync(response, MaxLogBytes, token),
                cancellationToken
            );
        }
        catch (CvException e) when (e.Kind is CvErrorKind.NotFound or CvErrorKind.Invalid)
        {
            return "";
        }
    }

    /// <summary>
    /// The changes after a resource version, until the API server ends the watch. An event of type ERROR ends it with an exception for its
    /// status.
    /// </summary>
    /// <param name="timeoutSeconds">After this time the server ends the watch; if it does not within another 30 s, that is an
    /// error.</param>
    public async IAsyncEnumerable<(string Type, JsonObject Object)> WatchAsync(
        ResourcePath path,
        string? labelSelector,
        string resourceVersion,
        int timeoutSeconds,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        await foreach (
            var change in WatchAsync(path, labelSelector, resourceVersion, timeoutSeconds, ObjectShape.Validate, cancellationToken)
        )
            yield return (
                change.Type,
                change.Item ?? throw change.Unreadable?.Why ?? ClusterErrors.InvalidResponse(path.Title, "a bookmark that is not an object")
            );
    }

    /// <summary>The same with each object converted by <paramref name="read"/>. An unreadable object does not end the watch.</summary>
    /// <param name="read">Not called for bookmarks, which contain only a resource version.</param>
    /// <param name="onOpened">Called once the API server has accepted the watch. The first change may come much later.</param>
    internal async IAsyncEnumerable<WatchChange<T>> WatchAsync<T>(
        ResourcePath path,
        string? labelSelector,
        string resourceVersion,
        int timeoutSeconds,
        Func<JsonObject, T> read,
        [EnumeratorCancellation] CancellationToken cancellationToken,
        Action? onOpened = null
    )
    {
        var query = Query(
            ("watch", "1"),
            ("allowWatchBookmarks", "true"),
            ("labelSelector", labelSelector),
            ("resourceVersion", resourceVersion),
            ("timeoutSeconds", timeoutSeconds.ToString(CultureInfo.InvariantCulture))
        );
        // Detects a half-open connection; a healthy server ends the watch before.
        var longest = TimeSpan.FromSeconds(timeoutSeconds) + RequestTimeout;
        var login = await _credentials.GetAsync(cancellationToken);
        using CancellationTokenSource watchdog = new(longest, _time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, watchdog.Token);
        using var response = await GuardAsync(
            OpenAsync(HttpMethod.Get, path.ToString(), path.Title, query, null, null, login, limit.Token),
            $"did not end the watch of {path.Title}",
            path.Title,
            longest,
            watchdog.Token,
            cancellationToken
        );
        onOpened?.Invoke();
        using LineReader lines = new(await response.Content.ReadAsStreamAsync(limit.Token), MaxLineBytes);
        while (true)
        {
            var line = await GuardAsync(
                lines.ReadAsync(limit.Token),
                $"did not end the watch of {path.Title}",
                path.Title,
                longest,
                watchdog.Token,
                cancellationToken
            );
            if (line is not { } text)
                yield break;
            if (text.Length > 0)
                yield return ObjectShape.Change(Parse(text.Span, path.Title, ObjectShape.Envelope), path, read);
        }
    }

    public void Dispose()
    {
        _http.Dispose();
        _credentials.Dispose();
    }

    private Task<JsonObject> SendAsync(
        HttpMethod method,
        ResourcePath path,
        string query,
        JsonNode? body,
        string? contentType,
        CancellationToken cancellationToken
    ) => SendAsync(method, path.ToString(), path.Title, query, body, contentType, cancellationToken);

    private Task<JsonObject> SendAsync(
        HttpMethod method,
        string path,
        string title,
        string query,
        JsonNode? body,
        string? contentType,
        CancellationToken cancellationToken
    ) => SendAsync(method, path, title, query, body, contentType, ObjectShape.Validate, cancellationToken);

    private Task<JsonObject> SendAsync(
        HttpMethod method,
        string path,
        string title,
        string query,
        JsonNode? body,
        string? contentType,
        Func<JsonObject, JsonObject> check,
        CancellationToken cancellationToken
    ) =>
        ExchangeAsync(
            method,
            path,
            title,
            query,
            body,
            contentType,
            async (response, token) =>
            {
                using var text = await ReadAsync(response, MaxResponseBytes, truncate: false, token);
                return Parse(text.Memory.Span, title, check);
            },
            cancellationToken
        );

    /// <summary>One request and its response, within the request timeout.</summary>
    private async Task<T> ExchangeAsync<T>(
        HttpMethod method,
        string path,
        string title,
        string query,
        JsonNode? body,
        string? contentType,
        Func<HttpResponseMessage, CancellationToken, Task<T>> read,
        CancellationToken cancellationToken,
        string accept = Json
    )
    {
        // Outside of the request timeout: an exec plugin has its own.
        var login = await _credentials.GetAsync(cancellationToken);
        using CancellationTokenSource timeout = new(RequestTimeout, _time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        return await GuardAsync(
            SendAndReadAsync(),
            $"did not respond to {method} {title}",
            title,
            RequestTimeout,
            timeout.Token,
            cancellationToken
        );

        async Task<T> SendAndReadAsync()
        {
            using var response = await OpenAsync(method, path, title, query, body, contentType, login, limit.Token, accept);
            return await read(response, limit.Token);
        }
    }

    /// <summary>
    /// Turns failures of the server or the network into <see cref="CvException"/>. Cancellation by the caller is not changed.
    /// </summary>
    /// <param name="late">The predicate of the timeout message: "did not respond to …".</param>
    private async Task<T> GuardAsync<T>(
        Task<T> step,
        string late,
        string title,
        TimeSpan limit,
        CancellationToken timeout,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await step;
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            // If our timeout has not elapsed, it was the handler's connect timeout.
            throw ClusterErrors.TimedOut(
                timeout.IsCancellationRequested
                    ? $"{Server} {late} within {limit.TotalSeconds:0} s."
                    : $"Connecting to {Server} timed out.",
                title,
                e
            );
        }
        catch (Exception e) when (ClusterErrors.IsRemoteFailure(e))
        {
            throw ClusterErrors.From(e, Server);
        }
    }

    private async Task<HttpResponseMessage> OpenAsync(
        HttpMethod method,
        string path,
        string title,
        string query,
        JsonNode? body,
        string? contentType,
        AuthenticationHeaderValue? login,
        CancellationToken cancellationToken,
        string accept = Json
    )
    {
        using HttpRequestMessage request = new(
            method,
            new Uri(new Uri(Server.AbsoluteUri.TrimEnd('/') + "/"), query.Length == 0 ? path : $"{path}?{query}")
        );
        request.Headers.Accept.Add(MediaTypeWithQualityHeaderValue.Parse(accept));
        request.Headers.UserAgent.Add(UserAgent);
        request.Headers.Authorization = login;
        // SocketsHttpHandler takes the TLS server name from this header.
        request.Headers.Host = TlsServerName;
        foreach ((var name, var value) in _headers)
            request.Headers.TryAddWithoutValidation(name, value);
        if (body is not null)
        {
            request.Content = new StringContent(body.ToJsonString());
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(contentType!);
        }

        if (method != HttpMethod.Get)
            BeforeChange?.Invoke();
        var response = await RequestLog.SendAsync(Logger, _time, request, SendOnceAsync, cancellationToken);
        if (response.IsSuccessStatusCode)
            return response;
        if (response.StatusCode == System.Net.HttpStatusCode.Unauthorized)
            _credentials.Invalidate();
        using (response)
            throw ClusterErrors.FromResponse((int)response.StatusCode, await ReadErrorAsync(response, cancellationToken), method, title);
    }

    private Task<HttpResponseMessage> SendOnceAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        return Metrics is { } metrics
            ? metrics.SendToClusterAsync(request, SendAsync, cancellationToken)
            : SendAsync(request, cancellationToken);

        Task<HttpResponseMessage> SendAsync(HttpRequestMessage sent, CancellationToken token) =>
            _http.SendAsync(sent, HttpCompletionOption.ResponseHeadersRead, token);
    }

    /// <summary>The body of an error response, truncated; empty if it cannot be read.</summary>
    private static async Task<string> ReadErrorAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            return await ReadTextAsync(response, MaxErrorBytes, cancellationToken);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            return "";
        }
    }

    private static async Task<string> ReadTextAsync(HttpResponseMessage response, int limit, CancellationToken cancellationToken)
    {
        using var text = await ReadAsync(response, limit, truncate: true, cancellationToken);
        return Encoding.UTF8.GetString(text.Memory.Span).TrimEnd();
    }

    /// <param name="truncate">True to truncate at the limit; false to throw.</param>
    private static async Task<PooledBytes> ReadAsync(
        HttpResponseMessage response,
        int limit,
        bool truncate,
        CancellationToken cancellationToken
    )
    {
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        // The Content-Length header is not trusted for more than 1 MiB.
        PooledBytes body = new((int)Math.Clamp(response.Content.Headers.ContentLength ?? 0, 16 * 1024, 1024 * 1024));
        try
        {
            while (await body.ReadAsync(stream, limit, cancellationToken))
            {
                if (body.Memory.Length < limit)
                    continue;
                if (!truncate && await stream.ReadAsync(new byte[1], cancellationToken) > 0)
                    throw ClusterErrors.TooLarge("response", limit);
                break;
            }

            return body;
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    /// <summary>Parses a response or an event into objects of its own.</summary>
    private static JsonObject Parse(ReadOnlySpan<byte> text, string title, Func<JsonObject, JsonObject> check)
    {
        // As for a page of a list.
        if (!Utf8.IsValid(text))
            throw ClusterErrors.NotJson(title, null);
        try
        {
            return check(
                JsonNode.Parse(text, documentOptions: ObjectShape.ParseOptions) as JsonObject ?? throw ClusterErrors.NotJson(title, null)
            );
        }
        catch (Exception e) when (ObjectShape.IsFault(e))
        {
            throw ClusterErrors.NotJson(title, e);
        }
    }

    private static string Query(params ReadOnlySpan<(string Name, string? Value)> parameters)
    {
        List<string> parts = [];
        foreach ((var name, var value) in parameters)
        {
            if (value is not null)
                parts.Add($"{name}={Uri.EscapeDataString(value)}");
        }

        return string.Join('&', parts);
    }
}

/// <summary>A snapshot of a collection.</summary>
/// <param name="Items">The converted objects.</param>
/// <param name="ResourceVersion">The version of the snapshot: a watch from here misses nothing.</param>
/// <param name="Unreadable">The objects that could not be read.</param>
internal sealed record ObjectList<T>(IReadOnlyList<T> Items, string ResourceVersion, IReadOnlyList<UnreadableObject> Unreadable)
{
    /// <summary>The items, if all objects could be read.</summary>
    /// <exception cref="CvException">The error of the first unreadable object.</exception>
    public IReadOnlyList<T> ThrowIfUnreadable() => Unreadable.Count == 0 ? Items : throw Unreadable[0].Why;
}

/// <summary>An object that does not match its schema.</summary>
/// <param name="Name">namespace/name, as far as present.</param>
/// <param name="Why">The error.</param>
internal sealed record UnreadableObject(string Name, CvException Why);

/// <summary>One event of a watch.</summary>
/// <param name="Type">ADDED, MODIFIED, DELETED or BOOKMARK.</param>
/// <param name="Item">The converted object; null if it could not be read, and for a bookmark unless objects are kept as JSON.</param>
/// <param name="ResourceVersion">Where the next watch continues; null if the object has none.</param>
/// <param name="Unreadable">Set if the object could not be read.</param>
internal sealed record WatchChange<T>(string Type, T? Item, string? ResourceVersion, UnreadableObject? Unreadable = null);
