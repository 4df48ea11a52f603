using System.Security.Cryptography;
using System.Text;

namespace CvManager.Controller;

/// <summary>The scope and the options of a <see cref="ContainerVersionController"/>.</summary>
public sealed record ControllerOptions
{
    /// <summary>The namespaces to watch; empty for all.</summary>
    public IReadOnlyList<string> Namespaces { get; init; } = [];

    /// <summary>Selects the ContainerVersions to reconcile; null for all. The others are still read, to detect conflicts (R9).</summary>
    public string? LabelSelector { get; init; }

    /// <summary>The Lease for leader election; null for no election.</summary>
    public ElectionOptions? Election { get; init; }

    /// <summary>The number of resources that are reconciled concurrently: each mostly waits for the cluster or a registry.</summary>
    public int Workers { get; init; } = 128;

    /// <summary>
    /// The same for all replicas with the same scope, and different for different scopes: controllers that share the work by namespace or
    /// label must not block each other.
    /// </summary>
    public string DefaultLeaseName
    {
        get
        {
            if (Namespaces.Count == 0 && LabelSelector is null)
                return "cvmanager-controller";
            var task = $"{string.Join(',', Namespaces.Order(StringComparer.Ordinal))};{LabelSelector}";
            return "cvmanager-controller-" + Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(task)), 0, 4).ToLowerInvariant();
        }
    }
}

/// <summary>A Lease (coordination.k8s.io/v1) and the identity of a candidate.</summary>
/// <param name="Namespace">The Lease's namespace.</param>
/// <param name="Name">The Lease's name.</param>
/// <param name="Identity">The identity of this process; unique among running processes.</param>
public sealed record ElectionOptions(string Namespace, string Name, string Identity);
