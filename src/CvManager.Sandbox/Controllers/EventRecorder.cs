using System.Globalization;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Api;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>Writes Events as the cluster's components do: repeated events are counted, and each expires after an hour.</summary>
internal sealed class EventRecorder(ClusterState cluster)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    private readonly Dictionary<(string Uid, string Reason, string Message), string> _names = [];

    public void Normal(ResourceType type, StoredObject about, string component, string reason, string message) =>
        Record(type, about, component, "Normal", reason, message);

    /// <param name="fieldPath">The part of the object that the event is about, such as spec.containers{main}.</param>
    public void Warning(ResourceType type, StoredObject about, string component, string reason, string message, string fieldPath = "") =>
        Record(type, about, component, "Warning", reason, message, fieldPath);

    private void Record(
        ResourceType type,
        StoredObject about,
        string component,
        string eventType,
        string reason,
        string message,
        string fieldPath = ""
    )
    {
        var ns = about.Namespace.Length > 0 ? about.Namespace : "default";
        var key = (about.Uid, reason, message);
        var now = cluster.Timestamp;
        try
        {
            if (_names.TryGetValue(key, out var name) && cluster.Store.Table(BuiltInKinds.Events).Find(ns, name) is StoredObject present)
            {
                cluster.Update(
                    BuiltInKinds.Events,
                    present,
                    body =>
                    {
                        body["count"] = (body.Int("count") ?? 1) + 1;
                        body["lastTimestamp"] = now;
                    },
                    component
                );
                return;
            }
            name =
                $"{about.Name}.{cluster.Loop.Now.UtcTicks.ToString("x16", CultureInfo.InvariantCulture)[..12]}{cluster.Identifiers.Suffix(4)}";
            cluster.Create(
                BuiltInKinds.Events,
                ns,
                Body(type, about, component, eventType, reason, message, fieldPath, name, now),
                component
            );
            _names[key] = name;
            cluster.Loop.Post(Lifetime, () => Expire(key, ns, name));
        }
        catch (ApiException)
        {
            // Events are best effort: a terminating namespace accepts no new ones.
        }
    }

    private static JsonObject Body(
        ResourceType type,
        StoredObject about,
        string component,
        string eventType,
        string reason,
        string message,
        string fieldPath,
        string name,
        string now
    )
    {
        var source = new JsonObject { ["component"] = component };
        if (component == ControllerIdentity.Kubelet)
            source.SetOrRemove("host", about.Body.Str("spec", "nodeName"));
        var involved = new JsonObject
        {
            ["kind"] = type.Kind,
            ["namespace"] = about.Namespace,
            ["name"] = about.Name,
            ["uid"] = about.Uid,
            ["apiVersion"] = type.Storage.ApiVersion,
            ["resourceVersion"] = about.Body.Str("metadata", "resourceVersion"),
        };
        involved.SetOrRemove("fieldPath", fieldPath);
        return new JsonObject
        {
            ["kind"] = "Event",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject { ["name"] = name },
            ["involvedObject"] = involved,
            ["reason"] = reason,
            ["message"] = message,
            ["source"] = source,
            ["firstTimestamp"] = now,
            ["lastTimestamp"] = now,
            ["count"] = 1L,
            ["type"] = eventType,
            ["eventTime"] = null,
            ["reportingComponent"] = component,
            ["reportingInstance"] = source.Str("host"),
        };
    }

    private void Expire((string Uid, string Reason, string Message) key, string ns, string name)
    {
        lock (cluster.Store.Gate)
        {
            if (_names.TryGetValue(key, out var current) && current == name)
                _names.Remove(key);
            if (cluster.Store.Table(BuiltInKinds.Events).Find(ns, name) is StoredObject old)
                cluster.Delete(BuiltInKinds.Events, old);
        }
    }
}
