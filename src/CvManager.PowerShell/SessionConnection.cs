using CvManager.Cluster;

namespace CvManager.PowerShell;

/// <summary>The cluster that a session's cmdlets use where none is named. Kept by <see cref="SessionMemory"/>.</summary>
/// <param name="Cluster">The connection; ends with this.</param>
/// <param name="KubeConfig">The kubeconfig that it was read from; null for the usual one.</param>
internal sealed record SessionConnection(ClusterConnection Cluster, string? KubeConfig) : IAsyncDisposable
{
    /// <summary>The session's; null where nobody connected it.</summary>
    public static SessionConnection? Of(SessionMemory session) => session.All<SessionConnection>() is [var connection, ..] ? connection : null;

    /// <summary>Puts this in the place of the session's former connection.</summary>
    public async Task TakeOverAsync(SessionMemory session)
    {
        foreach (var former in session.All<SessionConnection>())
        {
            if (session.TakeOut(former))
                await former.DisposeAsync();
        }
        session.Keep(this);
    }

    /// <summary>What is meant by <c>-KubeConfig</c> and <c>-Context</c>: a context alone is one of the connected kubeconfig.</summary>
    public static ClusterOptions Options(SessionMemory session, string? kubeConfig, string? context) =>
        new() { KubeConfigPath = kubeConfig ?? Of(session)?.KubeConfig, Context = context };

    public ValueTask DisposeAsync()
    {
        Cluster.Dispose();
        return ValueTask.CompletedTask;
    }
}
