namespace CvManager.Resources;

/// <summary>The condition types, and every reason that one is given. Reasons are stable: alerts may test for them.</summary>
public static class ConditionTypes
{
    public const string Ready = nameof(Ready);
    public const string Reconciling = nameof(Reconciling);
    public const string Stalled = nameof(Stalled);
}

public static class ConditionReasons
{
    /// <summary>All workloads run the version that the tag stands for.</summary>
    public const string UpToDate = nameof(UpToDate);
    public const string RolloutInProgress = nameof(RolloutInProgress);
    public const string RolloutFailed = nameof(RolloutFailed);
    /// <summary>The specification cannot be used; the message names field, value and remedy.</summary>
    public const string InvalidSpec = nameof(InvalidSpec);
    /// <summary>The tag does not exist in the repository.</summary>
    public const string TagNotFound = nameof(TagNotFound);
    /// <summary>R1: the tag exists, but no tag of its image matches versionSyntax.</summary>
    public const string VersionNotFound = nameof(VersionNotFound);
    /// <summary>The version policy cannot tell which of several images is wanted.</summary>
    public const string VersionUndecided = nameof(VersionUndecided);
    /// <summary>The registry could not be asked; it is tried again.</summary>
    public const string RegistryUnavailable = nameof(RegistryUnavailable);
    /// <summary>The registry wants a login, or refuses the one it got.</summary>
    public const string RegistryUnauthorized = nameof(RegistryUnauthorized);
    /// <summary>The repository does not exist, or this login may not see it.</summary>
    public const string RepositoryNotFound = nameof(RepositoryNotFound);
    /// <summary>A right is missing in the cluster; the message names it. It is tried again.</summary>
    public const string ClusterForbidden = nameof(ClusterForbidden);
    /// <summary>The cluster refuses a change for another reason (a policy, a quota); it is tried again.</summary>
    public const string ClusterRefused = nameof(ClusterRefused);
    public const string WorkloadNotFound = nameof(WorkloadNotFound);
    /// <summary>Every workload is set to the version, but not all of their pods are up.</summary>
    public const string WorkloadsNotReady = nameof(WorkloadsNotReady);
    // What keeps a workload from the version and is not the version's doing (R6). While it lasts, the rollout waits and its time does not count.
    /// <summary>A Deployment is paused: <c>kubectl rollout resume</c>.</summary>
    public const string WorkloadPaused = nameof(WorkloadPaused);
    /// <summary>The update strategy is OnDelete: the pods run the former version until somebody deletes them.</summary>
    public const string UpdateOnDelete = nameof(UpdateOnDelete);
    /// <summary>The partition of a StatefulSet keeps all of its pods on the former version.</summary>
    public const string UpdatePartitioned = nameof(UpdatePartitioned);
    /// <summary>Pods cannot be created: a quota, an admission webhook or another policy refuses them.</summary>
    public const string PodsNotCreated = nameof(PodsNotCreated);
    /// <summary>No node takes the pods: no resources, no node that is ready, a volume that is not bound.</summary>
    public const string PodsNotScheduled = nameof(PodsNotScheduled);
    /// <summary>A node cannot set the pods up: a volume cannot be mounted, the network is not there.</summary>
    public const string PodsNotStarted = nameof(PodsNotStarted);
    /// <summary>The pods' node does not report.</summary>
    public const string NodeNotReady = nameof(NodeNotReady);
    /// <summary>Deleted pods stay: their node does not report, or a finalizer holds them.</summary>
    public const string PodsTerminating = nameof(PodsTerminating);
    /// <summary>A PodDisruptionBudget lets no pod go.</summary>
    public const string DisruptionBudget = nameof(DisruptionBudget);
    /// <summary>Pods that were replaced did not get the version: something between rewrites them.</summary>
    public const string PodsNotUpdated = nameof(PodsNotUpdated);
    /// <summary>R4: a Job is active; it is recreated once it has ended.</summary>
    public const string JobActive = nameof(JobActive);
    public const string ContainerNotFound = nameof(ContainerNotFound);
    /// <summary>R13: not exactly two workloads, or not exactly one of them live.</summary>
    public const string BlueGreenAmbiguous = nameof(BlueGreenAmbiguous);
    /// <summary>R13: one of the two colours does not exist, or is not selected.</summary>
    public const string BlueGreenIncomplete = nameof(BlueGreenIncomplete);
    /// <summary>R9: an older ContainerVersion selects the same container of the same workload.</summary>
    public const string Conflict = nameof(Conflict);
    /// <summary>R3: somebody keeps putting the image back.</summary>
    public const string Contended = nameof(Contended);
    /// <summary>R6: the digest failed before.</summary>
    public const string Quarantined = nameof(Quarantined);
    /// <summary>R7.</summary>
    public const string Suspended = nameof(Suspended);
    public const string Pinned = nameof(Pinned);
}
