using System.Text.Json.Nodes;
using CvManager.Cluster;

namespace CvManager.PowerShell.Completion;

/// <summary>The base class of completers that offer the keys of a map in the object that another parameter names.</summary>
public abstract class ObjectKeyCompleter : ClusterCompleter
{
    private protected sealed override async Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        ClusterConnection cluster,
        CompletionRequest request,
        CancellationToken cancellationToken
    )
    {
        if (request.Text(NameParameter) is not { Length: > 0 } name)
            return [];
        ResourcePath path = new("", "v1", Plural, request.Text("Namespace") ?? cluster.DefaultNamespace, name);
        var map = MapIn(await cluster.GetAsync(path, cancellationToken));
        return [.. (map as JsonObject ?? []).Select(entry => new CompletionCandidate(entry.Key))];
    }

    private protected abstract string NameParameter { get; }

    private protected abstract string Plural { get; }

    private protected abstract JsonNode? MapIn(JsonObject item);
}

/// <summary>Offers the keys of the ConfigMap in -ConfigName.</summary>
public sealed class ConfigKeyCompleter : ObjectKeyCompleter
{
    private protected override string NameParameter => "ConfigName";

    private protected override string Plural => "configmaps";

    private protected override JsonNode? MapIn(JsonObject item) => item["data"];
}

/// <summary>Offers the labels in the selector of the Service in -ServiceName.</summary>
public sealed class ServiceLabelCompleter : ObjectKeyCompleter
{
    private protected override string NameParameter => "ServiceName";

    private protected override string Plural => "services";

    private protected override JsonNode? MapIn(JsonObject item) => item["spec"]?["selector"];
}
