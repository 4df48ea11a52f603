using System.Management.Automation;
using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.PowerShell;

/// <summary>Creates or updates ContainerVersions from manifests.</summary>
[Cmdlet(
    VerbsData.Import,
    "ContainerVersion",
    DefaultParameterSetName = PathSet,
    SupportsShouldProcess = true,
    HelpUri = ProjectUri.Docs + "Import-ContainerVersion.md"
)]
[OutputType(typeof(ContainerVersionInfo))]
public sealed class ImportContainerVersionCommand : ManifestCmdlet
{
    /// <summary>Also creates the workloads of the manifests that do not exist.</summary>
    [Parameter]
    public SwitchParameter IncludeWorkload { get; set; }

    private protected override async Task ProcessDocumentAsync(ManifestDocument document, CancellationToken cancellationToken)
    {
        if (document.IsContainerVersion)
            await ApplyAsync(document, cancellationToken);
        else if (WorkloadKind.All.FirstOrDefault(kind => kind.Name == document.Kind && kind.Group == document.ApiGroup) is not { } kind)
            WriteWarning($"{document.Source}: skipped {document.Title}, which is not a ContainerVersion.");
        else if (IncludeWorkload)
            await CreateAsync(document, kind, cancellationToken);
        else
            WriteWarning($"{document.Source}: skipped {document.Title}. Use -IncludeWorkload to create workloads that do not exist.");
    }

    private async Task ApplyAsync(ManifestDocument document, CancellationToken cancellationToken)
    {
        ContainerVersionValidator.ThrowIfInvalid(document.Json);
        var cluster = await ConnectAsync(cancellationToken);
        var ns = NamespaceOf(document, cluster);
        if (!await ShouldProcessAsync($"{ns}/{document.Name}", "Apply ContainerVersion"))
            return;
        var applied = await new ContainerVersionStore(cluster).ApplyAsync(ns, document.Json, cancellationToken);
        await WriteObjectAsync(ContainerVersionInfo.Of(applied));
    }

    private async Task CreateAsync(ManifestDocument document, WorkloadKind kind, CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var ns = NamespaceOf(document, cluster);
        if (!await ShouldProcessAsync($"{ns}/{document.Name}", $"Create {document.Kind} if it does not exist"))
            return;
        try
        {
            await new WorkloadStore(cluster).CreateAsync(kind, ns, document.Json, cancellationToken);
            WriteVerbose($"Created {document.Kind} {ns}/{document.Name}.");
        }
        catch (CvException e) when (e.ErrorId == ErrorIds.ResourceAlreadyExists)
        {
            WriteVerbose($"{document.Kind} {ns}/{document.Name} already exists and was not changed.");
        }
    }
}
