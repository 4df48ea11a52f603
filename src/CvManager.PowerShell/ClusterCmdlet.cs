using System.Management.Automation;
using CvManager.Cluster;
using CvManager.PowerShell.Completion;
using Microsoft.Extensions.Logging;

namespace CvManager.PowerShell;

/// <summary>
/// The base class of cmdlets that use a cluster: the one that -Context and -KubeConfig specify (<see cref="KubeContexts"/>), else the one of
/// the session (Connect-CvCluster), else the current context of the kubeconfig, else the cluster of the pod. Call
/// <see cref="ConnectAsync"/> in a hook.
/// </summary>
public abstract class ClusterCmdlet : AsyncCmdlet
{
    private ClusterConnection? _cluster;
    private bool _ownsCluster;

    /// <summary>The name of a context in the kubeconfig.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(ContextCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Context { get; set; }

    /// <summary>The path of a kubeconfig.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? KubeConfig { get; set; }

    /// <summary>The maximum duration of the cmdlet: 90 (seconds), 5m, 1h30m, or a TimeSpan.</summary>
    [Parameter]
    [TimeSpanTransformation]
    [ArgumentCompleter(typeof(DurationCompleter))]
    public TimeSpan? Timeout { get; set; }

    protected override TimeSpan? TimeLimit => Timeout;

    /// <summary>The log of requests to the cluster and to registries.</summary>
    private protected virtual ILogger RequestLogger => Logger;

    /// <summary>Returns the connection, the same one for each call. Do not dispose it: the cmdlet or the session owns it.</summary>
    /// <exception cref="CvException">Wrapped so that it stops the pipeline: no item can be processed without a cluster.</exception>
    protected async Task<ClusterConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_cluster is not null)
            return _cluster;
        try
        {
            var (session, path) = await OnPipelineAsync(() =>
                (SessionMemory.Current, KubeConfig is null ? null : GetUnresolvedProviderPathFromPSPath(KubeConfig))
            );
            if (path is null && Context is null && SessionConnection.Of(session) is { } connected)
            {
                _cluster = connected.Cluster.LoggedBy(RequestLogger);
                path = connected.KubeConfig;
            }
            else
            {
                var options = KubeContexts.Find(session, path, Context);
                _cluster = ClusterConnection.Connect(options).LoggedBy(RequestLogger);
                _ownsCluster = true;
                path = options.KubeConfigPath;
            }
            var source =
                _cluster.ContextName.Length > 0
                    ? $"context '{_cluster.ContextName}' of {string.Join(", ", KubeContexts.FilesOf(path))}"
                    : "the service account of this pod";
            WriteVerbose(
                $"Using {_cluster.Server.ToString().TrimEnd('/')} ({source}); the default namespace is '{_cluster.DefaultNamespace}'."
            );
            return _cluster;
        }
        catch (CvException e)
        {
            throw Terminating(e);
        }
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing && _ownsCluster)
            _cluster!.Dispose();
    }
}
