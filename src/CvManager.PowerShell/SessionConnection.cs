using CvManager.Cluster;

namespace CvManager.PowerShell;

/// <summary>The default cluster of a session. Stored in <see cref="SessionMemory"/>.</summary>
/// <param name="Cluster">The connection, which this object owns.</param>
/// <param name="KubeConfig">The path of the kubeconfig; null for the default one.</param>
internal sealed record SessionConnection(ClusterConnection Cluster, string? KubeConfig) : IAsyncDisposable
{
    /// <summary>The connection of the session; null if the session is not connected.</summary>
    public static SessionConnection? Of(SessionMemory session) =>
        session.All<SessionConnection>() is [var connection, ..] ? connection : null;

    /// <summary>Replaces the connection of the session with this one, and disposes the previous one.</summary>
    public async Task ReplaceAsync(SessionMemory session)
    {
        foreach (var previous in session.All<SessionConnection>())
        {
            if (session.Remove(previous))
                await previous.DisposeAsync();
        }
        session.Add(this);
    }

    /// <summary>The options for <c>-KubeConfig</c> and <c>-Context</c>. A context alone is looked up in the connected kubeconfig.</summary>
    public static ClusterOptions Options(SessionMemory session, string? kubeConfig, string? context) =>
        new() { KubeConfigPath = kubeConfig ?? Of(session)?.KubeConfig, Context = context };

    public ValueTask DisposeAsync()
    {
        Cluster.Dispose();
        return ValueTask.CompletedTask;
    }
}
