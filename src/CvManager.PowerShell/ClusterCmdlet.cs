using System.Management.Automation;
using CvManager.Cluster;
using CvManager.PowerShell.Completion;

namespace CvManager.PowerShell;

/// <summary>
/// The base of cmdlets that use a cluster: the named one, else the session's (Connect-CvCluster), else the kubeconfig's current
/// context, else the pod's own. Call <see cref="ConnectAsync"/> in a hook.
/// </summary>
public abstract class ClusterCmdlet : AsyncCmdlet
{
    private ClusterConnection? _cluster;
    private bool _ownsCluster;

    /// <summary>A context of the kubeconfig.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(ContextCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Context { get; set; }

    /// <summary>Path of a kubeconfig.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? KubeConfig { get; set; }

    /// <summary>The longest that the cmdlet may take: 90 (seconds), 5m, 1h30m, or a TimeSpan.</summary>
    [Parameter]
    [TimeSpanTransformation]
    public TimeSpan? Timeout { get; set; }

    protected override TimeSpan? TimeLimit => Timeout;

    /// <summary>The connection, the same one every time; it ends with the cmdlet or is the session's: never dispose of it.</summary>
    /// <exception cref="CvException">Wrapped so that it ends the pipeline: without a cluster, no item can be worked on.</exception>
    protected async Task<ClusterConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_cluster is not null)
            return _cluster;
        try
        {
            var (session, path) = await OnPipelineAsync(() => (SessionMemory.Current, KubeConfig is null ? null : GetUnresolvedProviderPathFromPSPath(KubeConfig)));
            if (path is null && Context is null && SessionConnection.Of(session) is { } connected)
                return _cluster = connected.Cluster;
            _cluster = ClusterConnection.Connect(SessionConnection.Options(session, path, Context));
            _ownsCluster = true;
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
