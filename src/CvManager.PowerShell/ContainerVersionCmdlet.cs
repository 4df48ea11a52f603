using System.Management.Automation;
using CvManager.PowerShell.Completion;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>
/// The base class of cmdlets whose -Name selects ContainerVersions. A workload from the pipeline selects its ContainerVersion. Derive from
/// <see cref="MandatoryNameCmdlet"/> or <see cref="OptionalNameCmdlet"/>: PowerShell does not inherit the attributes of an overridden property.
/// </summary>
public abstract class ContainerVersionCmdlet : NamespacedCmdlet
{
    private readonly ContainerVersionSelection _selection = new();

    /// <summary>Bound to the CV property of a workload from the pipeline, which takes precedence over the name of the workload.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true, DontShow = true)]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string? CV { get; set; }

    private protected abstract string[] Names { get; }

    /// <summary>Returns the ContainerVersions that the current input selects, without those that earlier input selected.</summary>
    /// <exception cref="CvException">The cluster could not be read.</exception>
    private protected async Task<IReadOnlyList<Resource>> FindAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var ns = await ResolveNamespaceAsync(cancellationToken);
        return await _selection.FindAsync(cluster, ns, CV, Names, LabelSelector, ReportNotFoundAsync, cancellationToken);
    }

    /// <summary>Called for each exact name that does not exist.</summary>
    private protected virtual Task ReportNotFoundAsync(CvException error) => WriteErrorAsync(error);
}

/// <summary>A cmdlet that changes ContainerVersions, or waits for them.</summary>
public abstract class MandatoryNameCmdlet : ContainerVersionCmdlet
{
    /// <summary>Names. Wildcards are allowed.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [TextTransformation]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string[] Name { get; set; } = [];

    private protected override string[] Names => Name;
}

/// <summary>A cmdlet that selects all ContainerVersions by default.</summary>
public abstract class OptionalNameCmdlet : ContainerVersionCmdlet
{
    /// <summary>Names. Wildcards are allowed; the default is all.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [TextTransformation]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string[] Name { get; set; } = [];

    private protected override string[] Names => Name;
}
