using System.Buffers;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using k8s;
using k8s.Authentication;
using k8s.Exceptions;
using k8s.KubeConfigModels;

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
/// <remarks>Thread-safe. KubernetesClient reads the kubeconfig and authenticates; tokens of exec plugins and files are renewed by it.</remarks>
public sealed class ClusterConnection : IDisposable
{
    /// <summary>The field manager of whatever CvManager writes (R3).</summary>
    public const string FieldManager = "cvmanager";

    /// <summary>Bytes of one answer. The largest object is 3 MiB, and lists are read in pages.</summary>
    private const int LargestAnswer = 64 * 1024 * 1024;

    private const int PageSize = 500;

    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(30);
    private static readonly JsonDocumentOptions ParseOptions = new() { MaxDepth = 128 };

    private readonly IDisposable _owner;
    private readonly HttpClient _http;
    private readonly ServiceClientCredentials? _credentials;
    private readonly TimeProvider _time;

    private ClusterConnection(IDisposable owner, HttpClient http, ServiceClientCredentials? credentials, Uri server, string context, string space, TimeProvider time)
    {
        _owner = owner;
        _http = http;
        _credentials = credentials;
        _time = time;
        Server = server;
        ContextName = context;
        DefaultNamespace = space;
    }

    /// <summary>The API server's address.</summary>
    public Uri Server { get; }

    /// <summary>The kubeconfig's context; empty inside a pod.</summary>
    public string ContextName { get; }

    /// <summary>The namespace that is meant where none is given.</summary>
    public string DefaultNamespace { get; }

    /// <summary>Reads the configuration; asks nothing of the cluster.</summary>
    /// <exception cref="CvException"><c>KubeConfigNotFound</c>, <c>KubeConfigInvalid</c>, <c>KubeContextNotFound</c>.</exception>
    public static ClusterConnection Connect(ClusterOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        IReadOnlyList<FileInfo> files = KubeConfigFile.Locate(options.KubeConfigPath);
        if (files.Count == 0)
        {
            if (options.Context is null && KubernetesClientConfiguration.IsInCluster())
                return Connect(KubernetesClientConfiguration.InClusterConfig(), "");
            throw new CvException("KubeConfigNotFound", CvErrorKind.NotFound, "There is no kubeconfig, and this is no pod.",
                "Give -KubeConfig, set KUBECONFIG, or put one at ~/.kube/config; Start-CvSandbox brings a cluster of its own.");
        }

        K8SConfiguration file = KubeConfigFile.Read(files);
        string paths = string.Join(", ", files.Select(f => f.FullName));
        string context = options.Context ?? file.CurrentContext ?? "";
        if (context.Length == 0)
        {
            throw new CvException("KubeContextNotFound", CvErrorKind.NotFound, $"{paths} has no current context.",
                "Give -Context; Get-CvContext lists those that there are.") { Target = paths };
        }

        if (file.Contexts?.Any(c => c.Name == context) != true)
        {
            throw new CvException("KubeContextNotFound", CvErrorKind.NotFound, $"{paths} has no context '{context}'.",
                "Get-CvContext lists those that there are.") { Target = context };
        }

        try
        {
            return Connect(KubernetesClientConfiguration.BuildConfigFromConfigObject(file, context), context);
        }
        catch (Exception e) when (e is KubeConfigException or KubernetesClientException or FormatException or IOException
            or System.Security.Cryptography.CryptographicException or ArgumentException or UriFormatException)
        {
            throw new CvException("KubeConfigInvalid", CvErrorKind.Invalid, $"The context '{context}' of {paths} cannot be used: {e.Message}",
                "Mend its cluster and user; 'kubectl config view' shows them.", e) { Target = context };
        }
    }

    /// <summary>A connection through a handler: an API server in this process.</summary>
    /// <param name="handler">Not disposed of with the connection.</param>
    /// <param name="server">The address that requests are made out to.</param>
    /// <param name="token">A bearer token, or null.</param>
    /// <param name="space">The default namespace.</param>
    /// <param name="time">What time limits are measured by; null for the system's clock.</param>
    public static ClusterConnection FromHandler(HttpMessageHandler handler, Uri server, string? token, string space = "default", TimeProvider? time = null)
    {
        HttpClient http = new(handler, disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan };
        if (token is not null)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return new ClusterConnection(http, http, null, server, "", space, time ?? TimeProvider.System);
    }

    /// <summary>One object.</summary>
    public async Task<JsonObject> GetAsync(ResourcePath path, CancellationToken cancellationToken) =>
        await SendAsync(HttpMethod.Get, path, "", null, null, cancellationToken);

