using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Kinds;

/// <summary>A deleted namespace is removed once its finalizers, which are in its spec, are done.</summary>
internal sealed class NamespaceRules : KindRules
{
    public const string Finalizer = "kubernetes";

    public override bool ReturnsDeleted => true;

    public static bool HasFinalizers(ResourceType type, JsonObject body) =>
        type.Rules is NamespaceRules && body.Arr("spec", "finalizers") is { Count: > 0 };

    public static void MarkTerminating(ResourceType type, JsonObject body)
    {
        if (type.Rules is NamespaceRules)
            body.Ensure("status")["phase"] = "Terminating";
    }

    public override string? CheckName(string name) => NameRules.Label(name);

    public override void Default(JsonObject body)
    {
        if (body.Name().Length > 0)
            body.Ensure("metadata", "labels")["kubernetes.io/metadata.name"] = body.Name();
        body.Ensure("spec");
        body.Ensure("status").Default("phase", "Active");
    }

    public override void PrepareForCreate(JsonObject body)
    {
        body["spec"] = new JsonObject { ["finalizers"] = new JsonArray(Finalizer) };
        body["status"] = new JsonObject { ["phase"] = "Active" };
    }

    public override void PrepareForUpdate(JsonObject body, JsonObject old) => Restore(body, old, "spec");
}
