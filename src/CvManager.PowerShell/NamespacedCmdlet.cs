using System.Management.Automation;
using CvManager.PowerShell.Completion;

namespace CvManager.PowerShell;

/// <summary>
/// The base of cmdlets that work on objects of one namespace, or of all. Declare
/// <c>[Cmdlet(…, DefaultParameterSetName = NamespacedCmdlet.NamespaceSet)]</c>.
/// </summary>
public abstract class NamespacedCmdlet : ClusterCmdlet
{
    public const string NamespaceSet = "Namespace";
    public const string AllNamespacesSet = "AllNamespaces";

    /// <summary>Left out, the context's own namespace.</summary>
    [Parameter(ParameterSetName = NamespaceSet, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(NamespaceCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Namespace { get; set; }

    [Parameter(ParameterSetName = AllNamespacesSet, Mandatory = true)]
    public SwitchParameter AllNamespaces { get; set; }

    /// <summary>A Kubernetes label selector, such as <c>team=web,tier!=cache</c>.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? LabelSelector { get; set; }

    /// <summary>The namespace that is meant; null for all of them.</summary>
    protected async Task<string?> ResolveNamespaceAsync(CancellationToken cancellationToken) =>
        AllNamespaces ? null : Namespace ?? (await ConnectAsync(cancellationToken)).DefaultNamespace;
}
