using System.Management.Automation;
using CvManager.PowerShell.Completion;
using CvManager.Registries;

namespace CvManager.PowerShell;

/// <summary>Removes tags; the image and its other tags stay.</summary>
[Cmdlet(VerbsCommon.Remove, "CvRegistryTag", SupportsShouldProcess = true)]
[OutputType(typeof(void))]
public sealed class RemoveCvRegistryTagCommand : RegistryCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [Alias("ImageRepo")]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(RegistryTagCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Tag { get; set; } = [];

    /// <summary>Also where it is the image's last tag and the registry removes the image with it.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var repository = ImageRepository.Parse(Repository);
        foreach (var tag in Tag)
        {
            if (!await ShouldProcessAsync($"{repository}:{tag}", "Remove tag"))
                continue;
            await GuardAsync(async () =>
            {
                await Registries.For(repository).RemoveTagAsync(repository, tag, Force, cancellationToken);
                WriteVerbose($"Removed {repository}:{tag}.");
            });
        }
    }
}
