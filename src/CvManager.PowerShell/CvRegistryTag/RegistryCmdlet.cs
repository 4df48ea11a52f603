using System.Management.Automation;
using CvManager.PowerShell.Completion;
using CvManager.Registries;

namespace CvManager.PowerShell;

/// <summary>The base class of cmdlets that use registries.</summary>
public abstract class RegistryCmdlet : AsyncCmdlet
{
    private RegistryCatalog? _registries;

    /// <summary>User name and password for the registry; the default is the credentials of the docker config, or none.</summary>
    [Parameter]
    [Credential]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public PSCredential? Credential { get; set; }

    /// <summary>Uses plain HTTP, also for registries on other machines.</summary>
    [Parameter]
    public SwitchParameter PlainHttp { get; set; }

    /// <summary>The maximum duration of the cmdlet: 90 (seconds), 5m, 1h30m, or a TimeSpan.</summary>
    [Parameter]
    [TimeSpanTransformation]
    [ArgumentCompleter(typeof(DurationCompleter))]
    public TimeSpan? Timeout { get; set; }

    protected override TimeSpan? TimeLimit => Timeout;

    private protected RegistryCatalog Registries =>
        _registries ?? throw new InvalidOperationException("An override of BeginProcessingAsync must call the base method.");

    protected override async Task BeginProcessingAsync(CancellationToken cancellationToken) =>
        _registries = SessionRegistries.Of(await OnPipelineAsync(() => SessionMemory.Current)).Open(Logger, Credential, PlainHttp);

    /// <summary>Writes an error of one tag, so that the others are processed.</summary>
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
