using System.Management.Automation;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.PowerShell.Completion;
using CvManager.Resources;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>Changes fields of ContainerVersions; what no parameter is given for stays as it is.</summary>
[Cmdlet(VerbsCommon.Set, "ContainerVersion", DefaultParameterSetName = TagSet, SupportsShouldProcess = true)]
[OutputType(typeof(ContainerVersionInfo))]
public sealed class SetContainerVersionCommand : SpecificationCmdlet
{
    private readonly ContainerVersionSelection _asked = new();

    /// <summary>Names, wildcards allowed.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>Of the pipeline's objects: a workload has a name of its own, and this is what it means here.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true, DontShow = true)]
    public string? CV { get; set; }

    /// <summary>Registry and repository, without tag.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? ImageRepo { get; set; }

    /// <summary>The moving tag to follow.</summary>
    [Parameter(ParameterSetName = TagSet)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(RegistryTagCompleter))]
    public string? Tag { get; set; }

    /// <summary>The container of the workloads that gets the version.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
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
            throw new CvException(CmdletErrorIds.NothingToSet, CvErrorKind.Invalid, "No field to change was specified.",
                "Specify a parameter for each field to change, for example -Tag.");
        }

        foreach (var resource in await _asked.FindAsync(cluster, ns, CV, Name, null, e => WriteErrorAsync(e), cancellationToken))
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
        // A merge patch would only add to the labels; a selector is given as a whole.
        if (spec["selector"] is JsonObject selector)
        {
            foreach (var former in resource.Spec.Selector.Keys.Where(key => !selector.ContainsKey(key)).ToList())
                selector[former] = null;
        }

        // One of the two is followed.
        if (spec.ContainsKey("tag") && resource.Spec.VersionPolicy is not null)
            spec["versionPolicy"] = null;
        if (spec["versionPolicy"] is not null && resource.Spec.Tag is not null)
            spec["tag"] = null;

        var changed = ContainerVersionManifest.Write(resource);
        var asked = Merge((JsonObject)changed["spec"]!, spec);
        ThrowIfInvalid(changed);
        if (asked && !await ShouldProcessAsync(resource.Key, $"Set {string.Join(", ", spec.Select(field => $"{field.Key} = {field.Value?.ToJsonString() ?? "null"}"))}"))
            return;
        if (asked)
            resource = await new ContainerVersionStore(cluster).PatchAsync(resource.Metadata.Namespace!, resource.Metadata.Name, new JsonObject { ["spec"] = spec }, cancellationToken);
        if (PassThru)
            await WriteObjectAsync(ContainerVersionInfo.Of(resource));
    }
}
