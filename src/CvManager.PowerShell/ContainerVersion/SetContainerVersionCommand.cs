using System.Management.Automation;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.PowerShell.Completion;
using CvManager.Resources;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>Changes fields of ContainerVersions. Fields without a parameter are not changed.</summary>
[Cmdlet(
    VerbsCommon.Set,
    "ContainerVersion",
    DefaultParameterSetName = TagSet,
    SupportsShouldProcess = true,
    HelpUri = ProjectUri.Docs + "Set-ContainerVersion.md"
)]
[OutputType(typeof(ContainerVersionInfo))]
public sealed class SetContainerVersionCommand : SpecificationCmdlet
{
    private readonly ContainerVersionSelection _selection = new();

    /// <summary>Names. Wildcards are allowed.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [TextTransformation]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>Bound to the CV property of a workload from the pipeline, which takes precedence over the name of the workload.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true, DontShow = true)]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string? CV { get; set; }

    /// <summary>The registry and repository, without tag.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(RepositoryCompleter))]
    public string? ImageRepo { get; set; }

    /// <summary>The tag to follow.</summary>
    [Parameter(ParameterSetName = TagSet)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(RegistryTagCompleter))]
    public string? Tag { get; set; }

    /// <summary>The name of the container to update.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ContainerCompleter))]
    public string? Container { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var ns = Namespace ?? cluster.DefaultNamespace;
        var spec = Specification(ImageRepo, Tag, Container);
        if (spec.Count == 0)
        {
            throw new CvException(
                CmdletErrorIds.NothingToSet,
                CvErrorKind.Invalid,
                "No field to change was specified.",
                "Specify a parameter for each field to change, for example -Tag."
            );
        }

        foreach (var resource in await _selection.FindAsync(cluster, ns, CV, Name, null, e => WriteErrorAsync(e), cancellationToken))
        {
            try
            {
                await ChangeAsync(cluster, resource, (JsonObject)spec.DeepClone(), cancellationToken);
            }
            catch (CvException e)
            {
                await WriteErrorAsync(e, resource.Key);
            }
        }
    }

    private async Task ChangeAsync(ClusterConnection cluster, Resource resource, JsonObject spec, CancellationToken cancellationToken)
    {
        // A merge patch would only add labels, but -Selector replaces the whole selector.
        if (spec["selector"] is JsonObject selector)
        {
            foreach (var removed in resource.Spec.Selector.Keys.Where(key => !selector.ContainsKey(key)).ToList())
                selector[removed] = null;
        }

        // tag and versionPolicy are mutually exclusive.
        if (spec.ContainsKey("tag") && resource.Spec.VersionPolicy is not null)
            spec["versionPolicy"] = null;
        if (spec["versionPolicy"] is not null && resource.Spec.Tag is not null)
            spec["tag"] = null;

        var changed = ContainerVersionManifest.Write(resource);
        var hasChanges = Merge((JsonObject)changed["spec"]!, spec);
        ThrowIfInvalid(changed);
        if (
            hasChanges
            && !await ShouldProcessAsync(
                resource.Key,
                $"Set {string.Join(", ", spec.Select(field => $"{field.Key} = {field.Value?.ToJsonString() ?? "null"}"))}"
            )
        )
            return;
        if (hasChanges)
            resource = await new ContainerVersionStore(cluster).PatchAsync(
                resource.Metadata.Namespace!,
                resource.Metadata.Name,
                new JsonObject { ["spec"] = spec },
                cancellationToken
            );
        if (PassThru)
            await WriteObjectAsync(ContainerVersionInfo.Of(resource));
    }
}
