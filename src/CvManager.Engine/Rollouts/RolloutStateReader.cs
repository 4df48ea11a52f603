using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>
/// Reads the workloads of a resource that is waited for, and the pods of those that are not ready. What may not be read is missing from the
/// result, with the reason. One instance per wait.
/// </summary>
internal sealed class RolloutStateReader(ClusterConnection cluster, TimeProvider time)
{
    /// <summary>The maximum number of workloads that are read.</summary>
    private const int MaxWorkloads = 20;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(3);

    /// <summary>Before the first rollout nothing changes, and all kinds have to be listed.</summary>
    private static readonly TimeSpan IdleInterval = TimeSpan.FromSeconds(15);

    private readonly WorkloadStore _store = new(cluster);
    private IReadOnlyList<WorkloadState> _last = [];
    private string? _resourceVersion;
    private long? _readAt;
    private CvException? _forbidden;

    /// <summary>The workloads; those of the last read if the resource has not changed and the last read is recent.</summary>
    public async Task<IReadOnlyList<WorkloadState>> ReadAsync(ContainerVersion resource, CancellationToken cancellationToken)
    {
        var rollout = resource.Status?.Rollout;
        var interval = rollout is null ? IdleInterval : Interval;
        if (_readAt is { } at && time.GetElapsedTime(at) < interval && _resourceVersion == resource.Metadata.ResourceVersion)
            return _last;
        _last = rollout is null ? await ListAsync(resource, cancellationToken) : await ReadAsync(resource, rollout, cancellationToken);
        (_readAt, _resourceVersion) = (time.GetTimestamp(), resource.Metadata.ResourceVersion);
        return _last;
    }

    private async Task<IReadOnlyList<WorkloadState>> ReadAsync(
        ContainerVersion resource,
        RolloutStatus rollout,
        CancellationToken cancellationToken
    )
    {
        List<WorkloadState> states = [];
        foreach (var entry in rollout.Workloads.Take(MaxWorkloads))
        {
            WorkloadState state = new()
            {
                Kind = entry.Kind,
                Name = entry.Name,
                Phase = RolloutPhase.IsFinal(rollout.Phase) ? null : entry.Phase,
            };
            try
            {
                state = await _store.FindAsync(entry.Kind, resource.Metadata.Namespace!, entry.Name, cancellationToken) is { } workload
                    ? await ReadAsync(state, resource, workload, rollout, entry.Baseline, cancellationToken)
                    : state with
                    {
                        Unread = "not found",
                    };
            }
            catch (CvException e)
            {
                state = state with { Unread = $"could not be read: {e.Message}" };
            }

            states.Add(state);
        }

        return states;
    }

    private async Task<WorkloadState> ReadAsync(
        WorkloadState state,
        ContainerVersion resource,
        Workload workload,
        RolloutStatus rollout,
        WorkloadBaseline? baseline,
        CancellationToken cancellationToken
    )
    {
        state = WorkloadState.Of(resource, workload) with { Phase = state.Phase };
        if (workload.FindContainer(resource.Spec.Container.Name) is not { } container)
            return state;
        if (workload.Progress.State == ProgressState.Done)
            return state with { Pods = [] };
        if (_forbidden is not null)
            return state with { Unread = $"pods could not be read: {_forbidden.Message}" };
        try
        {
            return state with
            {
                Pods = await _store.FindUnreadyPodsAsync(
                    workload,
                    container,
                    rollout.Digest,
                    baseline,
                    time.GetUtcNow(),
                    cancellationToken
                ),
            };
        }
        catch (CvException e)
        {
            // The permission is not granted during a wait.
            if (e.Kind == CvErrorKind.Forbidden)
                _forbidden = e;
            return state with { Unread = $"pods could not be read: {e.Message}" };
        }
    }

    private async Task<IReadOnlyList<WorkloadState>> ListAsync(ContainerVersion resource, CancellationToken cancellationToken)
    {
        if (_forbidden is not null || resource.Spec.Selector.Count == 0)
            return [];
        try
        {
            var selector = string.Join(',', resource.Spec.Selector.Select(label => $"{label.Key}={label.Value}"));
            return
            [
                .. (await _store.ListAsync(resource.Metadata.Namespace, selector, cancellationToken))
                    .Where(workload => workload.Controller is null && !workload.IsFinished)
                    .Take(MaxWorkloads)
                    .Select(workload => WorkloadState.Of(resource, workload)),
            ];
        }
        catch (CvException e)
        {
            if (e.Kind == CvErrorKind.Forbidden)
                _forbidden = e;
            return [];
        }
    }
}
