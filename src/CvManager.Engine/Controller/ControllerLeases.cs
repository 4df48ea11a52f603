using CvManager.Cluster;

namespace CvManager.Controller;

/// <summary>
/// The Leases of controllers, as evidence that one is at work, or none. Only those with a default name are found: a controller can have
/// another one, or work without. Thread-safe.
/// </summary>
public sealed class ControllerLeases(ClusterConnection cluster)
{
    /// <summary>Reads the Leases with the default names of a controller of the cluster, and of controllers of single namespaces.</summary>
    /// <param name="namespaces">The namespaces of the resources that a controller should reconcile.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    /// <returns>Null if they could not be read: a user may wait for rollouts without the permission to list leases.</returns>
    public async Task<IReadOnlyList<ControllerLease>?> FindAsync(IEnumerable<string> namespaces, CancellationToken cancellationToken)
    {
        List<ControllerLease> found = [];
        try
        {
            foreach (
                var name in namespaces
                    .Select(ns => new ControllerOptions { Namespaces = [ns] }.DefaultLeaseName)
                    .Prepend(new ControllerOptions().DefaultLeaseName)
                    .Distinct(StringComparer.Ordinal)
            )
            {
                var leases = await cluster.ListAsync(
                    new ResourcePath("coordination.k8s.io", "v1", "leases"),
                    null,
                    $"metadata.name={name}",
                    cancellationToken
                );
                found.AddRange(
                    leases.Select(lease => new ControllerLease(
                        lease.Text("metadata", "namespace") ?? "",
                        lease.Text("metadata", "name") ?? "",
                        lease.Text("spec", "holderIdentity") is { Length: > 0 } holder ? holder : null,
                        lease.Text("spec", "renewTime")
                    ))
                );
            }
        }
        catch (CvException)
        {
            return null;
        }

        return found;
    }
}

/// <summary>A Lease of a controller.</summary>
/// <param name="Namespace">Its namespace.</param>
/// <param name="Name">Its name.</param>
/// <param name="Holder">The identity of the controller that holds it; null for none.</param>
/// <param name="RenewTime">When it was last renewed, by the clock of the holder; only compared for equality. Null for never.</param>
public sealed record ControllerLease(string Namespace, string Name, string? Holder, string? RenewTime)
{
    /// <summary>
    /// What two reads of the Leases show if no controller holds one: a holder renews it every 5 seconds, and gives up after 10. Clocks are
    /// not compared. Pure.
    /// </summary>
    /// <param name="before">The first read; null if they could not be read.</param>
    /// <param name="after">The second read.</param>
    /// <param name="between">The time between both reads.</param>
    /// <returns>A sentence for each Lease; null if a controller holds one, if there is none, or if nothing is known.</returns>
    public static string? DescribeAbsence(
        IReadOnlyList<ControllerLease>? before,
        IReadOnlyList<ControllerLease>? after,
        TimeSpan between
    ) =>
        before is null || after is null or [] || after.Any(lease => lease.Holder is not null && !before.Contains(lease))
            ? null
            : string.Join(
                " ",
                after.Select(lease =>
                    lease.Holder is null
                        ? $"Lease {lease.Namespace}/{lease.Name} has no holder."
                        : $"Lease {lease.Namespace}/{lease.Name} is held by {RemoteText.Show(lease.Holder)}, "
                            + $"which has not renewed it for {(int)between.TotalSeconds} s."
                )
            );
}
