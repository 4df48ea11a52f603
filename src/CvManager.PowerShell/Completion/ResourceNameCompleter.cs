using CvManager.Cluster;

namespace CvManager.PowerShell.Completion;

/// <summary>The base class of completers that offer names of Kubernetes objects. They read the metadata of the objects, not their contents.</summary>
public abstract class ResourceNameCompleter : ClusterCompleter
{
    private protected sealed override async Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        ClusterConnection cluster,
        CompletionRequest request,
        CancellationToken cancellationToken
    )
    {
        var ns = request.Text(NamespaceParameter) ?? cluster.DefaultNamespace;
        var names = await cluster.ListNamesAsync(PathIn(ns), FieldSelector, cancellationToken);
        return [.. names.Select(ToValue).OfType<string>().Select(name => new CompletionCandidate(name))];
    }

    private protected abstract ResourcePath PathIn(string ns);

    private protected virtual string NamespaceParameter => "Namespace";

    private protected virtual string? FieldSelector => null;

    /// <summary>The value for an object of this name; null to omit it.</summary>
    private protected virtual string? ToValue(string name) => name;
}

/// <summary>Offers names of Services.</summary>
public sealed class ServiceCompleter : ResourceNameCompleter
{
    private protected override ResourcePath PathIn(string ns) => new("", "v1", "services", ns);
}

/// <summary>Offers names of Secrets that contain the login of a registry.</summary>
public sealed class ImagePullSecretCompleter : ResourceNameCompleter
{
    private protected override ResourcePath PathIn(string ns) => new("", "v1", "secrets", ns);

    private protected override string FieldSelector => "type=kubernetes.io/dockerconfigjson";
}

/// <summary>Offers names of ConfigMaps.</summary>
public sealed class ConfigMapCompleter : ResourceNameCompleter
{
    private protected override ResourcePath PathIn(string ns) => new("", "v1", "configmaps", ns);
}

/// <summary>Offers names of histories: those of the ConfigMaps, without their suffix.</summary>
public sealed class HistoryNameCompleter : ResourceNameCompleter
{
    private const string Suffix = ".history";

    private protected override ResourcePath PathIn(string ns) => new("", "v1", "configmaps", ns);

    private protected override string? ToValue(string name) =>
        name.EndsWith(Suffix, StringComparison.Ordinal) ? name[..^Suffix.Length] : null;
}

/// <summary>Offers names of Leases.</summary>
public sealed class LeaseCompleter : ResourceNameCompleter
{
    private protected override ResourcePath PathIn(string ns) => new("coordination.k8s.io", "v1", "leases", ns);

    private protected override string NamespaceParameter => "LeaseNamespace";
}
