using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using CvManager.Cluster;
using CvManager.Following;
using CvManager.Records;
using CvManager.Resources;
using CvManager.Rollouts;
using CvManager.Watching;
using CvManager.Workloads;

namespace CvManager.Web;

/// <summary>
/// The REST API: what the cmdlets show, as JSON, text or HTML. The first fields of a workload, their order and the text of a history are
/// those of the original program, whose clients read them.
/// </summary>
/// <remarks>
/// The data are those of the watches: a page causes no request to the API server, except for the viewer's rights and the history, which are
/// kept for a short time.
/// </remarks>
public sealed class RestPages : IDisposable
{
    private const string WorkloadsPath = "/v1/cv/workloads";

    /// <summary>As the original program does.</summary>
    private const string DefaultNamespace = "default";

    /// <summary>Histories that are kept; one has at most 1 MiB.</summary>
    private const int MaxHistories = 8;

    private const int MaxConcurrentReads = 4;

    private static readonly TimeSpan HistoryMaxAge = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan HistoryLimit = TimeSpan.FromSeconds(10);

    /// <summary>A snapshot is used for this long, although the cluster changes all the time during large rollouts.</summary>
    private static readonly TimeSpan SnapshotMaxAge = TimeSpan.FromSeconds(1);

    // The text is not embedded in HTML: do not escape characters such as '+' and 'ü'.
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Func<ClusterSnapshot?> _read;
    private readonly RolloutHistory _history;
    private readonly ViewerRights _rights;
    private readonly TimeProvider _time;
    private readonly LoginPages _login;
    private readonly ReadCache<WorkloadHistory?> _histories;
    private readonly SemaphoreSlim _reads = new(MaxConcurrentReads);
    private volatile Tuple<ClusterSnapshot, long>? _last;

    /// <param name="read">Returns the state of the cluster; null before the initial sync. Thread-safe.</param>
    /// <param name="cluster">The cluster with the histories.</param>
    /// <param name="rights">What viewers may see; disposed with this object.</param>
    /// <param name="environment">The clock and the log.</param>
    public RestPages(Func<ClusterSnapshot?> read, ClusterConnection cluster, ViewerRights rights, EngineEnvironment environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        _read = read;
        _history = new RolloutHistory(cluster, environment);
        _rights = rights;
        _time = environment.Time;
        _login = new LoginPages(rights);
        _histories = new(MaxHistories, environment.Time);
    }

    public IReadOnlyList<WebRoute> Routes =>
        [
            new("GET", WorkloadsPath, (request, stop) => RespondAsync(request, QueryNamespace(request), ShowWorkloads, stop)),
            new("GET", WorkloadsPath + "/{name}", ShowHistoryAsync),
            new("GET", "/v1/cv/rollouts", (request, stop) => RespondAsync(request, QueryNamespace(request), ShowRollouts, stop)),
            .. _login.Routes,
        ];

    public void Dispose()
    {
        _rights.Dispose();
        _reads.Dispose();
    }

    private ValueTask<PageResponse> RespondAsync(
        PageRequest request,
        string? ns,
        Func<PageRequest, ClusterSnapshot, Func<string?, bool>, PageResponse> show,
        CancellationToken cancellationToken
    ) =>
        RespondAsync(
            request,
            ns,
            (snapshot, scope) =>
                ValueTask.FromResult(
                    show(request, snapshot, one => (ns is null || one == ns) && scope.Sees(one)) with
                    {
                        IsRevalidated = true,
                    }
                ),
            cancellationToken
        );

    /// <summary>Responds after the checks that all pages share: what the viewer may see, and whether there is anything to show.</summary>
    private async ValueTask<PageResponse> RespondAsync(
        PageRequest request,
        string? ns,
        Func<ClusterSnapshot, ViewerScope, ValueTask<PageResponse>> respond,
        CancellationToken cancellationToken
    )
    {
        try
        {
            var snapshot = Snapshot();
            var scope = await _rights.FindAsync(
                request,
                ns,
                snapshot?.Resources.Select(resource => resource.Metadata.Namespace ?? "") ?? [],
                cancellationToken
            );
            return scope.Access switch
            {
                ViewerAccess.Unauthorized when request.QueryValue("format") == "html" => PageResponse.Redirect(LoginPages.Path),
                ViewerAccess.Unauthorized => PageResponse.Of(401).With("WWW-Authenticate", "Bearer"),
                // The same whether or not the namespace exists.
                ViewerAccess.Denied => PageResponse.Text(403, "You may not list the ContainerVersions of this namespace."),
                _ when snapshot is null => PageResponse.Text(503, "The controller has not read the cluster yet.").With("Retry-After", "5"),
                _ => await respond(snapshot, scope),
            };
        }
        catch (CvException e)
        {
            // Without the details, which may be about the cluster.
            return e.ErrorId switch
            {
                ErrorIds.TooManyNamespaces => PageResponse.Text(403, $"{e.Message} {e.Remedy}"),
                ErrorIds.ViewerRateLimited => PageResponse.Of(429).With("Retry-After", "1"),
                _ => PageResponse.Text(503, "The API server could not be asked.").With("Retry-After", "5"),
            };
        }
    }

