using System.Text.Json.Nodes;
using CvManager.Sandbox.Api;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>The state that all controllers share, and their common writes. Members are called with the store's lock held.</summary>
internal sealed class ClusterState(
    SandboxOptions options,
    ObjectStore store,
    KindCatalog catalog,
    ObjectWriter writer,
    EventLoop loop,
    Identifiers identifiers
)
{
    public SandboxOptions Options => options;

    public ObjectStore Store => store;

    public KindCatalog Catalog => catalog;

    public EventLoop Loop => loop;

    public Identifiers Identifiers => identifiers;

    public string Timestamp => Timestamps.Format(loop.Now);

    public StoredObject Create(ResourceType type, string ns, JsonObject body, string manager = ControllerIdentity.ControllerManager) =>
        writer.Create(type, ns, body, Context(type, manager));

    /// <summary>Applies a change to a copy of the object and writes it if it differs.</summary>
    public StoredObject Update(
        ResourceType type,
        StoredObject item,
        Action<JsonObject> change,
        string manager = ControllerIdentity.ControllerManager,
        string subresource = ""
    )
    {
        var body = item.Body.Clone();
        change(body);
        return writer.Update(type, item, body, Context(type, manager, subresource));
    }

    public StoredObject UpdateStatus(
        ResourceType type,
        StoredObject item,
        JsonObject status,
        string manager = ControllerIdentity.ControllerManager
    )
    {
        if (JsonAccess.Same(item.Body["status"], status))
            return item;
        var body = item.Body.Clone();
        body["status"] = status;
        return writer.Update(type, item, body, Context(type, manager, "status"));
    }

    public void Delete(ResourceType type, StoredObject item, DeleteOptions? how = null) =>
        writer.Delete(type, item, how ?? new DeleteOptions { PropagationPolicy = "Background" });

    private static WriteContext Context(ResourceType type, string manager, string subresource = "") =>
        new()
        {
            FieldManager = manager,
            Version = type.Storage,
            Subresource = subresource,
            Validation = FieldValidation.Ignore,
        };
}
