using System.Management.Automation;
using CvManager.PowerShell.Completion;
using CvManager.Workloads;

namespace CvManager.PowerShell;

/// <summary>What runs where: the workloads that ContainerVersions follow, and the versions that they are set to.</summary>
[Cmdlet(VerbsCommon.Get, "CvWorkload", DefaultParameterSetName = NamespaceSet)]
[OutputType(typeof(CvWorkload))]
public sealed class GetCvWorkloadCommand : NamespacedCmdlet
{
    /// <summary>Names of workloads, wildcards allowed; left out, all.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Name { get; set; } = [];

    /// <summary>Names of ContainerVersions, wildcards allowed; left out, all.</summary>
    [Parameter]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string[] CV { get; set; } = [];

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var space = await ResolveNamespaceAsync(cancellationToken);
        var resources = await ContainerVersionLookup.FindAsync(cluster, space, new NamePatterns(CV), LabelSelector, e => WriteErrorAsync(e), cancellationToken);
        var workloads = await new WorkloadStore(cluster).ListAsync(space, cancellationToken);
        var names = new NamePatterns(Name);
        var found = RunningVersion.Find(resources, workloads).Where(running => names.Matches(running.Workload.Name)).ToList();
        foreach (var running in found)
            await WriteObjectAsync(CvWorkload.Of(running));
        foreach (var name in names.ExactNames.Where(name => found.TrueForAll(running => running.Workload.Name != name)))
        {
            await WriteErrorAsync(new CvException(
                "WorkloadNotFound",
                CvErrorKind.NotFound,
                $"No ContainerVersion {(space is null ? "" : $"of namespace '{space}' ")}follows a workload '{name}'.",
                "See that the workload has the labels of the ContainerVersion's spec.selector.")
            { Target = name });
        }
    }
}
