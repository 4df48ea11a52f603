using System.Management.Automation;
using CvManager.PowerShell.Completion;
using CvManager.Registries;

namespace CvManager.PowerShell;

/// <summary>Removes tags. The image and its other tags are not changed.</summary>
[Cmdlet(
    VerbsCommon.Remove,
    "CvRegistryTag",
    ConfirmImpact = ConfirmImpact.High,
    SupportsShouldProcess = true,
    HelpUri = ProjectUri.Docs + "Remove-CvRegistryTag.md"
)]
[OutputType(typeof(void))]
public sealed class RemoveCvRegistryTagCommand : RegistryCmdlet, IAnnotatesCILog
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(RepositoryCompleter))]
    public string Repository { get; set; } = "";

    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [TextListTransformation]
    [ArgumentCompleter(typeof(RegistryTagCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Tag { get; set; } = [];

    /// <summary>Removes a tag even if it is the last tag of the image, and the registry then removes the image.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>The CI service in whose log errors and warnings also appear as annotations.</summary>
    [Parameter]
    public CIFormat CIFormat { get; set; }

    /// <summary>As for Add-CvRegistryTag: the next line of a script may depend on it.</summary>
    protected override bool ErrorsEndScript => true;

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var repository = ImageRepository.Parse(Repository);
        foreach (var tag in Tag)
        {
            if (!await ShouldProcessAsync($"{repository}:{tag}", "Remove tag"))
                continue;
            await Registries.For(repository).RemoveTagAsync(repository, tag, Force, cancellationToken);
            WriteVerbose($"Removed {repository}:{tag}.");
        }
    }
}
