using System.Management.Automation;
using CvManager.PowerShell.Completion;
using CvManager.Registries;

namespace CvManager.PowerShell;

/// <summary>Points tags at the image of a version: the release step of a pipeline.</summary>
[Cmdlet(VerbsCommon.Add, "CvRegistryTag", SupportsShouldProcess = true, HelpUri = ProjectUri.Docs + "Add-CvRegistryTag.md")]
[OutputType(typeof(CvRegistryTag))]
public sealed class AddCvRegistryTagCommand : RegistryCmdlet, IAnnotatesCILog
{
    private bool _hasInput;

    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [Alias("ImageRepo")]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(RepositoryCompleter))]
    public string Repository { get; set; } = "";

    /// <summary>The version tag of the image, or its digest.</summary>
    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(RegistryVersionCompleter))]
    public string Version { get; set; } = "";

    /// <summary>The tags to point at the image. Not bound from the pipeline: piped tags are the ones to promote from.</summary>
    [Parameter(Mandatory = true)]
    [TextListTransformation]
    [ArgumentCompleter(typeof(RegistryTagCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Tag { get; set; } = [];

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>The CI service in whose log errors and warnings also appear as annotations.</summary>
    [Parameter]
    public CIFormat CIFormat { get; set; }

    /// <summary>The next line of a script must not promote a tag that was not moved.</summary>
    protected override bool ErrorsEndScript => true;

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        _hasInput = true;
        var repository = ImageRepository.Parse(Repository);
        foreach (var tag in Tag)
        {
            if (await ShouldProcessAsync($"{repository}:{tag}", $"Point at version {Version}"))
                await AddAsync(repository, tag, cancellationToken);
        }
    }

    /// <summary>If the tag to promote from does not exist, the next line of a script must not take it for promoted.</summary>
    protected override Task EndProcessingAsync(CancellationToken cancellationToken) =>
        _hasInput || !MyInvocation.ExpectingInput
            ? Task.CompletedTask
            : throw Terminating(
                new CvException(
                    CmdletErrorIds.NothingToTag,
                    CvErrorKind.NotFound,
                    $"No image came through the pipeline, so {string.Join(", ", Tag)} was not moved.",
                    "Check the command before Add-CvRegistryTag: the tag or the repository that it reads may not exist."
                )
            );

    private async Task AddAsync(ImageRepository repository, string tag, CancellationToken cancellationToken)
    {
        var move = await Registries.For(repository).AddTagAsync(repository, Version, tag, cancellationToken);
        WriteVerbose(
            move switch
            {
                { AlreadyThere: true } => $"{repository}:{tag} already points at {Version} ({move.Digest}).",
                { FormerDigest: null } => $"Created {repository}:{tag}, pointing at {Version} ({move.Digest}).",
                _ => $"Moved {repository}:{tag} from {move.FormerDigest} to {Version} ({move.Digest}).",
            }
        );
        if (PassThru)
            await WriteObjectAsync(
                new CvRegistryTag
                {
                    Repository = Repository,
                    Tag = tag,
                    Digest = move.Digest,
                    Version = Version,
                }
            );
    }
}
