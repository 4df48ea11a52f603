using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;

namespace CvManager.Installation;

/// <summary>The kinds of objects of an installation, and their collections in the API.</summary>
internal static class InstalledKinds
{
    /// <summary>In the order in which they are removed: what runs or grants permissions first.</summary>
    private static readonly (string Kind, string Group, string Plural, bool IsNamespaced)[] All =
    [
        (nameof(ContainerVersion), ContainerVersion.Group, ContainerVersion.Plural, true),
        ("Deployment", "apps", "deployments", true),
        ("PodDisruptionBudget", "policy", "poddisruptionbudgets", true),
        ("NetworkPolicy", "networking.k8s.io", "networkpolicies", true),
        ("Service", "", "services", true),
        ("ClusterRoleBinding", "rbac.authorization.k8s.io", "clusterrolebindings", false),
        ("ClusterRole", "rbac.authorization.k8s.io", "clusterroles", false),
        ("RoleBinding", "rbac.authorization.k8s.io", "rolebindings", true),
        ("Role", "rbac.authorization.k8s.io", "roles", true),
        ("ServiceAccount", "", "serviceaccounts", true),
        ("Namespace", "", "namespaces", false),
    ];

    /// <summary>The kinds that are removed with an installation: all but its namespace, which may contain objects of others.</summary>
    public static IReadOnlyList<(string Kind, ResourcePath Collection)> Removed { get; } =
    [
        .. All.Where(kind => kind.Kind != "Namespace")
            .Select(kind => (kind.Kind, new ResourcePath(kind.Group, VersionOf(kind.Group), kind.Plural))),
    ];

    /// <summary>The path of an object of a manifest.</summary>
    public static ResourcePath PathOf(JsonObject item)
    {
        var kind = All.Single(kind => kind.Kind == item.Text("kind"));
        var version = item.Text("apiVersion")!.Split('/')[^1];
        return new ResourcePath(
            kind.Group,
            version,
            kind.Plural,
            kind.IsNamespaced ? item.Text("metadata", "namespace") : null,
            item.Text("metadata", "name")
        );
    }

    private static string VersionOf(string group) => group == ContainerVersion.Group ? ContainerVersion.Version : "v1";
}
