using System.Text.Json.Nodes;

namespace CvManager.Simulation.Invariants;

/// <summary>Only the image of the named container of a workload changes.</summary>
internal sealed class NothingButTheImage : Invariant
{
    public override int Number => 11;

    public override IEnumerable<string> Check(History history)
    {
        foreach ((var change, var before) in history.Rewritten())
        {
            var isNew = change.Change.Before is null;
            var shape = WorkloadShape.Of(change.Change.Resource)!;
            if (!JsonNode.DeepEquals(Rest(shape, before, isNew), Rest(shape, change.Change.After!, isNew)))
                yield return $"{change}: changed more than the image of {Names.Container}";
        }
    }

    /// <summary>The object without what a controller may change, and without fields that the server maintains.</summary>
    private static JsonObject Rest(WorkloadShape shape, JsonObject item, bool isNew)
    {
        var rest = item.DeepClone().AsObject();
        var meta = rest["metadata"]!.AsObject();
        foreach (var counted in (string[])["resourceVersion", "generation", "managedFields"])
            meta.Remove(counted);
        if (isNew)
        {
            // Fields that the server generates for each Job.
            foreach (var own in (string[])["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "finalizers"])
                meta.Remove(own);
            rest.Remove("status");
            (rest["spec"] as JsonObject)?.Remove("selector");
            (Fields.At(rest, "spec", "template") as JsonObject)?.Remove("metadata");
        }

        var container = (Fields.At(rest, [.. shape.PodSpec, "containers"]) as JsonArray)?.FirstOrDefault(c =>
            Fields.Text(c, "name") == Names.Container
        );
        (container as JsonObject)?.Remove("image");
        return rest;
    }
}
