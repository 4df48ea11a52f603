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
        else if (CreatorOf(document) is not { } create)
            WriteWarning($"{document.Source}: skipped {document.Title}, which is not a ContainerVersion.");
        else if (IncludeWorkload)
            await CreateAsync(document, create, cancellationToken);
        else
            WriteWarning($"{document.Source}: skipped {document.Title}. Use -IncludeWorkload to create workloads that do not exist.");
    }

    /// <summary>Returns what creates the object in a namespace, or null if -IncludeWorkload does not create its kind.</summary>
    private static CreateObject? CreatorOf(ManifestDocument document)
    {
        if (WorkloadKind.All.FirstOrDefault(kind => kind.Name == document.Kind && kind.Group == document.ApiGroup) is { } kind)
            return (cluster, ns, token) => new WorkloadStore(cluster).CreateAsync(kind, ns, document.Json, token);
        return (document.ApiGroup, document.Kind) switch
        {
            ("", "Namespace") => (cluster, _, token) => cluster.CreateAsync(new ResourcePath("", "v1", "namespaces"), document.Json, token),
            ("", "Service") => (cluster, ns, token) =>
                cluster.CreateAsync(new ResourcePath("", "v1", "services", ns), document.Json, token),
            _ => null,
        };
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

    private async Task CreateAsync(ManifestDocument document, CreateObject create, CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var ns = NamespaceOf(document, cluster);
        var title = document.Kind == "Namespace" ? document.Name : $"{ns}/{document.Name}";
        if (!await ShouldProcessAsync(title ?? "", $"Create {document.Kind} if it does not exist"))
            return;
        try
        {
            await create(cluster, ns, cancellationToken);
            WriteVerbose($"Created {document.Kind} {title}.");
        }
        catch (CvException e) when (e.ErrorId == ErrorIds.ResourceAlreadyExists)
        {
            WriteVerbose($"{document.Kind} {title} already exists and was not changed.");
        }
    }

    private delegate Task CreateObject(ClusterConnection cluster, string ns, CancellationToken cancellationToken);
}
