using CvManager.Cluster;
using CvManager.Installation;

namespace CvManager.PowerShell;

/// <summary>A Kubernetes object of an installation of the controller, and the outcome for it.</summary>
public sealed class CvControllerObject
{
    /// <summary>The kind, for example CustomResourceDefinition.</summary>
    public string Kind { get; init; } = "";

    /// <summary>Empty for an object of the cluster.</summary>
    public string Namespace { get; init; } = "";

    public string Name { get; init; } = "";

    /// <summary>Created, Updated, Unchanged, or Removed.</summary>
    public string Outcome { get; init; } = "";

    /// <summary>The address of the API server.</summary>
    public string Server { get; init; } = "";

    internal static CvControllerObject Of(InstallationStep step, InstallationOutcome outcome, ClusterConnection cluster) =>
        new()
        {
            Kind = step.Kind,
            Namespace = step.Path.Namespace ?? "",
            Name = step.Path.Name!,
            Outcome = outcome.ToString(),
            Server = cluster.Server.ToString().TrimEnd('/'),
        };
}
