namespace CvManager.Cluster;

/// <summary>Which cluster to connect to. Defaults to the kubeconfig's current context, or to the cluster of the pod.</summary>
public sealed record ClusterOptions
{
    /// <summary>Path of a kubeconfig; null for $KUBECONFIG, ~/.kube/config, or the pod's service account.</summary>
    public string? KubeConfigPath { get; init; }

    /// <summary>A context of the kubeconfig; null for the current context.</summary>
    public string? Context { get; init; }
}
