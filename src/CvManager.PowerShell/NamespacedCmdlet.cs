using System.Management.Automation;
using CvManager.PowerShell.Completion;

namespace CvManager.PowerShell;

/// <summary>
/// The base class of cmdlets that process objects of one namespace, or of all namespaces. Declare
/// <c>[Cmdlet(…, DefaultParameterSetName = NamespacedCmdlet.NamespaceSet)]</c>.
/// </summary>
public abstract class NamespacedCmdlet : ClusterCmdlet
{
    public const string NamespaceSet = "Namespace";
    public const string AllNamespacesSet = "AllNamespaces";

    /// <summary>The namespace; the default is the namespace of the context.</summary>
    [Parameter(ParameterSetName = NamespaceSet, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(NamespaceCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Namespace { get; set; }

    [Parameter(ParameterSetName = AllNamespacesSet, Mandatory = true)]
    public SwitchParameter AllNamespaces { get; set; }

    /// <summary>A Kubernetes label selector, such as <c>team=web,tier!=cache</c>.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public string? LabelSelector { get; set; }

    /// <summary>Returns the namespace to use; null for all namespaces.</summary>
    protected async Task<string?> ResolveNamespaceAsync(CancellationToken cancellationToken) =>
        AllNamespaces ? null : Namespace ?? (await ConnectAsync(cancellationToken)).DefaultNamespace;
}
