using System.Text.Json.Nodes;
using CvManager.Sandbox;

namespace CvManager.Simulation;

/// <summary>A change of an object in the cluster, by whom it was made; the cluster's own parts have no name.</summary>
internal sealed record ObjectChanged(int Number, DateTimeOffset Time, string Actor, SandboxChange Change)
{
    /// <summary>By a controller of ours.</summary>
    public bool IsOurs => Actor.StartsWith(Replica.Prefix, StringComparison.Ordinal);

    public override string ToString() => $"{Time:HH:mm:ss.fff} {(Actor.Length == 0 ? "cluster" : Actor)}: {Change.Resource}/{Change.Name}";
}

/// <summary>A controller of ours got to know what a tag points at.</summary>
internal sealed record TagSeen(int Number, DateTimeOffset Time, string Tag, string Digest);

/// <summary>All that happened in one simulation, in order. Filled by the world, read by the invariants.</summary>
internal sealed class History
{
    private readonly List<ObjectChanged> _changes = [];
    private readonly List<TagSeen> _seen = [];
    private readonly Dictionary<string, Timeline> _resources = new(StringComparer.Ordinal);
    private int _count;

    public IReadOnlyList<ObjectChanged> Changes => _changes;

    public IReadOnlyList<TagSeen> Seen => _seen;

    /// <summary>The ContainerVersions that there ever were, by uid.</summary>
    public IReadOnlyDictionary<string, Timeline> Resources => _resources;

    /// <summary>How much longer than it is so a controller may not know it: the longest that a request may be late, or a watch be silent.</summary>
    public TimeSpan Grace { get; init; }

    /// <summary>What the images of the versions are, by version tag.</summary>
    public Dictionary<string, string> Digests { get; } = new(StringComparer.Ordinal);

    /// <summary>When each registry was asked, by whom and with which login.</summary>
    public List<(string Who, DateTimeOffset Time)> RegistryRequests { get; } = [];

    /// <summary>What the controllers said that they must not have said.</summary>
    public List<string> Leaks { get; } = [];

    /// <summary>From here on nothing is to be done; null while there may be.</summary>
    public int? IdleFrom { get; private set; }

    public void Add(string actor, SandboxChange change)
    {
        ObjectChanged happened = new(_count++, change.Time, actor, change);
        _changes.Add(happened);
        if (change.Resource != Names.Resources)
            return;
        string uid = Fields.Text(change.After ?? change.Before, "metadata", "uid");
        if (!_resources.TryGetValue(uid, out Timeline? timeline))
            _resources.Add(uid, timeline = new Timeline(change.Name));
        timeline.Add(happened);
    }

    public void Add(string tag, string digest, DateTimeOffset time) => _seen.Add(new TagSeen(_count++, time, tag, digest));

    public void BeginIdle() => IdleFrom = _count;

    /// <summary>What a tag was seen to point at, at any time from then to the given happening.</summary>
    public IEnumerable<string> SeenWithin(string tag, DateTimeOffset from, int before)
    {
        TagSeen? last = null;
        foreach (TagSeen seen in _seen.Where(s => s.Tag == tag && s.Number < before))
        {
            if (seen.Time > from && last is not null)
                yield return last.Digest;
            last = seen;
        }

        if (last is not null)
            yield return last.Digest;
    }

    /// <summary>The digest that an image reference stands for: its own, or that of its version; empty where nobody knows it.</summary>
    public string DigestOf(string image)
    {
        int at = image.IndexOf('@', StringComparison.Ordinal);
        return at >= 0 ? image[(at + 1)..] : Digests.GetValueOrDefault(image[(image.LastIndexOf(':') + 1)..], "");
    }

