namespace CvManager.Resources;

/// <summary>The types of conditions.</summary>
public static class ConditionTypes
{
    public const string Ready = nameof(Ready);
    public const string Reconciling = nameof(Reconciling);
    public const string Stalled = nameof(Stalled);
}

/// <summary>The reasons of conditions. Stable: alerts may test for them.</summary>
public static class ConditionReasons
{
    /// <summary>All workloads run the version of the tag.</summary>
    public const string UpToDate = nameof(UpToDate);
    public const string RolloutInProgress = nameof(RolloutInProgress);
    public const string RolloutFailed = nameof(RolloutFailed);

    /// <summary>The spec is not valid; the message names field, value and remedy.</summary>
    public const string InvalidSpec = nameof(InvalidSpec);

    /// <summary>The tag does not exist in the repository.</summary>
    public const string TagNotFound = nameof(TagNotFound);

    /// <summary>R1: the tag exists, but no tag of its image matches versionSyntax.</summary>
    public const string VersionNotFound = nameof(VersionNotFound);

    /// <summary>The version policy is ambiguous: several images rank equally.</summary>
    public const string VersionUndecided = nameof(VersionUndecided);

    /// <summary>The registry is unavailable; retried.</summary>
    public const string RegistryUnavailable = nameof(RegistryUnavailable);

    /// <summary>The registry requires authentication, or rejected the credential.</summary>
    public const string RegistryUnauthorized = nameof(RegistryUnauthorized);

    /// <summary>The repository does not exist, or permission is denied.</summary>
    public const string RepositoryNotFound = nameof(RepositoryNotFound);

    /// <summary>A permission is missing in the cluster; the message names it. Retried.</summary>
    public const string ClusterForbidden = nameof(ClusterForbidden);

    /// <summary>The cluster rejects a change for another reason (a policy, a quota). Retried.</summary>
    public const string ClusterRefused = nameof(ClusterRefused);
    public const string WorkloadNotFound = nameof(WorkloadNotFound);

    /// <summary>All workloads have the version, but not all of their pods are ready.</summary>
    public const string WorkloadsNotReady = nameof(WorkloadsNotReady);

    // Reasons that block a workload and are not caused by the version (R6). Meanwhile the rollout waits, and its timeout is suspended.
    /// <summary>A Deployment is paused: <c>kubectl rollout resume</c>.</summary>
    public const string WorkloadPaused = nameof(WorkloadPaused);

    /// <summary>The update strategy is OnDelete: pods run the former version until they are deleted.</summary>
    public const string UpdateOnDelete = nameof(UpdateOnDelete);

    /// <summary>The partition of a StatefulSet keeps all of its pods on the former version.</summary>
    public const string UpdatePartitioned = nameof(UpdatePartitioned);

    /// <summary>Pods cannot be created: a quota, an admission webhook or another policy rejects them.</summary>
    public const string PodsNotCreated = nameof(PodsNotCreated);

    /// <summary>Pods cannot be scheduled: insufficient resources, no ready node, an unbound volume.</summary>
    public const string PodsNotScheduled = nameof(PodsNotScheduled);

    /// <summary>A node cannot start the pods: a volume cannot be mounted, the network is not available.</summary>
    public const string PodsNotStarted = nameof(PodsNotStarted);

    /// <summary>The node of the pods is not ready.</summary>
    public const string NodeNotReady = nameof(NodeNotReady);

    /// <summary>Pods remain in termination: their node is not ready, or they have a finalizer.</summary>
    public const string PodsTerminating = nameof(PodsTerminating);

    /// <summary>A PodDisruptionBudget prevents the eviction of pods.</summary>
    public const string DisruptionBudget = nameof(DisruptionBudget);

    /// <summary>Replaced pods do not have the version: something in the cluster rewrites them.</summary>
    public const string PodsNotUpdated = nameof(PodsNotUpdated);

    /// <summary>R4: a Job is active; it is recreated when it has finished.</summary>
    public const string JobActive = nameof(JobActive);
    public const string ContainerNotFound = nameof(ContainerNotFound);

    /// <summary>R13: not exactly two workloads, or not exactly one of them live.</summary>
    public const string BlueGreenAmbiguous = nameof(BlueGreenAmbiguous);

    /// <summary>R13: one of the two workloads does not exist, or is not selected.</summary>
    public const string BlueGreenIncomplete = nameof(BlueGreenIncomplete);

    /// <summary>R9: an older ContainerVersion selects the same container of the same workload.</summary>
    public const string Conflict = nameof(Conflict);

    /// <summary>R3: another client keeps reverting the image.</summary>
    public const string Contended = nameof(Contended);

    /// <summary>R6: the digest failed before.</summary>
    public const string Quarantined = nameof(Quarantined);

    /// <summary>R7.</summary>
    public const string Suspended = nameof(Suspended);
    public const string Pinned = nameof(Pinned);
}
