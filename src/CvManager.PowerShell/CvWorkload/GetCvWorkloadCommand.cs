using System.Management.Automation;
using CvManager.PowerShell.Completion;
using CvManager.Workloads;

namespace CvManager.PowerShell;

/// <summary>Shows what runs where: the workloads that ContainerVersions select, and their versions.</summary>
[Cmdlet(VerbsCommon.Get, "CvWorkload", DefaultParameterSetName = NamespaceSet, HelpUri = ProjectUri.Docs + "Get-CvWorkload.md")]
[OutputType(typeof(CvWorkload))]
public sealed class GetCvWorkloadCommand : NamespacedCmdlet
{
    private const string InputObjectSet = "InputObject";

    // Read once for each namespace, and written once, although several pipeline objects can refer to one workload.
    private readonly Dictionary<string, IReadOnlyList<Workload>> _workloads = [];
    private readonly HashSet<(string Namespace, string Kind, string Name, string CV)> _written = [];

    /// <summary>Names of workloads. Wildcards are allowed; the default is all.</summary>
    [Parameter(ParameterSetName = NamespaceSet, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(ParameterSetName = AllNamespacesSet, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [TextTransformation]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    [ArgumentCompleter(typeof(WorkloadCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>Names of ContainerVersions. Wildcards are allowed; the default is all.</summary>
    [Parameter(ParameterSetName = NamespaceSet)]
    [Parameter(ParameterSetName = AllNamespacesSet)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string[] CV { get; set; } = [];

    /// <summary>
    /// A ContainerVersion from the pipeline, or an object that refers to one: a rollout, a record, the result of a reconcile.
    /// </summary>
    [Parameter(ParameterSetName = InputObjectSet, Mandatory = true, ValueFromPipeline = true)]
    [ContainerVersionReferenceTransformation]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public ContainerVersionReference InputObject { get; set; } = null!;

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var byInputObject = ParameterSetName == InputObjectSet;
        var ns = byInputObject ? InputObject.Namespace : await ResolveNamespaceAsync(cancellationToken);
        var owners = new NamePatterns(byInputObject ? [InputObject.Name] : CV);
        var resources = await ContainerVersionLookup.FindAsync(
            cluster,
            ns,
            owners,
            LabelSelector,
            e => WriteErrorAsync(e),
            cancellationToken
        );
        if (!_workloads.TryGetValue(ns ?? "", out var workloads))
            _workloads[ns ?? ""] = workloads = await new WorkloadStore(cluster).ListAsync(ns, cancellationToken);
        var names = new NamePatterns(Name);
        var found = RunningVersion.Find(resources, workloads).Where(running => names.Matches(running.Workload.Name)).ToList();
        foreach (
            var running in found.Where(running =>
                _written.Add((running.Workload.Namespace, running.Workload.Kind, running.Workload.Name, running.Resource.Metadata.Name))
            )
        )
            await WriteObjectAsync(CvWorkload.Of(running));
        foreach (var name in names.ExactNames.Where(name => found.TrueForAll(running => running.Workload.Name != name)))
        {
            await WriteErrorAsync(
                new CvException(
                    CmdletErrorIds.WorkloadNotFound,
                    CvErrorKind.NotFound,
                    $"No ContainerVersion {(ns is null ? "" : $"in namespace '{ns}' ")}selects a workload named '{name}'.",
                    "Check that the labels of the workload match spec.selector of the ContainerVersion."
                )
                {
                    Target = name,
                }
            );
        }
    }
}
