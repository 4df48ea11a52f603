using CvManager.Installation;

namespace CvManager.PowerShell;

/// <summary>The state of a controller in a cluster: the output of Test-CvController.</summary>
public sealed class CvControllerStatus
{
    /// <summary>The namespace of the controller.</summary>
    public string Namespace { get; init; } = "";

    /// <summary>True if a ready pod leads.</summary>
    public bool IsReady { get; init; }

    /// <summary>The version of the leader; null for unknown.</summary>
    public string? Version { get; init; }

    public string? Image { get; init; }

    /// <summary>The pod that leads; null for none.</summary>
    public string? Leader { get; init; }

    /// <summary>When it became the leader.</summary>
    public DateTime? LeaderSince { get; init; }

    /// <summary>When it had read everything; null if it has not.</summary>
    public DateTime? SyncedSince { get; init; }

    public int Replicas { get; init; }

    public int ReadyReplicas { get; init; }

    /// <summary>The namespaces that the leader watches, or * for all.</summary>
    public Listed<string> Scope { get; init; } = [];

    /// <summary>What keeps pods from running, or the controller from leading.</summary>
    public Listed<string> Problems { get; init; } = [];

    public override string ToString() => Namespace;

    internal static CvControllerStatus Of(ControllerHealth health) =>
        new()
        {
            Namespace = health.Namespace,
            IsReady = health.IsReady,
            Version = health.Leader?.Version,
            Image = health.Image,
            Leader = health.Leader?.Name,
            LeaderSince = health.Leader?.Since?.LocalDateTime,
            SyncedSince = health.Leader?.SyncedSince?.LocalDateTime,
            Replicas = health.Replicas,
            ReadyReplicas = health.ReadyReplicas,
            Scope = [.. health.Leader?.Scope ?? []],
            Problems = [.. health.Problems],
        };
}
