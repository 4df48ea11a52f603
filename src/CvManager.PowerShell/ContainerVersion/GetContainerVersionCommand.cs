using System.Management.Automation;

namespace CvManager.PowerShell;

/// <summary>Lists ContainerVersions with their tags, versions and status.</summary>
[Cmdlet(VerbsCommon.Get, "ContainerVersion", DefaultParameterSetName = NamespaceSet, HelpUri = ProjectUri.Docs + "Get-ContainerVersion.md")]
[OutputType(typeof(ContainerVersionInfo))]
public sealed class GetContainerVersionCommand : OptionalNameCmdlet
{
    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        foreach (var resource in await FindAsync(cancellationToken))
            await WriteObjectAsync(ContainerVersionInfo.Of(resource));
    }
}
