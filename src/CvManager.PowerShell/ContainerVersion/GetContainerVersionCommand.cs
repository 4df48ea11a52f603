using System.Management.Automation;
using CvManager.PowerShell.Completion;

namespace CvManager.PowerShell;

/// <summary>Lists ContainerVersions with their tags, versions and status.</summary>
[Cmdlet(VerbsCommon.Get, "ContainerVersion", DefaultParameterSetName = NamespaceSet)]
[OutputType(typeof(ContainerVersionInfo))]
public sealed class GetContainerVersionCommand : ContainerVersionCmdlet
{
    /// <summary>Names. Wildcards are allowed; the default is all.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string[] Name { get; set; } = [];

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        foreach (var resource in await FindAsync(Name, cancellationToken))
            await WriteObjectAsync(ContainerVersionInfo.Of(resource));
    }
}
