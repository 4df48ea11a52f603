using CvManager.Cluster;

namespace CvManager.PowerShell;

/// <summary>The default cluster of a session. Stored in <see cref="SessionMemory"/>.</summary>
/// <param name="Cluster">The connection, which this object owns.</param>
/// <param name="KubeConfig">The path of the kubeconfig; null for the default one.</param>
/// <remarks>Public for other modules of CvManager, which connect a session to a cluster of theirs.</remarks>
public sealed record SessionConnection(ClusterConnection Cluster, string? KubeConfig) : IAsyncDisposable
{
    /// <summary>The connection of the session; null if the session is not connected.</summary>
    internal static SessionConnection? Of(SessionMemory session) =>
        session.All<SessionConnection>() is [var connection, ..] ? connection : null;

    /// <summary>Connects the session to the current context of a kubeconfig.</summary>
    public static Task ConnectAsync(SessionMemory session, string kubeConfig) =>
        new SessionConnection(ClusterConnection.Connect(new ClusterOptions { KubeConfigPath = kubeConfig }), kubeConfig).ReplaceAsync(
            session
        );

    /// <summary>Ends the connection of the session if it was made by this kubeconfig.</summary>
    public static async Task DisconnectAsync(SessionMemory session, string kubeConfig)
    {
        if (Of(session) is { } connection && connection.KubeConfig == kubeConfig && session.Remove(connection))
            await connection.DisposeAsync();
    }

    /// <summary>Replaces the connection of the session with this one, and disposes the previous one.</summary>
    internal async Task ReplaceAsync(SessionMemory session)
    {
        foreach (var previous in session.All<SessionConnection>())
        {
            if (session.Remove(previous))
                await previous.DisposeAsync();
        }
        session.Add(this);
    }

    public ValueTask DisposeAsync()
    {
        Cluster.Dispose();
        return ValueTask.CompletedTask;
    }
}
