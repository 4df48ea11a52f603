using System.Buffers;
using System.Globalization;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.Unicode;

namespace CvManager.Cluster;

/// <summary>How a patch's body is read (Kubernetes API concepts, "Patches").</summary>
public enum PatchKind
{
    Json,
    Merge,
    StrategicMerge,

    /// <summary>Server-side apply: the body is the whole intent, and takes a field manager.</summary>
    Apply,
}

/// <summary>
/// One connection to one cluster, for life: objects go in and out as JSON, and failures come as <see cref="CvException"/>.
/// </summary>
/// <remarks>Thread-safe. Tokens and client certificates of exec plugins and files are renewed.</remarks>
public sealed class ClusterConnection : IDisposable
{
    /// <summary>The field manager of whatever CvManager writes (R3).</summary>
    public const string FieldManager = "cvmanager";

    /// <summary>Bytes of one answer. The largest object is 3 MiB, and lists are read in pages.</summary>
    private const int LargestAnswer = 64 * 1024 * 1024;

    /// <summary>Bytes of one line of a watch, which holds one object.</summary>
    private const int LargestLine = 8 * 1024 * 1024;

    /// <summary>Bytes of a refusal; more of it is not read.</summary>
    private const int LargestError = 64 * 1024;

    private const int LargestLog = 16 * 1024;
    private const int PageSize = 500;

    /// <summary>Five million objects.</summary>
    private const int MostPages = 10_000;

    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(30);

    private static readonly ProductInfoHeaderValue UserAgent = new(FieldManager, typeof(ClusterConnection).Assembly.GetName().Version?.ToString(3));

    private readonly HttpClient _http;
    private readonly ClusterCredentials _credentials;
    private readonly IReadOnlyList<KeyValuePair<string, string>> _headers = [];
    private readonly string? _tlsServerName;
    private readonly TimeProvider _time;

    private ClusterConnection(HttpClient http, ClusterCredentials credentials, Uri server, string context, string ns, TimeProvider time)
    {
        // Each request has its own limit; a watch has none.
        http.Timeout = Timeout.InfiniteTimeSpan;
        (_http, _credentials, _time) = (http, credentials, time);
        (Server, ContextName, DefaultNamespace) = (server, context, ns);
    }

    internal ClusterConnection(ClusterAccess access, string context, TimeProvider time)
        : this(new HttpClient(access.Handler), access.Credentials, access.Server, context, access.Namespace, time)
    {
        _headers = [.. access.Headers.GroupBy(header => header.Key, header => header.Value).Select(header => KeyValuePair.Create(header.Key, SeparateHeaderLines.Join(header.Key, header)))];
        _tlsServerName = access.TlsServerName;
    }

    /// <summary>The API server's address.</summary>
    public Uri Server { get; }

    /// <summary>The kubeconfig's context; empty inside a pod.</summary>
    public string ContextName { get; }

    /// <summary>The namespace that is meant where none is given.</summary>
    public string DefaultNamespace { get; }

    /// <summary>What the kubeconfig calls the user; null where there is none. <see cref="ClusterUser"/> knows better.</summary>
    internal string? UserName { get; private init; }

    /// <summary>Asked right before a change is sent; what it throws keeps the change from being sent.</summary>
    private Action? BeforeChange { get; set; }

    /// <summary>Reads the configuration; asks nothing of the cluster.</summary>
    /// <exception cref="CvException"><c>KubeConfigNotFound</c>, <c>KubeConfigInvalid</c>, <c>KubeConfigNotSupported</c>, <c>KubeContextNotFound</c>, <c>ServiceAccountTokenNotFound</c>.</exception>
    public static ClusterConnection Connect(ClusterOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        IReadOnlyList<FileInfo> files = KubeConfigFile.Locate(options.KubeConfigPath);
        if (files.Count == 0)
        {
            if (options.Context is null && ClusterAccess.IsInPod(Environment.GetEnvironmentVariable))
                return new ClusterConnection(ClusterAccess.OfPod(Environment.GetEnvironmentVariable, TimeProvider.System), "", TimeProvider.System);
            throw new CvException(ErrorIds.KubeConfigNotFound, CvErrorKind.NotFound, "No kubeconfig found, and not running in a pod.",
                "Specify -KubeConfig, set KUBECONFIG or create ~/.kube/config. To try CvManager without a cluster, run Start-CvSandbox.");
        }

        KubeConfig file = KubeConfigFile.Read(files);
        string paths = string.Join(", ", files.Select(f => f.FullName));
        string context = options.Context ?? file.CurrentContext ?? "";
        if (context.Length == 0)
        {
            throw new CvException(ErrorIds.KubeContextNotFound, CvErrorKind.NotFound, $"{paths} has no current context.",
                "Specify -Context; Get-CvContext lists the contexts.") { Target = paths };
        }

        if (!file.Contexts!.Any(c => c.Name == context))
        {
            throw new CvException(ErrorIds.KubeContextNotFound, CvErrorKind.NotFound, $"Context '{context}' not found in {paths}.",
                "Specify an existing context; Get-CvContext lists them.") { Target = context };
        }

        return new ClusterConnection(ClusterAccess.OfContext(file, context, paths, TimeProvider.System), context, TimeProvider.System) { UserName = ClusterUser.NameIn(file, context) };
    }

