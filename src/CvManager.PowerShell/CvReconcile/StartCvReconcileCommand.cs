using System.Collections.Concurrent;
using System.Management.Automation;
using CvManager.Controller;
using CvManager.PowerShell.Completion;
using CvManager.Resources;
using CvManager.Rollouts;
using CvManager.Telemetry;
using CvManager.Web;

namespace CvManager.PowerShell;

/// <summary>Reconciles ContainerVersions once, or runs the controller, and rolls out the versions that their tags point at.</summary>
[Cmdlet(
    VerbsLifecycle.Start,
    "CvReconcile",
    DefaultParameterSetName = NamespacedCmdlet.NamespaceSet,
    SupportsShouldProcess = true,
    HelpUri = ProjectUri.Docs + "Start-CvReconcile.md"
)]
[OutputType(typeof(CvReconcileResult), typeof(string))]
public sealed class StartCvReconcileCommand : ClusterCmdlet, IAnnotatesCILog
{
    /// <summary>
    /// The maximum duration of a shutdown, within the default grace period of a pod (30 s). Without it, a log reader that no longer reads
    /// would block the shutdown forever.
    /// </summary>
    private static readonly TimeSpan ShutdownLimit = TimeSpan.FromSeconds(20);

    private readonly List<(string? Namespace, string[] Names)> _inputs = [];
    private readonly ConcurrentDictionary<string, RolloutState> _unfinished = new(StringComparer.Ordinal);
    private ITimer? _shutdownTimer;
    private JsonLog _log = null!;

    /// <summary>Names. Wildcards are allowed; the default is all.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [TextTransformation]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>Bound to the CV property of a workload from the pipeline, which takes precedence over the name of the workload.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true, DontShow = true)]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string? CV { get; set; }