    /// <summary>All objects of a collection, in pages; begun again when its continuation expires.</summary>
    public async Task<IReadOnlyList<JsonObject>> ListAsync(ResourcePath path, string? labelSelector, string? fieldSelector, CancellationToken cancellationToken) =>
        (await ListAsync(path, labelSelector, fieldSelector, item => item, cancellationToken)).Items;

    /// <summary>The same, and the resource version that a watch goes on from; each object is read as its page comes.</summary>
    /// <param name="read">What is kept of an object.</param>
    internal async Task<ObjectList<T>> ListAsync<T>(ResourcePath path, string? labelSelector, string? fieldSelector, Func<JsonObject, T> read, CancellationToken cancellationToken)
    {
        string filter = Query(("labelSelector", labelSelector), ("fieldSelector", fieldSelector), ("limit", PageSize.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        for (int attempt = 1; ; attempt++)
        {
            List<T> items = [];
            try
            {
                string? next = null;
                string version;
                do
                {
                    JsonObject page = await SendAsync(HttpMethod.Get, path, next is null ? filter : $"{filter}&continue={Uri.EscapeDataString(next)}", null, null, cancellationToken);
                    foreach (JsonObject item in (page["items"] as JsonArray ?? []).OfType<JsonObject>().ToList())
                    {
                        // An item of its own lets the page's other items go.
                        item.Parent!.AsArray().Remove(item);
                        items.Add(read(item));
                    }

                    next = page["metadata"]?["continue"]?.GetValue<string>();
                    // All pages are of one moment, and have its version.
                    version = page["metadata"]?["resourceVersion"]?.GetValue<string>() ?? "";
                }
                while (!string.IsNullOrEmpty(next));
                return new ObjectList<T>(items, version);
            }
            catch (CvException e) when (e.ErrorId == "ResourceExpired" && attempt < 3)
            {
                // The snapshot behind the pages is gone (410): the list is read again from its beginning.
            }
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

    /// <summary>The last lines of what a pod's first container wrote; empty where there is nothing, or nothing any more.</summary>
    /// <param name="lines">At most so many, and at most 16 KiB of them.</param>
    public async Task<string> ReadPodLogAsync(string space, string pod, int lines, CancellationToken cancellationToken)
    {
        ResourcePath path = new("", "v1", "pods", space, pod, "log");
        using CancellationTokenSource timeout = new(RequestTimeout, _time);
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            using HttpResponseMessage response = await OpenAsync(HttpMethod.Get, path.ToString(), path.Title,
                $"tailLines={lines.ToString(System.Globalization.CultureInfo.InvariantCulture)}&limitBytes=16384", null, null, limit.Token);
            return Encoding.UTF8.GetString((await ReadAsync(response, limit.Token)).Span).TrimEnd();
        }
        catch (CvException e) when (e.Kind is CvErrorKind.NotFound or CvErrorKind.Invalid)
        {
            return "";
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CvException("ClusterTimeout", CvErrorKind.Timeout, $"{Server} did not give the log of {path.Title} within {RequestTimeout.TotalSeconds:0} s.",
                "See whether the kubelet of its node answers.", e) { Target = path.Title };
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw ClusterErrors.From(e, Server);
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
        string query = Query(("watch", "1"), ("allowWatchBookmarks", "true"), ("labelSelector", labelSelector), ("resourceVersion", resourceVersion),
            ("timeoutSeconds", timeoutSeconds.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        // A half-open connection says nothing for ever: the server itself ends the watch before this does.
        using CancellationTokenSource watchdog = new(TimeSpan.FromSeconds(timeoutSeconds) + RequestTimeout, _time);
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, watchdog.Token);
        using HttpResponseMessage response = await InTimeAsync(OpenAsync(HttpMethod.Get, path.ToString(), path.Title, query, null, null, limit.Token));
        await using Stream stream = await response.Content.ReadAsStreamAsync(limit.Token);
        using StreamReader reader = new(stream);
        while (true)
        {
            string? line;
            try
            {
                line = await InTimeAsync(reader.ReadLineAsync(limit.Token).AsTask());
            }
            catch (Exception e) when (e is IOException or HttpRequestException)
            {
                throw ClusterErrors.From(e, Server);
            }

            if (line is null)
                yield break;
            if (line.Length == 0)
                continue;
            JsonObject change = Parse(Encoding.UTF8.GetBytes(line), path.Title);
            JsonObject item = change["object"] as JsonObject ?? throw ClusterErrors.NoJson(path.Title, null);
            change.Remove("object");
            string type = change["type"]?.GetValue<string>() ?? "";
            if (type == "ERROR")
                throw ClusterErrors.FromStatus(item["code"]?.GetValue<int>() ?? 500, item, HttpMethod.Get, path.Title);
            yield return (type, item);
        }

        async Task<T> InTimeAsync<T>(Task<T> step)
        {
            try
            {
                return await step;
            }
            catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
            {
                throw new CvException("ClusterTimeout", CvErrorKind.Timeout, $"{Server} did not end the watch of {path.Title} after {timeoutSeconds} s.",
                    "See whether the connection to the API server is cut off, then try again.", e) { Target = path.Title };
            }
        }
    }

    public void Dispose() => _owner.Dispose();

    private static ClusterConnection Connect(KubernetesClientConfiguration configuration, string context)
    {
        // Each request has its own limit; a watch has none.
        configuration.HttpClientTimeout = Timeout.InfiniteTimeSpan;
        configuration.UserAgent = FieldManager;
        Kubernetes client = new(configuration);
        return new ClusterConnection(client, client.HttpClient, client.Credentials, client.BaseUri, context,
            string.IsNullOrEmpty(configuration.Namespace) ? "default" : configuration.Namespace, TimeProvider.System);
    }

    private Task<JsonObject> SendAsync(HttpMethod method, ResourcePath path, string query, JsonNode? body, string? contentType, CancellationToken cancellationToken) =>
        SendAsync(method, path.ToString(), path.Title, query, body, contentType, cancellationToken);

    private async Task<JsonObject> SendAsync(HttpMethod method, string path, string title, string query, JsonNode? body, string? contentType, CancellationToken cancellationToken)
    {
        using CancellationTokenSource timeout = new(RequestTimeout, _time);
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            using HttpResponseMessage response = await OpenAsync(method, path, title, query, body, contentType, limit.Token);
            return Parse((await ReadAsync(response, limit.Token)).Span, title);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CvException("ClusterTimeout", CvErrorKind.Timeout, $"{Server} did not answer {method} {title} within {RequestTimeout.TotalSeconds:0} s.",
                "See whether the API server is overloaded, then try again.", e) { Target = title };
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw ClusterErrors.From(e, Server);
        }
    }

    private async Task<HttpResponseMessage> OpenAsync(HttpMethod method, string path, string title, string query, JsonNode? body, string? contentType, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(method, new Uri(new Uri(Server.AbsoluteUri.TrimEnd('/') + "/"), query.Length == 0 ? path : $"{path}?{query}"));
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        if (body is not null)
        {
            request.Content = new StringContent(body.ToJsonString());
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(contentType!);
        }

        HttpResponseMessage response;
        try
        {
            if (_credentials is not null)
                await _credentials.ProcessHttpRequestAsync(request, cancellationToken);
        }
        catch (Exception e) when (e is KubeConfigException or KubernetesClientException or UnauthorizedAccessException or IOException)
        {
            throw ClusterErrors.NoCredential(e, Server);
        }

        try
        {
            response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw ClusterErrors.From(e, Server);
        }

        if (response.IsSuccessStatusCode)
            return response;
        using (response)
            throw ClusterErrors.FromAnswer((int)response.StatusCode, Encoding.UTF8.GetString((await ReadAsync(response, cancellationToken)).Span), method, title);
    }

    private static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        await using Stream stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        using MemoryStream text = new((int)Math.Clamp(response.Content.Headers.ContentLength ?? 0, 0, LargestAnswer));
        byte[] buffer = ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            int count;
            while ((count = await stream.ReadAsync(buffer, cancellationToken)) > 0)
            {
                if (text.Length + count > LargestAnswer)
                {
                    throw new CvException("ClusterAnswerTooLarge", CvErrorKind.LimitExceeded, $"The API server's answer has more than {LargestAnswer / 1024 / 1024} MiB.",
                        "Narrow it down with -Namespace or -LabelSelector.");
                }

                text.Write(buffer, 0, count);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return text.GetBuffer().AsMemory(0, (int)text.Length);
    }

    /// <summary>From the bytes as they came: a page of a list as a string would be twice as large, and short-lived.</summary>
    private static JsonObject Parse(ReadOnlySpan<byte> text, string title)
    {
        // Strings are decoded when they are asked for, which is too late to find that they cannot be.
        if (!Utf8.IsValid(text))
            throw ClusterErrors.NoJson(title, null);
        try
        {
            return JsonNode.Parse(text, documentOptions: ParseOptions) as JsonObject ?? throw ClusterErrors.NoJson(title, null);
        }
        catch (JsonException e)
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
internal sealed record ObjectList<T>(IReadOnlyList<T> Items, string ResourceVersion);