    /// <summary>Every change of a container's image that a controller of ours made.</summary>
    public IEnumerable<ImageChange> ImageChanges()
    {
        foreach ((ObjectChanged change, JsonObject former) in Rewritten())
        {
            WorkloadShape shape = WorkloadShape.Of(change.Change.Resource)!;
            Dictionary<string, string> before = shape.Images(former);
            foreach ((string container, string image) in shape.Images(change.Change.After!))
            {
                if (before.TryGetValue(container, out string? old) && old != image)
                    yield return new ImageChange(change, shape.Kind, change.Change.Name, container, old, image);
            }
        }
    }

    /// <summary>Every workload that a controller of ours changed, or made anew in the place of one that was there, and what it was before.</summary>
    public IEnumerable<(ObjectChanged Change, JsonObject Before)> Rewritten()
    {
        Dictionary<(string, string), JsonObject> last = [];
        foreach (ObjectChanged change in _changes.Where(c => WorkloadShape.Of(c.Change.Resource) is not null))
        {
            (string, string) key = (change.Change.Resource, change.Change.Name);
            if (change.IsOurs && change.Change.After is { } after && (change.Change.Before ?? last.GetValueOrDefault(key)) is { } before
                && Fields.Text(before, "metadata", "labels", "cvapp").Length > 0
                && (after["metadata"]!["deletionTimestamp"] is null || before["metadata"]!["deletionTimestamp"] is not null))
            {
                yield return (change, before);
            }

            last[key] = change.Change.After ?? change.Change.Before!;
        }
    }

    /// <summary>The rollouts that an image change can belong to: their intent names the workload, and where its image goes, or goes back to.</summary>
    public IEnumerable<(Timeline Resource, JsonObject Rollout)> IntentsOf(ImageChange change)
    {
        foreach (Timeline resource in _resources.Values)
        {
            // Of one that is gone: its controller may not know yet.
            if (resource.LastBefore(change.By.Number, change.By.Time - Grace) is not { } state || state["status"]?["rollout"] is not JsonObject rollout)
                continue;
            if (Names.IsFinal(Fields.Text(rollout, "phase")))
                continue;
            bool back = Fields.Text(rollout, "phase") == "RollingBack";
            bool named = (rollout["workloads"] as JsonArray ?? []).OfType<JsonObject>().Any(w => Fields.Text(w, "kind") == change.Kind
                && Fields.Text(w, "name") == change.Name && Fields.Text(w, back ? "fromImage" : "toImage") == change.To);
            if (named && Fields.Text(state, "spec", "container", "name") == change.Container)
                yield return (resource, rollout);
        }
    }
}

/// <summary>A container's image that was changed by a controller of ours.</summary>
internal sealed record ImageChange(ObjectChanged By, string Kind, string Name, string Container, string From, string To)
{
    public override string ToString() => $"{By.Time:HH:mm:ss.fff} {By.Actor}: {Kind}/{Name} {Container} {From} -> {To}";
}

/// <summary>The states of one object over time.</summary>
internal sealed class Timeline(string name)
{
    private readonly List<ObjectChanged> _states = [];

    public string Name => name;

    public IReadOnlyList<ObjectChanged> States => _states;

    public DateTimeOffset Created => _states[0].Time;

    public void Add(ObjectChanged state) => _states.Add(state);

    /// <summary>The state before a happening; of an object that is gone the last one, if it went after the given time.</summary>
    public JsonObject? LastBefore(int number, DateTimeOffset goneAfter)
    {
        ObjectChanged? last = _states.LastOrDefault(s => s.Number < number);
        return last is null ? null : last.Change.After ?? (last.Time >= goneAfter ? last.Change.Before : null);
    }

    /// <summary>The states that were so at any time from then to the given happening; null for when it did not exist.</summary>
    public IEnumerable<JsonObject?> Within(DateTimeOffset from, int before)
    {
        JsonObject? last = null;
        foreach (ObjectChanged state in _states.Where(s => s.Number < before))
        {
            if (state.Time > from)
                yield return last;
            last = state.Change.After;
        }

        yield return last;
    }
}