    /// <summary>The namespaces; the default is the namespace of the context.</summary>
    [Parameter(ParameterSetName = NamespacedCmdlet.NamespaceSet, ValueFromPipelineByPropertyName = true)]
    [TextListTransformation]
    [ArgumentCompleter(typeof(NamespaceCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Namespace { get; set; } = [];

    [Parameter(ParameterSetName = NamespacedCmdlet.AllNamespacesSet, Mandatory = true)]
    public SwitchParameter AllNamespaces { get; set; }

    /// <summary>A Kubernetes label selector, such as <c>team=web,tier!=cache</c>.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public string? LabelSelector { get; set; }

    /// <summary>Waits until each rollout is finished.</summary>
    [Parameter]
    public SwitchParameter Wait { get; set; }

    /// <summary>Runs as the controller until it is stopped.</summary>
    [Parameter]
    public SwitchParameter Watch { get; set; }

    /// <summary>With -Watch: the output format.</summary>
    [Parameter]
    public LogFormat LogFormat { get; set; }

    /// <summary>With -LogFormat Json: the lowest level that is written.</summary>
    [Parameter]
    public CvLogLevel LogLevel { get; set; } = CvLogLevel.Information;

    /// <summary>With -Watch: the Lease that decides which replica works.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(LeaseCompleter))]
    public string? LeaseName { get; set; }

    /// <summary>With -Watch: the namespace of the Lease; the default is the namespace of the context.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(NamespaceCompleter))]
    public string? LeaseNamespace { get; set; }

    /// <summary>With -Watch: serves the pages for probes, the metrics and the REST API on this port; 0 for no server.</summary>
    [Parameter]
    [ValidateRange(0, 65535)]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public int Port { get; set; }

    /// <summary>With -Port: everyone who can reach the port can read all pages, without a login.</summary>
    [Parameter]
    public SwitchParameter AnonymousRead { get; set; }

    /// <summary>With -Watch: works without a Lease.</summary>
    [Parameter]
    public SwitchParameter NoLeaderElection { get; set; }

    /// <summary>The CI service in whose log errors and warnings also appear as annotations. Not with -Watch.</summary>
    [Parameter]
    public CIFormat CIFormat { get; set; }

    /// <summary>The controller has a log of its own.</summary>
    CIFormat IAnnotatesCILog.CIFormat => Watch ? CIFormat.None : CIFormat;

    private protected override Microsoft.Extensions.Logging.ILogger RequestLogger =>
        Watch && LogFormat == LogFormat.Json ? _log : base.RequestLogger;

    /// <summary>Ctrl-C waits for the controller to stop, like SIGTERM.</summary>
    protected override TimeSpan StopLimit => Watch ? ShutdownLimit : base.StopLimit;

    protected override Task BeginProcessingAsync(CancellationToken cancellationToken)
    {
        _log = new JsonLog((Microsoft.Extensions.Logging.LogLevel)LogLevel, TimeProvider.System, WriteLine);
        string[] bound = [.. MyInvocation.BoundParameters.Keys];
        string[] excluded = Watch
            ? [nameof(Name), nameof(Wait), nameof(CIFormat), "WhatIf", "Confirm"]
            :
            [
                nameof(LogFormat),
                nameof(LogLevel),
                nameof(LeaseName),
                nameof(LeaseNamespace),
                nameof(Port),
                nameof(AnonymousRead),
                nameof(NoLeaderElection),
            ];
        if (Watch && AnonymousRead && Port == 0)
        {
            throw Terminating(
                new CvException(
                    CmdletErrorIds.ParameterNotApplicable,
                    CvErrorKind.Invalid,
                    "-AnonymousRead requires -Port.",
                    "Omit it, or add the port of the pages."
                )
            );
        }

        return bound.FirstOrDefault(excluded.Contains) is { } wrong
            ? throw Terminating(
                new CvException(
                    CmdletErrorIds.ParameterNotApplicable,
                    CvErrorKind.Invalid,
                    Watch ? $"-{wrong} cannot be combined with -Watch." : $"-{wrong} requires -Watch.",
                    Watch ? "Omit it. Use -Namespace and -LabelSelector to limit what is watched." : "Omit it, or add -Watch."
                )
            )
            : Task.CompletedTask;
    }

    /// <summary>Collects all input first, so that each namespace is read once, and rollouts are waited for in parallel.</summary>
    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var namespaces = Namespace;
        if (namespaces.Length == 0 && !AllNamespaces)
            namespaces = [(await ConnectAsync(cancellationToken)).DefaultNamespace];
        foreach (var ns in AllNamespaces ? [null] : namespaces.Cast<string?>())
            _inputs.Add((ns, CV is { Length: > 0 } ? [CV] : Name));
    }

    protected override async Task EndProcessingAsync(CancellationToken cancellationToken)
    {
        if (Watch)
        {
            await WatchAsync(cancellationToken);
            return;
        }

        foreach (var inputs in _inputs.GroupBy(input => input.Namespace))
        {
            var all = inputs.Any(input => input.Names.Length == 0);
            NamePatterns names = new(all ? [] : [.. inputs.SelectMany(input => input.Names)]);
            if (Wait)
            {
                var scope = inputs.Key is null ? "all namespaces" : $"namespace {inputs.Key}";
                await InGroupAsync($"Reconcile {scope}", () => RunAsync(inputs.Key, names, cancellationToken));
            }
            else
            {
                await RunAsync(inputs.Key, names, cancellationToken);
            }
        }
    }

    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        using StopSignals signals = new(
            await OnPipelineAsync(() => System.Management.Automation.Runspaces.Runspace.DefaultRunspace),
            StartShutdownTimer,
            cancellationToken
        );
        try
        {
            await RunControllerAsync(signals.Token);
        }
        catch (OperationCanceledException) when (signals.IsTerminated || signals.IsInterrupted)
        {
            // The controller had not started.
        }

        signals.ExitWithSuccess();
    }

    private async Task RunControllerAsync(CancellationToken cancellationToken)
    {
        // Without a server, nothing is measured.
        using var metrics = Port == 0 ? null : new EngineMetrics();
        var cluster = (await ConnectAsync(cancellationToken)).MeasuredBy(metrics);
        var options = new ControllerOptions
        {
            Namespaces = [.. _inputs.Select(input => input.Namespace).OfType<string>().Distinct(StringComparer.Ordinal)],
            LabelSelector = LabelSelector,
        };
        var leaseNamespace = LeaseNamespace ?? cluster.DefaultNamespace;
        var leaseName = LeaseName ?? options.DefaultLeaseName;
        using var identity = NoLeaderElection ? null : ControllerIdentity.Claim($"{leaseNamespace}/{leaseName}");
        if (identity is not null)
            options = options with { Election = new ElectionOptions(leaseNamespace, leaseName, identity.Name) };

        if (LogFormat == LogFormat.Object)
        {
            var scope = options.Namespaces.Count == 0 ? "all namespaces" : $"namespace {string.Join(", ", options.Namespaces)}";
            WriteStatusLine($"Watching {scope} of {cluster.Server}. Press Ctrl-C to stop.");
        }

        using var registries = SessionRegistries
            .Of(await OnPipelineAsync(() => SessionMemory.Current))
            .Open(RequestLogger, metrics: metrics);
        EngineEnvironment environment = new(
            TimeProvider.System,
            LogFormat == LogFormat.Json ? _log : new WatchStatus(Logger, WriteStatusLine)
        )
        {
            Metrics = metrics,
        };
        using ContainerVersionController controller = new(cluster, registries, options, environment, ShowAsync);
        using var telemetry = metrics is null ? null : new ControllerTelemetry(metrics, controller, registries, environment.Time);
        using var pages =
            Port == 0
                ? null
                : new RestPages(
                    () => controller.Snapshot,
                    cluster,
                    new ViewerRights(AnonymousRead ? null : cluster, environment.Time),
                    environment
                );
        using var server =
            telemetry is null || pages is null
                ? null
                : Listen(
                    [
                        .. HealthPages.Create(controller.FindFault, controller.FindMissing),
                        .. MetricsPages.Create(telemetry),
                        .. pages.Routes,
                    ],
                    environment
                );
        Dictionary<string, Func<CancellationToken, Task>> companions = new()
        {
            ["memory trimming"] = token => MemoryTrimming.RunAsync(environment.Time, token),
        };
        if (server is not null)
            companions["web server"] = server.RunAsync;
        await controller.RunAsync(companions, cancellationToken);
    }

    private WebServer Listen(IReadOnlyList<WebRoute> routes, EngineEnvironment environment)
    {
        try
        {
            return WebServer.Listen(Port, routes, environment);
        }
        catch (CvException e)
        {
            throw Terminating(e);
        }
    }

    private async Task ShowAsync(ReconcileResult result, CancellationToken cancellationToken)
    {
        if (LogFormat == LogFormat.Json)
            _log.Log(result);
        else
            await WriteObjectAsync(CvReconcileResult.Of(result)).WaitAsync(cancellationToken);
    }

    /// <summary>
    /// With -LogFormat Json, errors are also written as JSON, because log collectors expect nothing else. The process exits with code 1, as
    /// it does after an error that PowerShell reports.
    /// </summary>
    protected override bool TryReport(ErrorRecord error)
    {
        if (!Watch || LogFormat != LogFormat.Json)
            return false;
        PipelineLog().Log(error);
        Host.SetShouldExit(1);
        return true;
    }

    protected override void ReportDropped(long count)
    {
        if (Watch && LogFormat == LogFormat.Json)
            PipelineLog().LogDropped(count);
        else
            base.ReportDropped(count);
    }

    /// <summary>A log for the pipeline thread, which writes directly because nothing delivers the queue at that time.</summary>
    private JsonLog PipelineLog() => new((Microsoft.Extensions.Logging.LogLevel)LogLevel, TimeProvider.System, WriteObject);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _shutdownTimer?.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>Called on SIGTERM: limits the duration of the shutdown.</summary>
    private void StartShutdownTimer() =>
        _shutdownTimer = TimeProvider.System.CreateTimer(
            static _ => Environment.Exit(0),
            null,
            ShutdownLimit,
            System.Threading.Timeout.InfiniteTimeSpan
        );

    private async Task RunAsync(string? ns, NamePatterns names, CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var whatIf = MyInvocation.BoundParameters.TryGetValue("WhatIf", out var value)
            ? LanguagePrimitives.IsTrue(value)
            : await OnPipelineAsync(() => LanguagePrimitives.IsTrue(GetVariableValue("WhatIfPreference")));
        using var scope = new ReconcilerScope(cluster, await OnPipelineAsync(() => SessionMemory.Current), Logger);
        var pass = new ReconcilePass(scope.Reconciler, TimeProvider.System);
        var output = await CreateWaitOutputAsync();
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        TimeSpan? limit = null;
        try
        {
            await pass.RunAsync(
                ns,
                async snapshot =>
                {
                    var chosen = LabelSelector is null
                        ? await ContainerVersionLookup.SelectAsync(snapshot.Resources, names, ns, e => WriteErrorAsync(e))
                        : await ContainerVersionLookup.FindAsync(
                            cluster,
                            ns,
                            names,
                            LabelSelector,
                            e => WriteErrorAsync(e),
                            cancellationToken
                        );
                    // Rollouts have timeouts of their own, but not while something else blocks their workloads.
                    if (Wait && Timeout is null && chosen.Count > 0)
                        limited.CancelAfter((limit = chosen.Max(resource => RolloutWait.DefaultLimit(resource.Spec))).Value);
                    return chosen;
                },
                new ReconcilePassOptions
                {
                    Wait = Wait,
                    Approve = plan => ApproveAsync(plan, whatIf),
                    Ended = result => EndAsync(result, output),
                    Failed = (resource, error) =>
                    {
                        Forget(resource.Key, output);
                        return WriteErrorAsync(error, resource.Key);
                    },
                    Progressed = result => ShowAsync(result, output),
                },
                limited.Token
            );
        }
        catch (OperationCanceledException)
            when (limit is not null && !cancellationToken.IsCancellationRequested && Unfinished is { } states)
        {
            // As with -Timeout, so that both are caught in the same way.
            throw Terminating(RolloutState.TimedOut(states, limit.Value, isDefault: true, TimeProvider.System.GetUtcNow()));
        }
        finally
        {
            foreach (var key in _unfinished.Keys)
                output.Complete(key);
        }
    }

    /// <summary>Asks once for each resource whose rollout would start. With -WhatIf, nothing is written.</summary>
    private async Task<bool> ApproveAsync(RolloutPlan plan, bool whatIf)
    {
        var inProgress = plan.Resource.Status?.Rollout is { } rollout && !RolloutPhase.IsFinal(rollout.Phase);
        if (plan.Verdict != PlanVerdict.RollOut || inProgress)
            return !whatIf;
        return await ShouldProcessAsync(plan.Resource.Key, $"Roll out version {plan.Version}: {string.Join("; ", plan.Changes)}")
            && !whatIf;
    }

    private async Task EndAsync(ReconcileResult result, WaitOutput output)
    {
        Forget(result.Resource.Key, output);
        var shown = CvReconcileResult.Of(result);
        await WriteObjectAsync(shown);
        if (shown.Error is { } error)
            await WriteErrorAsync(error);
    }

    private Task ShowAsync(ReconcileResult result, WaitOutput output)
    {
        if (Wait)
        {
            RolloutState state = new()
            {
                Resource = result.Resource,
                Version = result.Plan.Version,
                // Those of a plan with changes were read before the changes were made.
                Workloads =
                    result.Plan.Changes.Count > 0
                        ? []
                        : [.. result.Plan.Workloads.Select(workload => WorkloadState.Of(result.Resource, workload))],
            };
            _unfinished[result.Resource.Key] = state;
            output.Show(state);
        }

        return Task.CompletedTask;
    }

    private void Forget(string key, WaitOutput output)
    {
        _unfinished.TryRemove(key, out _);
        output.Complete(key);
    }

    /// <summary>The last state of each resource that is in progress; null for none.</summary>
    private IReadOnlyList<RolloutState>? Unfinished =>
        _unfinished.Values.OrderBy(state => state.Resource.Key, StringComparer.Ordinal).ToList() is { Count: > 0 } states ? states : null;

    private protected override CvException TimedOut(TimeSpan limit, Exception cancellation) =>
        Unfinished is { } states
            ? RolloutState.TimedOut(states, limit, isDefault: false, TimeProvider.System.GetUtcNow())
            : base.TimedOut(limit, cancellation);
}
