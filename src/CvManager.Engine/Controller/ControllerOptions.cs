using System.Security.Cryptography;
using System.Text;

namespace CvManager.Controller;

/// <summary>What a <see cref="ContainerVersionController"/> is responsible for, and how it works.</summary>
public sealed record ControllerOptions
{
    /// <summary>The namespaces that it works in; empty for all.</summary>
    public IReadOnlyList<string> Namespaces { get; init; } = [];

    /// <summary>The ContainerVersions that it works on; null for all. The others are seen, and respected (R9).</summary>
    public string? LabelSelector { get; init; }

    /// <summary>The Lease that decides which of several replicas works; null for no election.</summary>
    public ElectionOptions? Election { get; init; }

    /// <summary>Resources that are worked on side by side: each mostly waits for a cluster or a registry, not for a processor.</summary>
    public int Workers { get; init; } = 128;

    /// <summary>For simulations: a source of jitter of one's own, and all in one fixed order.</summary>
    internal Random? Random { get; init; }

    internal bool AllowSynchronousContinuations { get; init; }

    /// <summary>
    /// The same for all replicas with the same task, another one for another: several controllers that share the work (by namespace or
    /// label) must not keep each other from it.
    /// </summary>
    public string DefaultLeaseName
    {
        get
        {
            if (Namespaces.Count == 0 && LabelSelector is null)
                return "cvmanager-controller";
            string task = $"{string.Join(',', Namespaces.Order(StringComparer.Ordinal))};{LabelSelector}";
            return "cvmanager-controller-" + Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(task)), 0, 4).ToLowerInvariant();
        }
    }
}

/// <summary>A Lease (coordination.k8s.io/v1) and who wants it.</summary>
/// <param name="Namespace">Where it is.</param>
/// <param name="Name">What it is called.</param>
/// <param name="Identity">Who wants it: no two processes have the same one at a time.</param>
public sealed record ElectionOptions(string Namespace, string Name, string Identity);