    private ClusterSnapshot? Snapshot()
    {
        if (_last is { } last && _time.GetElapsedTime(last.Item2) < SnapshotMaxAge)
            return last.Item1;
        var now = _time.GetTimestamp();
        if (_read() is not { } snapshot)
            return null;
        _last = Tuple.Create(snapshot, now);
        return snapshot;
    }

    private PageResponse ShowWorkloads(PageRequest request, ClusterSnapshot snapshot, Func<string?, bool> sees)
    {
        var rows = snapshot.Running.Where(running => sees(running.Workload.Namespace)).Select(WorkloadRow.Of);
        return request.QueryValue("format") != "html"
            ? ToJson(rows)
            : HtmlDocument.Page(
                "CvManager: workloads",
                HtmlDocument.Table(
                    ["Namespace", "Name", "Type", "Container", "Version", "Available pods/Status", "CV", "Tag"],
                    rows.Select(row =>
                        new[]
                        {
                            HtmlDocument.Text(row.Namespace),
                            $"<a href=\"{WorkloadsPath}/{Encode(row.Name)}?namespace={Encode(row.Namespace)}&amp;format=html\">"
                                + $"{HtmlDocument.Text(row.Name)}</a>",
                            HtmlDocument.Text(row.Type),
                            HtmlDocument.Text(row.Container),
                            HtmlDocument.Text(row.Version),
                            HtmlDocument.Text($"{row.AvailablePods}{(row.Desired is { } desired ? $"/{desired}" : "")} {row.Progress}"),
                            HtmlDocument.Text(row.CV),
                            HtmlDocument.Text(row.Tag),
                        }
                    )
                ),
                hasLogout: !_rights.IsOpen
            );
    }

    private static PageResponse ShowRollouts(PageRequest request, ClusterSnapshot snapshot, Func<string?, bool> sees) =>
        ToJson(
            WorkloadRollout
                .Find(
                    snapshot
                        .Resources.Where(resource => sees(resource.Metadata.Namespace))
                        .OrderBy(resource => resource.Key, StringComparer.Ordinal),
                    snapshot.Workloads
                )
                .Select(RolloutRow.Of)
        );

    private ValueTask<PageResponse> ShowHistoryAsync(PageRequest request, CancellationToken cancellationToken)
    {
        var ns = QueryNamespace(request) ?? DefaultNamespace;
        var name = request.RouteValues["name"];
        return RespondAsync(
            request,
            ns,
            async (snapshot, _) =>
            {
                // Names are parts of paths of the API server.
                if (!KubernetesNames.IsLabel(ns) || !KubernetesNames.IsSubdomain(name))
                    return PageResponse.Of(404);
                var running = snapshot.Running.Where(one => one.Workload.Namespace == ns && one.Workload.Name == name).ToList();
                var own = RolloutHistory.NameOf(new HistorySpec(), name);
                List<WorkloadHistory> found = [];
                foreach (
                    var configMap in running
                        .Select(one => RolloutHistory.NameOf(one.Resource.Spec.History, name))
                        .Append(own)
                        .Distinct(StringComparer.Ordinal)
                )
                {
                    if (await ReadAsync(ns, configMap, cancellationToken) is { } history)
                        found.Add(configMap == own ? history : history.Of(name));
                }

                return found.Count == 0 && running.Count == 0
                    ? PageResponse.Of(404)
                    : ShowHistory(request, ns, name, found) with
                    {
                        IsRevalidated = true,
                    };
            },
            cancellationToken
        );
    }

