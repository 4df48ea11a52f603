using System.Management.Automation;
using CvManager.PowerShell;
using CvManager.PowerShell.Completion;

namespace CvManager.Sandbox.PowerShell;

/// <summary>Stops sandboxes of this session, deletes their contents, and removes their kubeconfig files.</summary>
[Cmdlet(VerbsLifecycle.Stop, "CvSandbox", SupportsShouldProcess = true, HelpUri = ProjectUri.Docs + "Stop-CvSandbox.md")]
[OutputType(typeof(void))]
public sealed class StopCvSandboxCommand : AsyncCmdlet
{
    /// <summary>Sandboxes from Start-CvSandbox; the default is all sandboxes of this session.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true)]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public CvSandbox[]? Sandbox { get; set; }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var session = await OnPipelineAsync(() => SessionMemory.Current);
        var running = session.All<RunningSandbox>();
        foreach (var sandbox in Sandbox ?? [.. running.Select(r => r.Description)])
        {
            if (running.FirstOrDefault(r => r.Description == sandbox) is { } found)
                await StopAsync(found, session);
            else
                await WriteErrorAsync(RunningSandbox.NotRunning(sandbox.Server));
        }
    }

    private async Task StopAsync(RunningSandbox sandbox, SessionMemory session)
    {
        if (!await ShouldProcessAsync(sandbox.Description.Server, "Stop sandbox") || !session.Remove(sandbox))
            return;
        await SessionConnection.DisconnectAsync(session, sandbox.Description.KubeConfig);
        await sandbox.DisposeAsync();
    }
}
