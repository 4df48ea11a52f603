using System.Management.Automation;
using CvManager.Resources;

namespace CvManager.PowerShell;

/// <summary>Says what is wrong with ContainerVersions, before they reach a cluster.</summary>
[Cmdlet(VerbsDiagnostic.Test, "ContainerVersion", DefaultParameterSetName = PathSet)]
[OutputType(typeof(ContainerVersionTest), typeof(bool))]
public sealed class TestContainerVersionCommand : ManifestCmdlet
{
    private bool _anyInvalid;

    /// <summary>Gives one boolean for all of them together.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    private protected override async Task ProcessDocumentAsync(ManifestDocument document, CancellationToken cancellationToken)
    {
        if (!document.IsContainerVersion)
        {
            WriteVerbose($"{document.Source}: passed over {document.Kind} {document.Name}, which is no ContainerVersion.");
            return;
        }

        var test = new ContainerVersionTest
        {
            Namespace = document.Namespace ?? "",
            Name = document.Name ?? "",
            Source = document.Source,
            Problems = [.. ContainerVersionValidator.Validate(document.Json).Select(error => new ContainerVersionProblem
            {
                Field = error.Field,
                Value = error.Value,
                Message = error.Message,
                Remedy = error.Remedy,
            })],
        };
        _anyInvalid |= !test.Valid;
        if (!Quiet)
            await WriteObjectAsync(test);
    }

    protected override async Task EndProcessingAsync(CancellationToken cancellationToken)
    {
        await base.EndProcessingAsync(cancellationToken);
        if (Quiet)
            await WriteObjectAsync(!_anyInvalid && !AnyFailed);
    }
}