    /// <summary>A connection through a handler: an API server in this process.</summary>
    /// <param name="handler">Not disposed of with the connection.</param>
    /// <param name="server">The address that requests are made out to.</param>
    /// <param name="token">A bearer token; null or empty where the server asks for none.</param>
    /// <param name="ns">The default namespace.</param>
    /// <param name="time">What time limits are measured by; null for the system's clock.</param>
    public static ClusterConnection FromHandler(HttpMessageHandler handler, Uri server, string? token, string ns = "default", TimeProvider? time = null)
    {
        AuthenticationHeaderValue? login = string.IsNullOrEmpty(token) ? null : ClusterCredentials.Bearer(token, "The token");
        return new ClusterConnection(new HttpClient(handler, disposeHandler: false), new FixedCredentials(login), server, "", ns, time ?? TimeProvider.System);
    }

    /// <summary>The same connection, for whoever may change things only for as long as a guard lets it. Not to be disposed of.</summary>
    internal ClusterConnection GuardedBy(Action guard)
    {
        ClusterConnection guarded = (ClusterConnection)MemberwiseClone();
        guarded.BeforeChange = guard;
        return guarded;
    }

    /// <summary>One object.</summary>
    public async Task<JsonObject> GetAsync(ResourcePath path, CancellationToken cancellationToken) =>
        await SendAsync(HttpMethod.Get, path, "", null, null, cancellationToken);

    /// <summary>All objects of a collection, in pages; begun again when its continuation expires.</summary>
    public async Task<IReadOnlyList<JsonObject>> ListAsync(ResourcePath path, string? labelSelector, string? fieldSelector, CancellationToken cancellationToken) =>
        (await ListAsync(path, labelSelector, fieldSelector, ObjectShape.Whole, cancellationToken)).ThrowIfUnreadable();

