using CvManager.Controller;
using CvManager.Registries;
using CvManager.Resources;

namespace CvManager.Telemetry;

/// <summary>The metrics that are read from the controller when they are asked for. Pure.</summary>
internal static class ControllerGauges
{
    /// <summary>ContainerVersions with a series of their own; the others are only counted.</summary>
    internal const int MaxResources = 1000;

    private static readonly string[] States = ["Ready", "Reconciling", "Stalled", "Suspended", "Unknown"];

    /// <param name="figures">What the controller says now.</param>
    /// <param name="budgets">The request budgets of registries.</param>
    /// <param name="registryLabel">See <see cref="EngineMetrics.RegistryLabel"/>.</param>
    public static IReadOnlyList<MetricFamily> Of(
        ControllerFigures figures,
        IReadOnlyList<RegistryBudget> budgets,
        Func<string, string> registryLabel
    )
    {
        (string, string) controller = ("controller", EngineMetrics.ControllerName);
        var states = figures.Resources.Select(resource => (Resource: resource, State: StateOf(resource))).ToList();
        return
        [
            MetricFamily.Gauge(
                "controller_runtime_active_workers",
                "Workers that reconcile a resource now.",
                MetricSample.Of(figures.ActiveWorkers, controller)
            ),
            MetricFamily.Gauge(
                "controller_runtime_max_concurrent_reconciles",
                "The number of workers.",
                MetricSample.Of(figures.Workers, controller)
            ),
            MetricFamily.Gauge(
                "workqueue_depth",
                "Keys that are due and wait for a worker.",
                MetricSample.Of(figures.QueueDepth, ("name", EngineMetrics.ControllerName))
            ),
            MetricFamily.Gauge(
                "leader_election_master_status",
                "1 if this process holds the Lease, otherwise 0. No sample without leader election.",
                figures.LeaseName is { } lease ? [MetricSample.Of(figures.IsLeading ? 1 : 0, ("name", lease))] : []
            ),
            MetricFamily.Gauge(
                "cvmanager_leader",
                "1 if this process does the work, otherwise 0 (a standby).",
                MetricSample.Of(figures.IsLeading ? 1 : 0)
            ),
            MetricFamily.Gauge(
                "cvmanager_ready",
                "1 if this process could do the work: everything was read and every watch is current.",
                MetricSample.Of(figures.IsReady ? 1 : 0)
            ),
            MetricFamily.Gauge(
                "cvmanager_build_info",
                "1, with the version of the module.",
                MetricSample.Of(1, ("version", ProductVersion.Text))
            ),
            MetricFamily.Gauge(
                "cvmanager_watch_age_seconds",
                "The longest time since the API server sent anything on a watch.",
                MetricSample.Of(figures.WatchAge.TotalSeconds)
            ),
            new MetricFamily(
                "cvmanager_task_restarts_total",
                "counter",
                "Restarts of tasks of the controller after an unexpected failure.",
                [MetricSample.Of(figures.TaskRestarts)]
            ),
            MetricFamily.Gauge(
                "cvmanager_resources",
                "ContainerVersions by state.",
                [.. States.Select(state => MetricSample.Of(states.Count(one => one.State == state), ("state", state)))]
            ),
            MetricFamily.Gauge(
                "cvmanager_resource_info",
                $"1 for each ContainerVersion, with what it follows, runs and is; the first {MaxResources} by namespace and name.",
                [
                    .. states
                        .OrderBy(one => one.Resource.Key, StringComparer.Ordinal)
                        .Take(MaxResources)
                        .Select(one =>
                            MetricSample.Of(
                                1,
                                ("namespace", one.Resource.Metadata.Namespace ?? ""),
                                ("name", one.Resource.Metadata.Name),
                                ("tag", one.Resource.Spec.Tag ?? one.Resource.Status?.Latest?.Tag ?? ""),
                                ("version", one.Resource.Status?.CurrVersion ?? ""),
                                ("state", one.State),
                                ("reason", Find(one.Resource, ConditionTypes.Ready)?.Reason ?? "")
                            )
                        ),
                ]
            ),
            MetricFamily.Gauge(
                "cvmanager_quarantined_digests",
                "Digests that failed and are not rolled out again.",
                MetricSample.Of(figures.Resources.Sum(resource => resource.Status?.Quarantined?.Count ?? 0))
            ),
            MetricFamily.Gauge(
                "cvmanager_unwritten_records",
                "Finished rollouts whose records could not be written to the history yet.",
                MetricSample.Of(figures.Resources.Sum(resource => resource.Status?.Unrecorded?.Count ?? 0))
            ),
            MetricFamily.Gauge(
                "cvmanager_followed_tags",
                "Followed tags by the result of their last poll: ok, failed or pending.",
                MetricSample.Of(figures.Tags.Ok, ("result", "ok")),
                MetricSample.Of(figures.Tags.Failed, ("result", "failed")),
                MetricSample.Of(figures.Tags.Pending, ("result", "pending"))
            ),
            MetricFamily.Gauge(
                "cvmanager_registry_read_age_seconds",
                "The time since a tag was last read from a registry. No sample before the first read and on a standby.",
                figures.Tags.SinceRead is { } age ? [MetricSample.Of(age.TotalSeconds)] : []
            ),
            MetricFamily.Gauge(
                "cvmanager_registry_budget_remaining",
                "Requests that can be sent to a registry at once; the smallest value of its logins.",
                [
                    .. budgets
                        .GroupBy(budget => registryLabel(budget.Registry), StringComparer.Ordinal)
                        .Select(group => MetricSample.Of(group.Min(budget => budget.State.Available), ("registry", group.Key))),
                ]
            ),
        ];
    }

    private static string StateOf(ContainerVersion resource) =>
        resource.Spec.Suspend ? "Suspended"
        : IsTrue(resource, ConditionTypes.Stalled) ? "Stalled"
        : IsTrue(resource, ConditionTypes.Reconciling) ? "Reconciling"
        : IsTrue(resource, ConditionTypes.Ready) ? "Ready"
        : "Unknown";

    private static bool IsTrue(ContainerVersion resource, string type) => Find(resource, type)?.Status == "True";

    private static Condition? Find(ContainerVersion resource, string type) => ConditionList.Find(resource.Status?.Conditions, type);
}
