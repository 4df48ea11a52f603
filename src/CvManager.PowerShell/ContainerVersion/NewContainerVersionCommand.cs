using System.Management.Automation;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.PowerShell.Completion;
using CvManager.Resources;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>Creates a ContainerVersion.</summary>
[Cmdlet(
    VerbsCommon.New,
    "ContainerVersion",
    DefaultParameterSetName = TagSet,
    SupportsShouldProcess = true,
    HelpUri = ProjectUri.Docs + "New-ContainerVersion.md"
)]
[OutputType(typeof(ContainerVersionInfo))]
public sealed class NewContainerVersionCommand : SpecificationCmdlet
{
    [Parameter(Position = 0, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(SelectorNameCompleter))]
    public string Name { get; set; } = "";

    /// <summary>The registry and repository, without tag.</summary>
    [Parameter(Position = 1, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(RepositoryCompleter))]
    public string ImageRepo { get; set; } = "";

    /// <summary>The tag to follow.</summary>
    [Parameter(Position = 2, Mandatory = true, ParameterSetName = TagSet, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(RegistryTagCompleter))]
    public string? Tag { get; set; }

    /// <summary>The name of the container to update.</summary>
    [Parameter(Position = 3, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ContainerCompleter))]
    public string Container { get; set; } = "";

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var ns = Namespace ?? cluster.DefaultNamespace;
        JsonObject spec = [];
        Merge(spec, Specification(ImageRepo, Tag, Container));
        // The default selector: the label cvapp with the name of the ContainerVersion.
        spec["selector"] ??= new JsonObject { [Resource.SelectorKey] = Name };
        JsonObject manifest = new()
        {
            ["apiVersion"] = $"{Resource.Group}/{Resource.Version}",
            ["kind"] = Resource.KindName,
            ["metadata"] = new JsonObject { ["name"] = Name, ["namespace"] = ns },
            ["spec"] = spec,
        };
        ThrowIfInvalid(manifest);
        if (
            await ShouldProcessAsync(
                $"{ns}/{Name}",
                $"Create ContainerVersion that follows {ContainerVersionManifest.Read(manifest).Followed} of {ImageRepo}"
            )
        )
            await WriteObjectAsync(
                ContainerVersionInfo.Of(await new ContainerVersionStore(cluster).CreateAsync(ns, manifest, cancellationToken))
            );
    }
}
