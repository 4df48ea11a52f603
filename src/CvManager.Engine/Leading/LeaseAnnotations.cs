namespace CvManager.Leading;

/// <summary>
/// The annotations that the leader writes to its Lease with each renewal, and removes when it releases the Lease. They are as old as the
/// last renewal.
/// </summary>
public static class LeaseAnnotations
{
    /// <summary>The version of the leader's module.</summary>
    public const string Version = "cvmanager/version";

    /// <summary>
    /// When the leader had read everything, by its clock (<see cref="TimeFormat"/>, UTC). Missing until then: it leads although a kind could
    /// not be read.
    /// </summary>
    public const string SyncedAt = "cvmanager/synced-at";

    /// <summary>The namespaces that the leader watches, separated by commas, or <see cref="AllNamespaces"/>.</summary>
    public const string Scope = "cvmanager/scope";

    public const string AllNamespaces = "*";

    internal const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss'Z'";
}
