using System.Text.Json.Nodes;
using CvManager.Sandbox;
using CvManager.Simulation.Seeds;

namespace CvManager.Simulation;

/// <summary>A change of an object in the cluster and its actor; the cluster's own components have no name.</summary>
internal sealed record ObjectChanged(int Number, DateTimeOffset Time, string Actor, SandboxChange Change)
{
    /// <summary>True for a change by one of our controllers.</summary>
    public bool IsOurs => Actor.StartsWith(Replica.Prefix, StringComparison.Ordinal);

    public override string ToString() => $"{Time:HH:mm:ss.fff} {(Actor.Length == 0 ? "cluster" : Actor)}: {Change.Resource}/{Change.Name}";
}

/// <summary>One of our controllers read what a tag points at.</summary>
internal sealed record TagSeen(int Number, DateTimeOffset Time, string Tag, string Digest);

/// <summary>Everything that happened in one simulation, in order. Written by the world, read by the invariants.</summary>
internal sealed class History
{
    private readonly List<ObjectChanged> _changes = [];
    private readonly List<TagSeen> _seen = [];
    private readonly Dictionary<string, Timeline> _resources = new(StringComparer.Ordinal);
    private int _count;

    public IReadOnlyList<ObjectChanged> Changes => _changes;

    public IReadOnlyList<TagSeen> Seen => _seen;

    /// <summary>All ContainerVersions that ever existed, by uid.</summary>
    public IReadOnlyDictionary<string, Timeline> Resources => _resources;

    /// <summary>How long a controller may act on outdated state: the longest delay of a request, or silence of a watch.</summary>
    public TimeSpan Grace { get; init; }

    /// <summary>The digests of the versions, by version tag.</summary>
    public Dictionary<string, string> Digests { get; } = new(StringComparer.Ordinal);

    /// <summary>The registry requests: time, actor and login.</summary>
    public List<(string Who, DateTimeOffset Time)> RegistryRequests { get; } = [];

    /// <summary>Log entries that contain a secret.</summary>
    public List<string> Leaks { get; } = [];

    /// <summary>The number of the change from which on the controllers have nothing to do; null before that.</summary>
    public int? IdleFrom { get; private set; }

    public void Add(string actor, SandboxChange change)
    {
        ObjectChanged happened = new(_count++, change.Time, actor, change);
        _changes.Add(happened);
        if (change.Resource != Names.Resources)
            return;
        var uid = Fields.Text(change.After ?? change.Before, "metadata", "uid");
        if (!_resources.TryGetValue(uid, out var timeline))
            _resources.Add(uid, timeline = new Timeline(change.Name));
        timeline.Add(happened);
    }

    public void Add(string tag, string digest, DateTimeOffset time) => _seen.Add(new TagSeen(_count++, time, tag, digest));

    public void BeginIdle() => IdleFrom = _count;

    /// <summary>The digests that a tag was seen to point at, from the given time to the given change.</summary>
    public IEnumerable<string> SeenWithin(string tag, DateTimeOffset from, int before)
    {
        TagSeen? last = null;
        foreach (var seen in _seen.Where(s => s.Tag == tag && s.Number < before))
        {
            if (seen.Time > from && last is not null)
                yield return last.Digest;
            last = seen;
        }

        if (last is not null)
            yield return last.Digest;
    }

    /// <summary>The digest of an image reference: its own, or that of its version; empty if unknown.</summary>
    public string DigestOf(string image)
    {
        var at = image.IndexOf('@', StringComparison.Ordinal);
        return at >= 0 ? image[(at + 1)..] : Digests.GetValueOrDefault(image[(image.LastIndexOf(':') + 1)..], "");
    }

    /// <summary>Every change of a container's image by one of our controllers.</summary>
    public IEnumerable<ImageChange> ImageChanges()
    {
        foreach ((var change, var former) in Rewritten())
        {
            var shape = WorkloadShape.Of(change.Change.Resource)!;
            var before = shape.Images(former);
            foreach ((var container, var image) in shape.Images(change.Change.After!))
            {
                if (before.TryGetValue(container, out var old) && old != image)
                    yield return new ImageChange(change, shape.Kind, change.Change.Name, container, old, image);
            }
        }
    }

    /// <summary>Every workload that one of our controllers changed or recreated, with its former state.</summary>
    public IEnumerable<(ObjectChanged Change, JsonObject Before)> Rewritten()
    {
        Dictionary<(string, string), JsonObject> last = [];
        foreach (var change in _changes.Where(c => WorkloadShape.Of(c.Change.Resource) is not null))
        {
            (string, string) key = (change.Change.Resource, change.Change.Name);
            if (
                change.IsOurs
                && change.Change.After is { } after
                && (change.Change.Before ?? last.GetValueOrDefault(key)) is { } before
                && Fields.Text(before, "metadata", "labels", "cvapp").Length > 0
                && (after["metadata"]!["deletionTimestamp"] is null || before["metadata"]!["deletionTimestamp"] is not null)
            )
            {
                yield return (change, before);
            }

            last[key] = change.Change.After ?? change.Change.Before!;
        }
    }

    /// <summary>
    /// The rollouts that an image change can belong to: their intent contains the workload and the new or restored image.
    /// </summary>
    public IEnumerable<(Timeline Resource, JsonObject Rollout)> IntentsOf(ImageChange change)
    {
        foreach (var resource in _resources.Values)
        {
            // Also of a deleted resource: its controller may not know yet.
            if (
                resource.LastBefore(change.By.Number, change.By.Time - Grace) is not { } state
                || state["status"]?["rollout"] is not JsonObject rollout
            )
                continue;
            if (Names.IsFinal(Fields.Text(rollout, "phase")))
                continue;
            var back = Fields.Text(rollout, "phase") == "RollingBack";
            var named = (rollout["workloads"] as JsonArray ?? [])
                .OfType<JsonObject>()
                .Any(w =>
                    Fields.Text(w, "kind") == change.Kind
                    && Fields.Text(w, "name") == change.Name
                    && Fields.Text(w, back ? "fromImage" : "toImage") == change.To
                );
            if (named && Fields.Text(state, "spec", "container", "name") == change.Container)
                yield return (resource, rollout);
        }
    }
}

/// <summary>A change of a container's image by one of our controllers.</summary>
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

    /// <summary>The state before a change; for a deleted object the last one, if it was deleted after the given time.</summary>
    public JsonObject? LastBefore(int number, DateTimeOffset goneAfter)
    {
        var last = _states.LastOrDefault(s => s.Number < number);
        return last is null ? null : last.Change.After ?? (last.Time >= goneAfter ? last.Change.Before : null);
    }

    /// <summary>The states from the given time to the given change; null for when the object did not exist.</summary>
    public IEnumerable<JsonObject?> Within(DateTimeOffset from, int before)
    {
        JsonObject? last = null;
        foreach (var state in _states.Where(s => s.Number < before))
        {
            if (state.Time > from)
                yield return last;
            last = state.Change.After;
        }

        yield return last;
    }
}
