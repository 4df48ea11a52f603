using System.Text.Json.Nodes;
using CvManager.Sandbox.Api;

namespace CvManager.Sandbox.Kinds;

/// <summary>
/// What one kind adds to the handling of all objects: defaults, validation, and what a write may change. Without state; the base
/// class is the rules of a kind that has none.
/// </summary>
internal class KindRules
{
    public static KindRules Plain { get; } = new();

    /// <summary>A PUT without resourceVersion overwrites whatever is there.</summary>
    public virtual bool AllowsUnconditionalUpdate => true;

    /// <summary>A PUT makes an object that is not there.</summary>
    public virtual bool CreatesOnUpdate => false;

    /// <summary>A DELETE that is carried out at once answers with the object instead of a Status.</summary>
    public virtual bool ReturnsDeleted => false;

    /// <summary>What happens to dependents when a DELETE does not say.</summary>
    public virtual string DefaultPropagation => "Background";

    /// <summary>metadata.generation counts changes of the specification.</summary>
    public virtual bool HasGeneration => false;

    public virtual string? CheckName(string name) => NameRules.Subdomain(name);

    /// <summary>Fills in what the client left out. Called for every write, and gives the same when called again.</summary>
    public virtual void Default(JsonObject body)
    {
    }

    /// <summary>What a new object gets besides its defaults.</summary>
    public virtual void PrepareForCreate(JsonObject body)
    {
    }

    /// <summary>What an update cannot change is taken from the old object.</summary>
    public virtual void PrepareForUpdate(JsonObject body, JsonObject old)
    {
    }

    /// <summary>What an update of the status subresource cannot change. The base class keeps everything but status.</summary>
    public virtual void PrepareForStatusUpdate(JsonObject body, JsonObject old) => RestoreAllBut(body, old, "status");

    public virtual void Validate(JsonObject body, CauseList causes)
    {
    }

    public virtual void ValidateUpdate(JsonObject body, JsonObject old, CauseList causes)
    {
    }

    /// <summary>True where an update has to raise the generation.</summary>
    public virtual bool SpecChanged(JsonObject body, JsonObject old) => !JsonAccess.Same(body["spec"], old["spec"]);

    /// <summary>How long a deletion leaves the object there, in seconds; null for kinds that go at once.</summary>
    public virtual long? GracePeriod(JsonObject body, long? asked) => null;

    protected static void RestoreAllBut(JsonObject body, JsonObject old, string field)
    {
        foreach (string name in body.Select(pair => pair.Key).Concat(old.Select(pair => pair.Key)).Distinct().ToList())
        {
            if (name is not ("metadata" or "kind" or "apiVersion") && name != field)
                Restore(body, old, name);
        }
    }

    /// <summary>Puts one field back as it was.</summary>
    protected static void Restore(JsonObject body, JsonObject old, string field)
    {
        if (old[field] is JsonNode value)
            body[field] = value.DeepClone();
        else
            body.Remove(field);
    }
}
