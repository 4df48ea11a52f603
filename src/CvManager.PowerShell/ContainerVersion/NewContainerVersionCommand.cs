using System.Management.Automation;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.PowerShell.Completion;
using CvManager.Resources;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>Creates a ContainerVersion: from parameters, or as a copy of a specification.</summary>
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
    [Parameter(Position = 1, Mandatory = true, ParameterSetName = SemVerSet, ValueFromPipelineByPropertyName = true)]
    [Parameter(Position = 1, Mandatory = true, ParameterSetName = PatternSet, ValueFromPipelineByPropertyName = true)]
    [Parameter(Position = 1, Mandatory = true, ParameterSetName = NewestSet, ValueFromPipelineByPropertyName = true)]
    [Parameter(Position = 1, ParameterSetName = TagSet, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(RepositoryCompleter))]
    public string? ImageRepo { get; set; }

    /// <summary>The tag to follow. Empty if the object in the pipeline follows a policy, which is in its Spec.</summary>
    [Parameter(Position = 2, ParameterSetName = TagSet, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(RegistryTagCompleter))]
    public string? Tag { get; set; }

    /// <summary>The name of the container to update.</summary>
    [Parameter(Position = 3, Mandatory = true, ParameterSetName = SemVerSet, ValueFromPipelineByPropertyName = true)]
    [Parameter(Position = 3, Mandatory = true, ParameterSetName = PatternSet, ValueFromPipelineByPropertyName = true)]
    [Parameter(Position = 3, Mandatory = true, ParameterSetName = NewestSet, ValueFromPipelineByPropertyName = true)]
    [Parameter(Position = 3, ParameterSetName = TagSet, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ContainerCompleter))]
    public string? Container { get; set; }

    /// <summary>
    /// The specification to copy, with the fields of a manifest: the Spec property of a ContainerVersion. Other parameters replace its fields.
    /// </summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public object? Spec { get; set; }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var ns = Namespace ?? cluster.DefaultNamespace;
        var spec = Spec is null ? [] : SpecificationObject.ToJson(Spec);
        if (ParameterSetName == TagSet && string.IsNullOrEmpty(Tag) && Spec is null)
        {
            throw new CvException(
                CmdletErrorIds.SpecificationMissing,
                CvErrorKind.Invalid,
                $"ContainerVersion {Name} has nothing to follow.",
                "Specify -Tag, -SemVer, -VersionPattern or -Newest, or pipe a ContainerVersion to copy."
            );
        }

        var own = Specification(ImageRepo, string.IsNullOrEmpty(Tag) ? null : Tag, Container);
        // Replaced as a whole: a merge would only add labels, and tag and versionPolicy are mutually exclusive.
        if (own.ContainsKey("selector"))
            spec.Remove("selector");
        if (own.ContainsKey("tag") || own.ContainsKey("versionPolicy"))
        {
            spec.Remove("tag");
            spec.Remove("versionPolicy");
        }

        Merge(spec, own);
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
        var resource = ContainerVersionManifest.Read(manifest);
        if (
            await ShouldProcessAsync(
                $"{ns}/{Name}",
                $"Create ContainerVersion that follows {resource.Followed} of {resource.Spec.ImageRepo}"
            )
        )
            await WriteObjectAsync(
                ContainerVersionInfo.Of(await new ContainerVersionStore(cluster).CreateAsync(ns, manifest, cancellationToken))
            );
    }
}
