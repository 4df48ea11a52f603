using System.Text.Json.Nodes;

namespace CvManager.Simulation.Invariants;

/// <summary>Of a workload only the named container's image changes.</summary>
internal sealed class NothingButTheImage : Invariant
{
    public override int Number => 11;

    public override IEnumerable<string> Check(History history)
    {
        foreach (ObjectChanged change in history.Changes.Where(c => c.IsOurs))
        {
            if (WorkloadShape.Of(change.Change.Resource) is not { } shape || change.Change is not { Before: { } before, After: { } after })
                continue;
            if (!JsonNode.DeepEquals(Rest(shape, before), Rest(shape, after)))
                yield return $"{change}: more was changed than the image of {Names.Container}";
        }
    }

    /// <summary>All of it but what we may change, and what the server counts.</summary>
    private static JsonObject Rest(WorkloadShape shape, JsonObject item)
    {
        JsonObject rest = item.DeepClone().AsObject();
        JsonObject meta = rest["metadata"]!.AsObject();
        foreach (string counted in (string[])["resourceVersion", "generation", "managedFields"])
            meta.Remove(counted);
        JsonNode? container = (Fields.At(rest, [.. shape.PodSpec, "containers"]) as JsonArray)?.FirstOrDefault(c => Fields.Text(c, "name") == Names.Container);
        (container as JsonObject)?.Remove("image");
        return rest;
    }
}
