using System.Management.Automation;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>The base of cmdlets whose -Name is that of ContainerVersions, and which take workloads for theirs.</summary>
public abstract class ContainerVersionCmdlet : NamespacedCmdlet
{
    private readonly ContainerVersionSelection _asked = new();

    /// <summary>Of the pipeline's objects: a workload has a name of its own, and this is what it means here.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true, DontShow = true)]
    public string? CV { get; set; }

    /// <summary>What an object of the pipeline names, and none before it did.</summary>
    /// <exception cref="CvException">The cluster could not be asked.</exception>
    private protected async Task<IReadOnlyList<Resource>> FindAsync(string[] names, CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var ns = await ResolveNamespaceAsync(cancellationToken);
        return await _asked.FindAsync(cluster, ns, CV, names, LabelSelector, e => WriteErrorAsync(e), cancellationToken);
    }
}
