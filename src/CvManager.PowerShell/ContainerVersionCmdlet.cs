using System.Management.Automation;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>
/// The base class of cmdlets whose -Name selects ContainerVersions. A workload from the pipeline selects its ContainerVersion.
/// </summary>
public abstract class ContainerVersionCmdlet : NamespacedCmdlet
{
    private readonly ContainerVersionSelection _selection = new();

    /// <summary>Bound to the CV property of a workload from the pipeline, which takes precedence over the name of the workload.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true, DontShow = true)]
    public string? CV { get; set; }

    /// <summary>Returns the ContainerVersions that the current input selects, without those that earlier input selected.</summary>
    /// <exception cref="CvException">The cluster could not be read.</exception>
    private protected async Task<IReadOnlyList<Resource>> FindAsync(string[] names, CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var ns = await ResolveNamespaceAsync(cancellationToken);
        return await _selection.FindAsync(cluster, ns, CV, names, LabelSelector, e => WriteErrorAsync(e), cancellationToken);
    }
}
