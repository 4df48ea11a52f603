using System.Management.Automation;
using System.Net;
using System.Net.Sockets;
using CvManager.PowerShell;
using CvManager.PowerShell.Completion;

namespace CvManager.Sandbox.PowerShell;

/// <summary>
/// Starts a Kubernetes cluster and a registry in this process, on the loopback address, and connects the session to it. Stop-CvSandbox or
/// the end of the session stops it.
/// </summary>
[Cmdlet(VerbsLifecycle.Start, "CvSandbox", SupportsShouldProcess = true, HelpUri = ProjectUri.Docs + "Start-CvSandbox.md")]
[OutputType(typeof(CvSandbox))]
public sealed class StartCvSandboxCommand : AsyncCmdlet
{
    /// <summary>The path of the kubeconfig to create; the default is a new file in the folder for temporary files.</summary>
    [Parameter(Position = 0)]
    [ValidateNotNullOrEmpty]
    public string? KubeConfig { get; set; }

    /// <summary>The port of the API server; 0 for a free port.</summary>
    [Parameter]
    [ValidateRange(0, 65535)]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public int Port { get; set; }

    /// <summary>The port of the registry; 0 for a free port.</summary>
    [Parameter]
    [ValidateRange(0, 65535)]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public int RegistryPort { get; set; }

    /// <summary>Does not change the connection of the session.</summary>
    [Parameter]
    public SwitchParameter NoConnect { get; set; }

    /// <summary>The next lines of a script must not run with the former cluster.</summary>
    protected override bool ErrorsEndScript => true;

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var (session, path) = await OnPipelineAsync(() =>
            (SessionMemory.Current, KubeConfig is null ? null : GetUnresolvedProviderPathFromPSPath(KubeConfig))
        );
        if (!await ShouldProcessAsync(path ?? "a cluster and a registry on loopback", "Start sandbox"))
            return;
        var sandbox = await StartAsync(RunningSandbox.FreeName(session), path, cancellationToken);
        session.Add(sandbox);
        if (!NoConnect)
            await SessionConnection.ConnectAsync(session, sandbox.Description.KubeConfig);
        await WriteObjectAsync(sandbox.Description);
    }

    private async Task<RunningSandbox> StartAsync(string name, string? path, CancellationToken cancellationToken)
    {
        try
        {
            return await RunningSandbox.StartAsync(name, Port, RegistryPort, path, cancellationToken);
        }
        catch (Exception e) when (e is HttpListenerException or SocketException)
        {
            var ports = new[] { Port, RegistryPort }.Where(port => port > 0);
            throw new CvException(
                SandboxErrorIds.SandboxPortTaken,
                CvErrorKind.Conflict,
                $"Could not listen on 127.0.0.1 (port {string.Join(" or ", ports.DefaultIfEmpty())}): {e.Message}",
                "Specify other ports, or omit -Port and -RegistryPort to use free ports.",
                e
            );
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CvException(
                SandboxErrorIds.SandboxKubeConfigNotWritten,
                CvErrorKind.Conflict,
                $"Could not write '{path}': {e.Message}",
                "Specify a writable path of a file that does not exist.",
                e
            )
            {
                Target = path,
            };
        }
    }
}
