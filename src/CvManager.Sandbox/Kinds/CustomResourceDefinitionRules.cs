using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Kinds;

/// <summary>The rules of CustomResourceDefinitions themselves.</summary>
internal sealed class CustomResourceDefinitionRules : KindRules
{
    /// <summary>Keeps a deleted definition until its objects are gone.</summary>
    public const string Finalizer = "customresourcecleanup.apiextensions.k8s.io";

    public const string ApprovalAnnotation = "api-approved.kubernetes.io";

    public override bool HasGeneration => true;

    public override void Default(JsonObject body)
    {
        var spec = body.Ensure("spec");
        var names = spec.Ensure("names");
        if (names.Str("kind") is { Length: > 0 } kind)
        {
            names.Default("singular", kind.ToLowerInvariant());
            names.Default("listKind", kind + "List");
        }
        spec.Ensure("conversion").Default("strategy", "None");
        var status = body.Ensure("status");
        if (!status.ContainsKey("conditions"))
            status["conditions"] = null;
        status.Default("acceptedNames", new JsonObject { ["plural"] = "", ["kind"] = "" });
        var stored = status.Texts("storedVersions").ToList();
        foreach (var version in spec.Items("versions"))
        {
            if (version.Bool("storage") && !stored.Contains(version.Str("name")))
                stored.Add(version.Str("name"));
        }
        status["storedVersions"] = new JsonArray([.. stored.Select(name => JsonValue.Create(name))]);
    }

    public override void PrepareForCreate(JsonObject body)
    {
        var finalizers = body.Meta()["finalizers"] as JsonArray ?? [];
        if (!finalizers.Any(item => item.AsText() == Finalizer))
            finalizers.Add((JsonNode)JsonValue.Create(Finalizer));
        if (finalizers.Parent is null)
            body.Meta()["finalizers"] = finalizers;
    }

    public override void Validate(JsonObject body, CauseList causes)
    {
        var spec = body.Ensure("spec");
        var group = spec.Str("group");
        var plural = spec.Str("names", "plural");
        if (body.Name() != $"{plural}.{group}")
            causes.Invalid("metadata.name", body.Name(), "must be spec.names.plural+\".\"+spec.group");
        if (group.Length == 0)
            causes.Required("spec.group");
        if (spec.Str("scope") is var scope and not ("Namespaced" or "Cluster"))
        {
            if (scope.Length == 0)
                causes.Required("spec.scope");
            causes.NotSupported("spec.scope", scope, "Cluster", "Namespaced");
        }
        if (plural.Length == 0)
            causes.Required("spec.names.plural");
        else if (NameRules.Dns1035(plural) is string problem)
            causes.Invalid("spec.names.plural", plural, problem);
        if (spec.Str("names", "kind").Length == 0)
            causes.Required("spec.names.kind");
        ValidateVersions(spec, causes);
        var isProtected = group.EndsWith(".k8s.io", StringComparison.Ordinal) || group.EndsWith(".kubernetes.io", StringComparison.Ordinal);
        if (isProtected && body.Annotations().Str(ApprovalAnnotation).Length == 0)
        {
            causes.Required(
                $"metadata.annotations[{ApprovalAnnotation}]",
                $"protected groups must have approval annotation \"{ApprovalAnnotation}\", see "
                    + "https://github.com/kubernetes/enhancements/pull/1111"
            );
        }
    }

    public override void ValidateUpdate(JsonObject body, JsonObject old, CauseList causes)
    {
        foreach (var field in (string[])["group", "scope"])
        {
            if (body.Str("spec", field) != old.Str("spec", field))
                causes.Invalid($"spec.{field}", body.At("spec", field), "field is immutable");
        }
        foreach (var field in (string[])["kind", "plural"])
        {
            if (body.Str("spec", "names", field) != old.Str("spec", "names", field))
                causes.Invalid($"spec.names.{field}", body.At("spec", "names", field), "field is immutable");
        }
    }

    private static void ValidateVersions(JsonObject spec, CauseList causes)
    {
        var versions = spec.Items("versions").ToList();
        if (versions.Count == 0)
        {
            causes.Required("spec.versions", "must have exactly one version marked as storage version");
            return;
        }
        if (versions.Count(version => version.Bool("storage")) != 1)
            causes.Invalid("spec.versions", spec["versions"], "must have exactly one version marked as storage version");
        for (var i = 0; i < versions.Count; i++)
        {
            var path = $"spec.versions[{i}]";
            if (NameRules.Dns1035(versions[i].Str("name")) is string problem)
                causes.Invalid($"{path}.name", versions[i].Str("name"), problem);
            var schema = versions[i].Obj("schema", "openAPIV3Schema");
            if (schema is null)
            {
                causes.Required($"{path}.schema.openAPIV3Schema", "schemas are required");
                continue;
            }
            if (schema.Str("type") is var type and not "object")
                causes.Invalid($"{path}.schema.openAPIV3Schema.type", type, "must be object at the root");
            Schemas.CustomSchema.ValidateStructure(schema, $"{path}.schema.openAPIV3Schema", causes);
        }
    }
}
