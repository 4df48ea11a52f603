using System.Management.Automation;
using CvManager.Controller;
using CvManager.PowerShell.Completion;
using CvManager.Resources;
using CvManager.Rollouts;

namespace CvManager.PowerShell;

/// <summary>Looks at ContainerVersions once, or watches them, and rolls out what their tags stand for by now.</summary>
[Cmdlet(VerbsLifecycle.Start, "CvReconcile", DefaultParameterSetName = NamespaceSet, SupportsShouldProcess = true)]
[OutputType(typeof(CvReconcileResult), typeof(string))]
public sealed class StartCvReconcileCommand : ContainerVersionCmdlet
{
    /// <summary>
    /// How long after SIGTERM the process may last: within a pod's grace period of 30 s. A reader of the log that has stopped to read would
    /// hold up its end for ever.
    /// </summary>
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(20);

    private readonly List<(string? Namespace, string[] Names)> _asked = [];
    private ITimer? _end;
    private JsonLog _log = null!;

    /// <summary>Names, wildcards allowed; left out, all.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>Waits until each rollout has come to its end.</summary>
    [Parameter]
    public SwitchParameter Wait { get; set; }

    /// <summary>Watches and goes on until it is stopped: the controller.</summary>
    [Parameter]
    public SwitchParameter Watch { get; set; }

    /// <summary>With -Watch: objects, or lines of JSON.</summary>
    [Parameter]
    public LogFormat LogFormat { get; set; }

    /// <summary>With -LogFormat Json: what is less important than this is left out.</summary>
    [Parameter]
    public CvLogLevel LogLevel { get; set; } = CvLogLevel.Information;

    /// <summary>With -Watch: the Lease that decides which of several replicas works.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? LeaseName { get; set; }

    /// <summary>With -Watch: the namespace of that Lease; left out, the context's own.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? LeaseNamespace { get; set; }

    /// <summary>With -Watch: works at once, whoever else does.</summary>
    [Parameter]
    public SwitchParameter NoLeaderElection { get; set; }

    /// <summary>Ctrl-C waits for a controller's end as SIGTERM does.</summary>
    protected override TimeSpan StopLimit => Watch ? EndLimit : base.StopLimit;

    protected override Task BeginProcessingAsync(CancellationToken cancellationToken)
    {
        _log = new JsonLog((Microsoft.Extensions.Logging.LogLevel)LogLevel, TimeProvider.System, WriteLine);
        string[] bound = [.. MyInvocation.BoundParameters.Keys];
        string[] excluded = Watch ? [nameof(Name), nameof(Wait), "WhatIf", "Confirm"] : [nameof(LogFormat), nameof(LogLevel), nameof(LeaseName), nameof(LeaseNamespace), nameof(NoLeaderElection)];
        return bound.FirstOrDefault(excluded.Contains) is { } wrong
            ? throw Terminating(new CvException(CmdletErrorIds.ParameterNotApplicable, CvErrorKind.Invalid, 
                Watch ? $"-{wrong} cannot be combined with -Watch." : $"-{wrong} requires -Watch.",
                Watch ? "Omit it. Use -Namespace and -LabelSelector to limit what is watched." : "Omit it, or add -Watch."))
            : Task.CompletedTask;
    }

