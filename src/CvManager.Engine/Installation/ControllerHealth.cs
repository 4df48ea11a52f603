namespace CvManager.Installation;

/// <summary>What a cluster shows about the controller that is installed in a namespace.</summary>
/// <param name="Namespace">The namespace of the controller.</param>
public sealed record ControllerHealth(string Namespace)
{
    /// <summary>The name of the Deployment; null if there is none, and then all else is empty.</summary>
    public string? Deployment { get; init; }

    /// <summary>The image of the first container.</summary>
    public string? Image { get; init; }

    public int Replicas { get; init; }

    public int ReadyReplicas { get; init; }

    /// <summary>True if all pods run the current specification of the Deployment and are available.</summary>
    public bool IsRolledOut { get; init; }

    /// <summary>True if a pod failed repeatedly: its image cannot be pulled, or it crashes.</summary>
    public bool HasFailedPod { get; init; }

    /// <summary>The holder of the Lease; null for none.</summary>
    public ControllerLeader? Leader { get; init; }

    /// <summary>
    /// What keeps pods from running or the controller from leading, as sentences for people. Not empty unless <see cref="IsReady"/> is true;
    /// it can then contain problems of the other replicas.
    /// </summary>
    public IReadOnlyList<string> Problems { get; init; } = [];

    /// <summary>True if a ready pod leads: it has read everything and renews its Lease, or else its readiness probe would fail.</summary>
    public bool IsReady => Leader is { IsReady: true };

    /// <summary>The error to report; null if it is ready.</summary>
    public CvException? ToError() => IsReady ? null : CreateError();

    /// <summary>The error if the installation did not become ready: with -Wait, all replicas have to.</summary>
    internal CvException CreateError() =>
        Deployment is null
            ? new CvException(
                ErrorIds.ControllerNotInstalled,
                CvErrorKind.NotFound,
                $"No controller is installed in namespace {Namespace}.",
                "Install it with Install-CvController, or specify its namespace with -ControllerNamespace."
            )
            {
                Target = Namespace,
            }
            : new CvException(
                ErrorIds.ControllerNotReady,
                CvErrorKind.Failed,
                $"The controller in namespace {Namespace} is not ready ({ReadyReplicas} of {Replicas} replicas are):",
                $"Fix the problem that the message describes. To see the log, run kubectl logs -n {Namespace} deployment/{Deployment}."
            )
            {
                Target = $"{Namespace}/{Deployment}",
                Details = Problems,
            };
}

/// <summary>The holder of a controller's Lease.</summary>
/// <param name="Name">The name of its pod, or its identity if it has no pod.</param>
/// <param name="IsReady">True if its pod belongs to the Deployment and is ready.</param>
public sealed record ControllerLeader(string Name, bool IsReady)
{
    /// <summary>The version of its module; null for unknown.</summary>
    public string? Version { get; init; }

    /// <summary>When it became the leader, by its clock.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>When it had read everything, by its clock; null if it has not.</summary>
    public DateTimeOffset? SyncedSince { get; init; }

    /// <summary>The namespaces that it watches, or <c>*</c>; empty for unknown.</summary>
    public IReadOnlyList<string> Scope { get; init; } = [];
}
