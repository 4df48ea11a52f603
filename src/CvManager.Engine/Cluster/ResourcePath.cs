using System.Text;

namespace CvManager.Cluster;

/// <summary>Names a resource, a collection, an object or a subresource of the Kubernetes API.</summary>
/// <param name="Group">Empty for the core group.</param>
/// <param name="Version">For example v1.</param>
/// <param name="Plural">For example deployments.</param>
/// <param name="Namespace">Null for all namespaces, and for cluster-scoped resources.</param>
/// <param name="Name">Null for the collection.</param>
/// <param name="Subresource">For example status.</param>
public sealed record ResourcePath(
    string Group,
    string Version,
    string Plural,
    string? Namespace = null,
    string? Name = null,
    string? Subresource = null
)
{
    /// <summary>The path of the request, without a leading slash.</summary>
    public override string ToString()
    {
        StringBuilder path = new(Group.Length == 0 ? $"api/{Version}" : $"apis/{Group}/{Version}");
        if (Namespace is not null)
            path.Append("/namespaces/").Append(Uri.EscapeDataString(Namespace));
        path.Append('/').Append(Plural);
        if (Name is not null)
            path.Append('/').Append(Uri.EscapeDataString(Name));
        if (Subresource is not null)
            path.Append('/').Append(Subresource);
        return path.ToString();
    }

    /// <summary>For messages: <c>deployments.apps default/myapp</c>.</summary>
    internal string Title
    {
        get
        {
            var kind = Group.Length == 0 ? Plural : $"{Plural}.{Group}";
            return Name is null
                ? Namespace is null
                    ? kind
                    : $"{kind} in namespace {Namespace}"
                : Namespace is null
                    ? $"{kind} {Name}"
                    : $"{kind} {Namespace}/{Name}";
        }
    }
}