    /// <summary>What the pipeline names is gathered first, so that each namespace is read once, and waits are side by side.</summary>
    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken) =>
        _asked.Add((await ResolveNamespaceAsync(cancellationToken), CV is { Length: > 0 } ? [CV] : Name));

    protected override async Task EndProcessingAsync(CancellationToken cancellationToken)
    {
        if (Watch)
        {
            await WatchAsync(cancellationToken);
            return;
        }

        foreach (var asked in _asked.GroupBy(one => one.Namespace))
            await RunAsync(asked.Key, new NamePatterns(asked.Any(one => one.Names.Length == 0) ? [] : [.. asked.SelectMany(one => one.Names)]), cancellationToken);
    }

    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        using StopSignals signals = new(await OnPipelineAsync(() => System.Management.Automation.Runspaces.Runspace.DefaultRunspace), EndInTime, cancellationToken);
        try
        {
            await RunControllerAsync(signals.Token);
        }
        catch (OperationCanceledException) when (signals.IsTerminated || signals.IsInterrupted)
        {
            // The controller had not begun.
        }

        signals.EndWell();
    }

    private async Task RunControllerAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var options = new ControllerOptions
        {
            Namespaces = [.. _asked.Select(one => one.Namespace).OfType<string>().Distinct(StringComparer.Ordinal)],
            LabelSelector = LabelSelector,
        };
        string leaseNamespace = LeaseNamespace ?? cluster.DefaultNamespace;
        string leaseName = LeaseName ?? options.DefaultLeaseName;
        using var identity = NoLeaderElection ? null : ControllerIdentity.Claim($"{leaseNamespace}/{leaseName}");
        if (identity is not null)
            options = options with { Election = new ElectionOptions(leaseNamespace, leaseName, identity.Name) };

        using var registries = SessionRegistries.Of(await OnPipelineAsync(() => SessionMemory.Current)).Open();
        using ContainerVersionController controller = LogFormat == LogFormat.Json
            ? new(cluster, registries, options, TimeProvider.System, _log, (result, _) =>
            {
                _log.Log(result);
                return Task.CompletedTask;
            })
            : new(cluster, registries, options, TimeProvider.System, Logger, (result, token) => WriteObjectAsync(CvReconcileResult.Of(result)).WaitAsync(token));
        await controller.RunAsync(cancellationToken);
    }

    /// <summary>
    /// In JSON from the first line to the last: whoever collects the log of a pod reads nothing else. The process ends with exit code 1, as it
    /// does after an error that PowerShell shows.
    /// </summary>
    protected override bool TryShow(ErrorRecord error)
    {
        if (!Watch || LogFormat != LogFormat.Json)
            return false;
        OnPipeline().Log(error);
        Host.SetShouldExit(1);
        return true;
    }

    protected override void ShowDropped(long count)
    {
        if (Watch && LogFormat == LogFormat.Json)
            OnPipeline().LogDropped(count);
        else
            base.ShowDropped(count);
    }

    /// <summary>The log, for the pipeline thread: nobody delivers what it hands to itself.</summary>
    private JsonLog OnPipeline() => new((Microsoft.Extensions.Logging.LogLevel)LogLevel, TimeProvider.System, WriteObject);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _end?.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>SIGTERM has come: should the end be held up, it is waited for no longer than this.</summary>
    private void EndInTime() => _end = TimeProvider.System.CreateTimer(static _ => Environment.Exit(0), null, EndLimit, System.Threading.Timeout.InfiniteTimeSpan);

    private async Task RunAsync(string? ns, NamePatterns names, CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var whatIf = MyInvocation.BoundParameters.TryGetValue("WhatIf", out var given)
            ? LanguagePrimitives.IsTrue(given)
            : await OnPipelineAsync(() => LanguagePrimitives.IsTrue(GetVariableValue("WhatIfPreference")));
        using var scope = new ReconcilerScope(cluster, await OnPipelineAsync(() => SessionMemory.Current));
        var pass = new ReconcilePass(scope.Reconciler, TimeProvider.System);
        await pass.RunAsync(
            ns,
            snapshot => LabelSelector is null
                ? ContainerVersionLookup.SelectAsync(snapshot.Resources, names, ns, e => WriteErrorAsync(e))
                : ContainerVersionLookup.FindAsync(cluster, ns, names, LabelSelector, e => WriteErrorAsync(e), cancellationToken),
            new ReconcilePassOptions
            {
                Wait = Wait,
                Approve = plan => ApproveAsync(plan, whatIf),
                Ended = EndAsync,
                Failed = (resource, error) => WriteErrorAsync(error, resource.Key),
                Progressed = ShowProgress,
            },
            cancellationToken);
    }

    /// <summary>One question for each resource whose rollout would begin; with -WhatIf, nothing at all is written.</summary>
    private async Task<bool> ApproveAsync(RolloutPlan plan, bool whatIf)
    {
        var inProgress = plan.Resource.Status?.Rollout is { } rollout && !RolloutPhase.IsFinal(rollout.Phase);
        if (plan.Verdict != PlanVerdict.RollOut || inProgress)
            return !whatIf;
        return await ShouldProcessAsync(plan.Resource.Key, $"Roll out version {plan.Version}: {string.Join("; ", plan.Changes)}") && !whatIf;
    }

    private async Task EndAsync(ReconcileResult result)
    {
        var shown = CvReconcileResult.Of(result);
        if (Wait)
            WriteProgress(new ProgressRecord(ActivityOf(result), $"Rolling out version {shown.Version}", shown.Outcome) { RecordType = ProgressRecordType.Completed });
        await WriteObjectAsync(shown);
        if (shown.Error is { } error)
            await WriteErrorAsync(error);
    }

    private Task ShowProgress(ReconcileResult result)
    {
        var shown = CvReconcileResult.Of(result);
        WriteProgress(new ProgressRecord(ActivityOf(result), $"Rolling out version {shown.Version}", result.Resource.Key)
        {
            CurrentOperation = shown.Message,
        });
        return Task.CompletedTask;
    }

    /// <summary>Several rollouts at once have a bar each.</summary>
    private static int ActivityOf(ReconcileResult result) => result.Resource.Key.GetHashCode(StringComparison.Ordinal) & int.MaxValue;
}