    /// <summary>The same, and the resource version that a watch goes on from; each object is read as its page comes.</summary>
    /// <param name="read">What is kept of an object. One that it cannot read is among <see cref="ObjectList{T}.Unreadable"/>; the others are served.</param>
    internal async Task<ObjectList<T>> ListAsync<T>(ResourcePath path, string? labelSelector, string? fieldSelector, Func<JsonObject, T> read, CancellationToken cancellationToken)
    {
        string filter = Query(("labelSelector", labelSelector), ("fieldSelector", fieldSelector), ("limit", PageSize.ToString(CultureInfo.InvariantCulture)));
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await ListOnceAsync(path, filter, read, cancellationToken);
            }
            catch (CvException e) when (e.ErrorId == ErrorIds.ResourceExpired && attempt < 3)
            {
                // The snapshot behind the pages is gone (410): the list is read again from its beginning.
            }
        }
    }

    private async Task<ObjectList<T>> ListOnceAsync<T>(ResourcePath path, string filter, Func<JsonObject, T> read, CancellationToken cancellationToken)
    {
        List<T> items = [];
        List<UnreadableObject> unreadable = [];
        string? next = null;
        for (int pages = 1; ; pages++)
        {
            JsonObject page = await SendAsync(HttpMethod.Get, path.ToString(), path.Title, next is null ? filter : $"{filter}&continue={Uri.EscapeDataString(next)}", null, null, ObjectShape.Envelope, cancellationToken);
            (JsonArray? list, string version, string? more) = ObjectShape.Page(page, path.Title);
            foreach (JsonNode? item in list?.ToList() ?? [])
            {
                // An item of its own lets the page's other items go.
                list!.Remove(item);
                if (ObjectShape.TryRead(item, path, read, out T? kept, out UnreadableObject? bad))
                    items.Add(kept);
                else
                    unreadable.Add(bad);
            }

            // All pages are of one moment, and have its version.
            if (more is null)
                return new ObjectList<T>(items, version, unreadable);
            if (more == next || pages == MostPages)
                throw ClusterErrors.NoAnswer(path.Title, "the list does not end");
            next = more;
        }
    }

    public Task<JsonObject> CreateAsync(ResourcePath path, JsonObject body, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, path, Query(("fieldManager", FieldManager)), body, "application/json", cancellationToken);

    /// <summary>Replaces an object; with a resourceVersion in it, only while it is still that one.</summary>
    public Task<JsonObject> ReplaceAsync(ResourcePath path, JsonObject body, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Put, path, Query(("fieldManager", FieldManager)), body, "application/json", cancellationToken);

    /// <param name="force">For <see cref="PatchKind.Apply"/>: take over fields of other managers.</param>
    public Task<JsonObject> PatchAsync(ResourcePath path, PatchKind kind, JsonNode body, CancellationToken cancellationToken, string fieldManager = FieldManager, bool force = false) =>
        SendAsync(HttpMethod.Patch, path, Query(("fieldManager", fieldManager), ("force", force ? "true" : null)), body, kind switch
        {
            PatchKind.Json => "application/json-patch+json",
            PatchKind.Merge => "application/merge-patch+json",
            PatchKind.StrategicMerge => "application/strategic-merge-patch+json",
            _ => "application/apply-patch+yaml",
        }, cancellationToken);

    /// <param name="uid">Delete it only while it is this very object.</param>
    public Task<JsonObject> DeleteAsync(ResourcePath path, CancellationToken cancellationToken, string? uid = null, string propagation = "Background")
    {
        JsonObject options = new() { ["apiVersion"] = "v1", ["kind"] = "DeleteOptions", ["propagationPolicy"] = propagation };
        if (uid is not null)
            options["preconditions"] = new JsonObject { ["uid"] = uid };
        return SendAsync(HttpMethod.Delete, path, "", options, "application/json", cancellationToken);
    }

    /// <summary>What the API server answers at a path of its own (discovery, version).</summary>
    public Task<JsonObject> GetRawAsync(string path, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Get, path, path, "", null, null, cancellationToken);

    /// <summary>The last lines of what a pod's container wrote; empty where there is nothing, or nothing any more.</summary>
    /// <param name="lines">At most so many, and at most 16 KiB of them.</param>
    /// <param name="container">Null for the only one.</param>
    public async Task<string> ReadPodLogAsync(string ns, string pod, int lines, CancellationToken cancellationToken, string? container = null)
    {
        ResourcePath path = new("", "v1", "pods", ns, pod, "log");
        string query = Query(("tailLines", lines.ToString(CultureInfo.InvariantCulture)), ("limitBytes", LargestLog.ToString(CultureInfo.InvariantCulture)), ("container", container));
        try
        {
            return await ExchangeAsync(HttpMethod.Get, path.ToString(), path.Title, query, null, null,
                async (response, token) => Encoding.UTF8.GetString((await ReadAsync(response, LargestLog, orCut: true, token)).Span).TrimEnd(), cancellationToken);
        }
        catch (CvException e) when (e.Kind is CvErrorKind.NotFound or CvErrorKind.Invalid)
        {
            return "";
        }
    }

    /// <summary>
    /// Changes from a resource version on, as the API server writes them, until it ends the watch. An event of type ERROR ends it
    /// with its status as an exception.
    /// </summary>
    /// <param name="timeoutSeconds">After this long the server ends it; silence for longer than that and 30 s more is an error.</param>
    public async IAsyncEnumerable<(string Type, JsonObject Object)> WatchAsync(ResourcePath path, string? labelSelector, string resourceVersion, int timeoutSeconds,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (WatchChange<JsonObject> change in WatchAsync(path, labelSelector, resourceVersion, timeoutSeconds, ObjectShape.Whole, cancellationToken))
            yield return (change.Type, change.Item ?? throw change.Unreadable?.Why ?? ClusterErrors.NoAnswer(path.Title, "a bookmark that is not an object"));
    }

    /// <summary>The same, each object as <paramref name="read"/> keeps it. One that it cannot read does not end the watch.</summary>
    /// <param name="read">Not called for bookmarks, which hold nothing but a resource version.</param>
    internal async IAsyncEnumerable<WatchChange<T>> WatchAsync<T>(ResourcePath path, string? labelSelector, string resourceVersion, int timeoutSeconds,
        Func<JsonObject, T> read, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string query = Query(("watch", "1"), ("allowWatchBookmarks", "true"), ("labelSelector", labelSelector), ("resourceVersion", resourceVersion),
            ("timeoutSeconds", timeoutSeconds.ToString(CultureInfo.InvariantCulture)));
        // A half-open connection says nothing for ever: the server itself ends the watch before this does.
        TimeSpan longest = TimeSpan.FromSeconds(timeoutSeconds) + RequestTimeout;
        AuthenticationHeaderValue? login = await _credentials.GetAsync(cancellationToken);
        using CancellationTokenSource watchdog = new(longest, _time);
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, watchdog.Token);
        using HttpResponseMessage response = await GuardAsync(
            OpenAsync(HttpMethod.Get, path.ToString(), path.Title, query, null, null, login, limit.Token), $"did not end the watch of {path.Title}", path.Title, longest, watchdog.Token, cancellationToken);
        using LineReader lines = new(await response.Content.ReadAsStreamAsync(limit.Token), LargestLine);
        while (true)
        {
            ReadOnlyMemory<byte>? line = await GuardAsync(lines.ReadAsync(limit.Token), $"did not end the watch of {path.Title}", path.Title, longest, watchdog.Token, cancellationToken);
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

    private Task<JsonObject> SendAsync(HttpMethod method, ResourcePath path, string query, JsonNode? body, string? contentType, CancellationToken cancellationToken) =>
        SendAsync(method, path.ToString(), path.Title, query, body, contentType, cancellationToken);

    private Task<JsonObject> SendAsync(HttpMethod method, string path, string title, string query, JsonNode? body, string? contentType, CancellationToken cancellationToken) =>
        SendAsync(method, path, title, query, body, contentType, ObjectShape.Whole, cancellationToken);

    private Task<JsonObject> SendAsync(HttpMethod method, string path, string title, string query, JsonNode? body, string? contentType, Func<JsonObject, JsonObject> check, CancellationToken cancellationToken) =>
        ExchangeAsync(method, path, title, query, body, contentType,
            async (response, token) => Parse((await ReadAsync(response, LargestAnswer, orCut: false, token)).Span, title, check), cancellationToken);

    /// <summary>One request and its answer, within the time that a request may take from its first byte to its last.</summary>
    private async Task<T> ExchangeAsync<T>(HttpMethod method, string path, string title, string query, JsonNode? body, string? contentType,
        Func<HttpResponseMessage, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        // A program that somebody logs in with has its own limit.
        AuthenticationHeaderValue? login = await _credentials.GetAsync(cancellationToken);
        using CancellationTokenSource timeout = new(RequestTimeout, _time);
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        return await GuardAsync(DoAsync(), $"did not answer {method} {title}", title, RequestTimeout, timeout.Token, cancellationToken);

        async Task<T> DoAsync()
        {
            using HttpResponseMessage response = await OpenAsync(method, path, title, query, body, contentType, login, limit.Token);
            return await read(response, limit.Token);
        }
    }

    /// <summary>Whatever a peer or the network does comes as a <see cref="CvException"/>; only the caller's own cancellation is one.</summary>
    /// <param name="late">What the server did not do in time, in words.</param>
    private async Task<T> GuardAsync<T>(Task<T> step, string late, string title, TimeSpan limit, CancellationToken timeout, CancellationToken cancellationToken)
    {
        try
        {
            return await step;
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            // Where our own limit has not passed, it was the handler's for connecting.
            throw ClusterErrors.Late(timeout.IsCancellationRequested ? $"{Server} {late} within {limit.TotalSeconds:0} s." : $"Connecting to {Server} timed out.", title, e);
        }
        catch (Exception e) when (ClusterErrors.IsRemoteFailure(e))
        {
            throw ClusterErrors.From(e, Server);
        }
    }

    private async Task<HttpResponseMessage> OpenAsync(HttpMethod method, string path, string title, string query, JsonNode? body, string? contentType, AuthenticationHeaderValue? login, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(method, new Uri(new Uri(Server.AbsoluteUri.TrimEnd('/') + "/"), query.Length == 0 ? path : $"{path}?{query}"));
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        request.Headers.UserAgent.Add(UserAgent);
        request.Headers.Authorization = login;
        // SocketsHttpHandler asks for a certificate of the name in this header, and has no other place for it.
        request.Headers.Host = _tlsServerName;
        foreach ((string name, string value) in _headers)
            request.Headers.TryAddWithoutValidation(name, value);
        if (body is not null)
        {
            request.Content = new StringContent(body.ToJsonString());
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(contentType!);
        }

        if (method != HttpMethod.Get)
            BeforeChange?.Invoke();
        HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (response.IsSuccessStatusCode)
            return response;
        if (response.StatusCode == System.Net.HttpStatusCode.Unauthorized)
            _credentials.Refused();
        using (response)
            throw ClusterErrors.FromAnswer((int)response.StatusCode, await ReadErrorAsync(response, cancellationToken), method, title);
    }

    /// <summary>A body that is cut off, or too long, leaves the status code to go by.</summary>
    private static async Task<string> ReadErrorAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            return Encoding.UTF8.GetString((await ReadAsync(response, LargestError, orCut: true, cancellationToken)).Span);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            return "";
        }
    }

    /// <param name="orCut">What is longer than the limit is cut there; otherwise it is an error.</param>
    private static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpResponseMessage response, int limit, bool orCut, CancellationToken cancellationToken)
    {
        await using Stream stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        // What a header promises is not taken up before it comes.
        using MemoryStream text = new((int)Math.Clamp(response.Content.Headers.ContentLength ?? 0, 0, Math.Min(limit, 1024 * 1024)));
        byte[] buffer = ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            int count;
            while ((count = await stream.ReadAsync(buffer, cancellationToken)) > 0)
            {
                bool tooLong = text.Length + count > limit;
                if (tooLong && !orCut)
                    throw ClusterErrors.TooLarge("response", limit);
                text.Write(buffer, 0, tooLong ? limit - (int)text.Length : count);
                if (tooLong)
                    break;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return text.GetBuffer().AsMemory(0, (int)text.Length);
    }

    /// <summary>From the bytes as they came: a page of a list as a string would be twice as large, and short-lived.</summary>
    private static JsonObject Parse(ReadOnlySpan<byte> text, string title, Func<JsonObject, JsonObject> check)
    {
        // Strings are decoded when they are asked for, which is too late to find that they cannot be.
        if (!Utf8.IsValid(text))
            throw ClusterErrors.NoJson(title, null);
        try
        {
            return check(JsonNode.Parse(text, documentOptions: ObjectShape.ParseOptions) as JsonObject ?? throw ClusterErrors.NoJson(title, null));
        }
        catch (Exception e) when (ObjectShape.IsFault(e))
        {
            throw ClusterErrors.NoJson(title, e);
        }
    }

    private static string Query(params ReadOnlySpan<(string Name, string? Value)> parameters)
    {
        List<string> parts = [];
        foreach ((string name, string? value) in parameters)
        {
            if (value is not null)
                parts.Add($"{name}={Uri.EscapeDataString(value)}");
        }

        return string.Join('&', parts);
    }
}

