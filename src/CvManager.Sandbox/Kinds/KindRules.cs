using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Kinds;

/// <summary>
/// The rules of one kind: defaults, validation, and which fields a write may change. Stateless. The base class has the rules that apply to
/// kinds without their own.
/// </summary>
internal class KindRules
{
    /// <summary>A PUT without resourceVersion overwrites the current object.</summary>
    public virtual bool AllowsUnconditionalUpdate => true;

    /// <summary>A PUT creates a missing object.</summary>
    public virtual bool CreatesOnUpdate => false;

    /// <summary>An immediate DELETE returns the object instead of a Status.</summary>
    public virtual bool ReturnsDeleted => false;

    /// <summary>The propagation policy of a DELETE that does not specify one.</summary>
    public virtual string DefaultPropagation => "Background";

    /// <summary>Changes of the spec increase metadata.generation.</summary>
    public virtual bool HasGeneration => false;

    public virtual string? CheckName(string name) => NameRules.Subdomain(name);

    /// <summary>Fills in defaults. Called for every write; must be idempotent.</summary>
    public virtual void Default(JsonObject body) { }

    /// <summary>Sets server-managed fields of a new object.</summary>
    public virtual void PrepareForCreate(JsonObject body) { }

    /// <summary>Restores the fields that an update cannot change.</summary>
    public virtual void PrepareForUpdate(JsonObject body, JsonObject old) { }

    /// <summary>Restores the fields that an update of the status subresource cannot change; by default everything except status.</summary>
    public virtual void PrepareForStatusUpdate(JsonObject body, JsonObject old) => RestoreAllBut(body, old, "status");

    public virtual void Validate(JsonObject body, CauseList causes) { }

    public virtual void ValidateUpdate(JsonObject body, JsonObject old, CauseList causes) { }

    /// <summary>Whether an update increases the generation.</summary>
    public virtual bool SpecChanged(JsonObject body, JsonObject old) => !JsonAccess.Same(body["spec"], old["spec"]);

    /// <summary>The grace period of a deletion, in seconds; null for kinds that are deleted immediately.</summary>
    public virtual long? GracePeriod(JsonObject body, long? requested) => null;

    protected static void RestoreAllBut(JsonObject body, JsonObject old, string field)
    {
        foreach (var name in body.Select(pair => pair.Key).Concat(old.Select(pair => pair.Key)).Distinct().ToList())
        {
            if (name is not ("metadata" or "kind" or "apiVersion") && name != field)
                Restore(body, old, name);
        }
    }

    /// <summary>Restores one field from the old object.</summary>
    protected static void Restore(JsonObject body, JsonObject old, string field)
    {
        if (old[field] is JsonNode value)
            body[field] = value.DeepClone();
        else
            body.Remove(field);
    }
}