    private PageResponse ShowHistory(PageRequest request, string ns, string name, IReadOnlyList<WorkloadHistory> found)
    {
        var rows = found
            .SelectMany(history => history.Records)
            .OrderByDescending(record => record.Finished)
            .Select(record => RecordRow.Of(ns, record));
        return request.QueryValue("format") switch
        {
            "json" => ToJson(rows),
            "html" => HtmlDocument.Page(
                $"CvManager: history of {ns}/{name}",
                HtmlDocument.Table(
                    ["Finished", "CV", "Kind", "Workload", "From", "To", "Outcome", "Reason", "Who"],
                    rows.Select(row =>
                        new[]
                        {
                            row.Finished.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture),
                            row.Name,
                            row.Kind,
                            row.Workload,
                            row.FromVersion,
                            row.ToVersion,
                            row.Outcome,
                            row.Reason,
                            row.Who,
                        }.Select(HtmlDocument.Text)
                    )
                ),
                hasLogout: !_rights.IsOpen
            ),
            _ => PageResponse.Text(200, string.Concat(found.Select(history => history.Info))),
        };
    }

    private async ValueTask<WorkloadHistory?> ReadAsync(string ns, string name, CancellationToken cancellationToken) =>
        await _histories.GetAsync(
            $"{ns}/{name}",
            HistoryMaxAge,
            async stop =>
            {
                await _reads.WaitAsync(stop);
                try
                {
                    using CancellationTokenSource limit = new(HistoryLimit, _time);
                    using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stop);
                    return await _history.FindAsync(ns, name, either.Token);
                }
                finally
                {
                    _reads.Release();
                }
            },
            cancellationToken
        );

    private static string? QueryNamespace(PageRequest request) => request.QueryValue("namespace") is { Length: > 0 } ns ? ns : null;

    private static string Encode(string text) => Uri.EscapeDataString(text);

    private static PageResponse ToJson<T>(IEnumerable<T> rows) => PageResponse.Json(JsonSerializer.Serialize(rows, Json));

    /// <summary>The fields of the original program, in its order, then those that only Get-CvWorkload has.</summary>
    private sealed record WorkloadRow(
        string Namespace,
        string Name,
        string Type,
        string Container,
        string Version,
        int AvailablePods,
        string CV,
        string Tag,
        int? Desired,
        string Image,
        string? LatestVersion,
        string Progress
    )
    {
        public static WorkloadRow Of(RunningVersion running) =>
            new(
                running.Workload.Namespace,
                running.Workload.Name,
                running.Workload.Kind,
                running.Resource.Spec.Container.Name,
                running.Version,
                running.Workload.AvailablePods,
                running.Resource.Metadata.Name,
                running.Resource.Followed.ToString(),
                running.Workload.DesiredPods,
                running.Container?.Image ?? "",
                running.Resource.Status?.Latest?.Version,
                running.Progress
            );
    }

    /// <summary>The properties of Get-CvRollout.</summary>
    private sealed record RolloutRow(
        string Namespace,
        string Name,
        string Id,
        string Version,
        string RolloutPhase,
        string Workload,
        string Kind,
        string Phase,
        int? Desired,
        int? Updated,
        int? Ready,
        int? Available,
        string? Image,
        string FromImage,
        string ToImage,
        string Message,
        DateTime Started,
        DateTime? Deadline,
        DateTime? Finished,
        string? StartedBy
    )
    {
        public static RolloutRow Of(WorkloadRollout one) =>
            new(
                one.Resource.Metadata.Namespace ?? "",
                one.Resource.Metadata.Name,
                one.Rollout.Id,
                one.Rollout.Version,
                one.Rollout.Phase,
                one.Entry.Name,
                one.Entry.Kind,
                one.Entry.Phase,
                one.Workload?.DesiredPods,
                one.Workload?.UpdatedPods,
                one.Workload?.ReadyPods,
                one.Workload?.AvailablePods,
                one.Image,
                one.Entry.FromImage,
                one.Entry.ToImage,
                one.Message,
                one.Rollout.StartedAt.UtcDateTime,
                one.Deadline?.UtcDateTime,
                one.Rollout.FinishedAt?.UtcDateTime,
                one.Rollout.StartedBy
            );
    }

    /// <summary>The properties of Get-CvRolloutHistory.</summary>
    private sealed record RecordRow(
        string Namespace,
        string Name,
        string Id,
        string Workload,
        string Kind,
        string Container,
        string FromVersion,
        string ToVersion,
        string FromImage,
        string ToImage,
        string Digest,
        string Outcome,
        DateTime? TagSeen,
        DateTime Started,
        DateTime Finished,
        string Reason,
        string Who
    )
    {
        public static RecordRow Of(string ns, RolloutRecord record) =>
            new(
                ns,
                record.CV,
                record.Id,
                record.Name,
                record.Kind,
                record.Container,
                record.FromVersion,
                record.ToVersion,
                record.FromImage,
                record.ToImage,
                record.Digest,
                record.Outcome,
                record.TagSeen?.UtcDateTime,
                record.Started.UtcDateTime,
                record.Finished.UtcDateTime,
                record.Reason,
                record.Who
            );
    }
}
