using System.Management.Automation;
using CvManager.Registries;

namespace CvManager.PowerShell;

/// <summary>The base of cmdlets that talk to registries.</summary>
public abstract class RegistryCmdlet : AsyncCmdlet
{
    private RegistryCatalog? _registries;

    /// <summary>User and password for the registry; left out, those of the docker config, or none.</summary>
    [Parameter]
    [Credential]
    public PSCredential? Credential { get; set; }

    /// <summary>Speaks plain HTTP to registries that are not on this machine, too.</summary>
    [Parameter]
    public SwitchParameter PlainHttp { get; set; }

    private protected RegistryCatalog Registries => _registries ?? throw new InvalidOperationException("An override of BeginProcessingAsync must call the base method.");

    protected override async Task BeginProcessingAsync(CancellationToken cancellationToken) =>
        _registries = SessionRegistries.Of(await OnPipelineAsync(() => SessionMemory.Current)).Open(Credential, PlainHttp);

    /// <summary>An error of one tag leaves the others alone.</summary>
    private protected async Task GuardAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (CvException e)
        {
            await WriteErrorAsync(e);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _registries?.Dispose();
        base.Dispose(disposing);
    }
}
