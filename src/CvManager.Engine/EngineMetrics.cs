using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;

namespace CvManager;

/// <summary>
/// What the parts of the engine measure: instruments of one <see cref="Meter"/>. Metrics have the names of controller-runtime and client-go
/// where these have one. Thread-safe.
/// </summary>
/// <remarks>
/// A part that gets none measures nothing. The values of labels are bounded: hosts beyond <see cref="MaxRegistries"/> are
/// <see cref="Other"/>.
/// </remarks>
public sealed class EngineMetrics : IDisposable
{
    /// <summary>The label <c>controller</c>, and the label <c>name</c> of the controller's queue.</summary>
    internal const string ControllerName = "containerversion";

    internal const string Other = "other";
    internal const int MaxRegistries = 20;

    /// <summary>The label <c>code</c> of a request without a response, as in client-go.</summary>
    private const string NoResponse = "<error>";

    private const int MaxOutages = 10_000;

    private readonly ConcurrentDictionary<string, DateTimeOffset> _outages = new(StringComparer.Ordinal);
    private readonly HashSet<string> _registries = new(StringComparer.OrdinalIgnoreCase);
    private readonly Counter<long> _reconciles;
    private readonly Counter<long> _reconcileErrors;
    private readonly Histogram<double> _reconcileTime;
    private readonly Counter<long> _adds;
    private readonly Counter<long> _retries;
    private readonly Histogram<double> _queueTime;
    private readonly Histogram<double> _workTime;
    private readonly Counter<long> _clusterRequests;
    private readonly Counter<long> _registryRequests;
    private readonly Counter<long> _rollouts;
    private readonly Histogram<double> _rolloutTime;
    private readonly Histogram<double> _tagToRollout;
    private readonly Histogram<double> _restoreTime;
    private readonly Histogram<double> _gateTime;

    public EngineMetrics()
    {
        Meter = new Meter("CvManager", ProductVersion.Text);
        _reconciles = Count("controller_runtime_reconcile_total", "Reconciliations by result: success, error, requeue or requeue_after.");
        _reconcileErrors = Count("controller_runtime_reconcile_errors_total", "Reconciliations that failed.");
        _reconcileTime = Time("controller_runtime_reconcile_time_seconds", "Duration of a reconciliation.");
        _adds = Count("workqueue_adds_total", "Keys put into the queue, including those that wait until they are due.");
        _retries = Count("workqueue_retries_total", "Keys put back into the queue after a failure.");
        _queueTime = Time("workqueue_queue_duration_seconds", "How long a key was due before a worker took it.");
        _workTime = Time("workqueue_work_duration_seconds", "How long a worker took for a key.");
        _clusterRequests = Count(
            "rest_client_requests_total",
            "Requests to the API server by status code, method and host. The code is <error> if there was no response."
        );
        _registryRequests = Count(
            "cvmanager_registry_requests_total",
            "Requests to registries and their token servers by host and status code."
        );
        _rollouts = Count("cvmanager_rollouts_total", "Finished rollouts, one per workload, by outcome: the records of the history.");
        _rolloutTime = Time("cvmanager_rollout_duration_seconds", "Duration of a rollout of a workload, by outcome.");
        _tagToRollout = Time(
            "cvmanager_tag_to_rollout_seconds",
            "From the first observation of the tag on a digest to the end of its successful rollout."
        );
        _restoreTime = Time(
            "cvmanager_restore_seconds",
            "From the start of a rollout that failed to the end of its rollback or of the next successful rollout."
        );
        _gateTime = Time("cvmanager_gate_duration_seconds", "Duration of a gate by kind and outcome.");
    }

    /// <summary>The meter of this instance alone: others of the process may have the same name.</summary>
    internal Meter Meter { get; }

    public void Dispose() => Meter.Dispose();

    /// <param name="result">See the description of the instrument.</param>
    internal void Reconciled(string result, TimeSpan duration)
    {
        var controller = Label("controller", ControllerName);
        _reconciles.Add(1, controller, Label("result", result));
        if (result == "error")
            _reconcileErrors.Add(1, controller);
        _reconcileTime.Record(duration.TotalSeconds, controller);
    }

    internal void Queued(string queue) => _adds.Add(1, Label("name", queue));

    internal void Retried(string queue) => _retries.Add(1, Label("name", queue));

    internal void Dequeued(string queue, TimeSpan waited) => _queueTime.Record(waited.TotalSeconds, Label("name", queue));

    internal void Worked(string queue, TimeSpan duration) => _workTime.Record(duration.TotalSeconds, Label("name", queue));

    internal void GateEnded(string kind, string outcome, TimeSpan duration) =>
        _gateTime.Record(duration.TotalSeconds, Label("kind", kind), Label("outcome", outcome));

    /// <summary>A record of a rollout of one workload.</summary>
    /// <param name="duration">From its start to its end.</param>
    internal void RolloutEnded(string outcome, TimeSpan duration)
    {
        _rollouts.Add(1, Label("outcome", outcome));
        _rolloutTime.Record(duration.TotalSeconds, Label("outcome", outcome));
    }

    internal void TagRolledOut(TimeSpan duration) => _tagToRollout.Record(duration.TotalSeconds);

    /// <summary>A resource does not run what it should. An outage that has already begun continues.</summary>
    internal void OutageBegan(string resource, DateTimeOffset since)
    {
        if (_outages.Count < MaxOutages)
            _outages.TryAdd(resource, since);
    }

    /// <summary>The resource is in order again; nothing if it was.</summary>
    internal void OutageEnded(string resource, DateTimeOffset until)
    {
        if (_outages.TryRemove(resource, out var since))
            _restoreTime.Record(Math.Max(0, (until - since).TotalSeconds));
    }

    /// <summary>A resource was deleted.</summary>
    internal void Forget(string resource) => _outages.TryRemove(resource, out _);

    /// <summary>Sends a request to the API server.</summary>
    internal Task<HttpResponseMessage> SendToClusterAsync(
        HttpRequestMessage request,
        Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> send,
        CancellationToken cancellationToken
    ) =>
        SendAsync(
            request,
            send,
            code =>
                _clusterRequests.Add(
                    1,
                    Label("code", code),
                    Label("method", request.Method.Method),
                    Label("host", request.RequestUri!.Authority)
                ),
            cancellationToken
        );

    /// <summary>Sends a request to a registry.</summary>
    internal Task<HttpResponseMessage> SendToRegistryAsync(
        HttpRequestMessage request,
        Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> send,
        CancellationToken cancellationToken
    ) =>
        SendAsync(
            request,
            send,
            code => _registryRequests.Add(1, Label("registry", RegistryLabel(request.RequestUri!.Authority)), Label("code", code)),
            cancellationToken
        );

    /// <summary>The label of a registry's host: the first ones by their name.</summary>
    internal string RegistryLabel(string host)
    {
        lock (_registries)
            return _registries.Contains(host) || (_registries.Count < MaxRegistries && _registries.Add(host)) ? host : Other;
    }

    private static async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request,
        Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> send,
        Action<string> count,
        CancellationToken cancellationToken
    )
    {
        HttpResponseMessage response;
        try
        {
            response = await send(request, cancellationToken);
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested)
        {
            count(NoResponse);
            throw;
        }

        count(((int)response.StatusCode).ToString(CultureInfo.InvariantCulture));
        return response;
    }

    private static KeyValuePair<string, object?> Label(string name, string value) => new(name, value);

    private Counter<long> Count(string name, string description) => Meter.CreateCounter<long>(name, null, description);

    private Histogram<double> Time(string name, string description) => Meter.CreateHistogram<double>(name, "s", description);
}