/// <summary>A collection as it was at one moment.</summary>
/// <param name="Items">What was kept of its objects.</param>
/// <param name="ResourceVersion">That moment: a watch from here on misses nothing.</param>
/// <param name="Unreadable">The objects that could not be read.</param>
internal sealed record ObjectList<T>(IReadOnlyList<T> Items, string ResourceVersion, IReadOnlyList<UnreadableObject> Unreadable)
{
    /// <summary>For those who need all of them.</summary>
    /// <exception cref="CvException">Why the first that could not be read could not.</exception>
    public IReadOnlyList<T> ThrowIfUnreadable() => Unreadable.Count == 0 ? Items : throw Unreadable[0].Why;
}

/// <summary>One object that is not as its schema says.</summary>
/// <param name="Name">namespace/name, as far as it has them.</param>
/// <param name="Why">What is wrong with it.</param>
internal sealed record UnreadableObject(string Name, CvException Why);

/// <summary>One change that a watch tells.</summary>
/// <param name="Type">ADDED, MODIFIED, DELETED or BOOKMARK.</param>
/// <param name="Item">What was kept of the object; null where it could not be read, and of a bookmark, unless the whole object is kept.</param>
/// <param name="ResourceVersion">Where the next watch goes on from; null where the object does not tell.</param>
/// <param name="Unreadable">The object, where it could not be read.</param>
internal sealed record WatchChange<T>(string Type, T? Item, string? ResourceVersion, UnreadableObject? Unreadable = null);
