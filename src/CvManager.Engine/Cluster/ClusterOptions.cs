namespace CvManager.Cluster;

/// <summary>Which cluster to connect to. With neither: the kubeconfig's current context, or the pod's own cluster.</summary>
public sealed record ClusterOptions
{
    /// <summary>Path of a kubeconfig; null for those of $KUBECONFIG, ~/.kube/config, or the pod's service account.</summary>
    public string? KubeConfigPath { get; init; }

    /// <summary>A context of the kubeconfig; null for its current one.</summary>
    public string? Context { get; init; }
}
