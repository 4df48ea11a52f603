using System.Text;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Kinds;

/// <summary>Validates the metadata of all kinds.</summary>
internal static class MetadataValidation
{
    private const int AnnotationLimit = 256 * 1024;

    public static void Validate(ResourceType type, JsonObject body, JsonObject? old, CauseList causes)
    {
        var meta = body.Meta();
        var name = meta.Str("name");
        var prefix = meta.Str("generateName");
        if (old is null)
        {
            if (name.Length == 0)
            {
                if (prefix.Length == 0)
                    causes.Required("metadata.name", "name or generateName is required");
            }
            else if (type.Rules.CheckName(name) is string problem)
            {
                causes.Invalid("metadata.name", name, problem);
            }
        }
        ValidateLabels(meta.Obj("labels"), "metadata.labels", causes);
        ValidateAnnotations(meta.Obj("annotations"), "metadata.annotations", causes);
        ValidateOwners(meta, causes);
        foreach (var finalizer in meta.Texts("finalizers"))
        {
            if (NameRules.QualifiedName(finalizer) is string problem)
                causes.Invalid("metadata.finalizers", finalizer, problem);
        }
        if (old is not null && old.IsDeleting())
        {
            var added = meta.Texts("finalizers").Except(old.Texts("metadata", "finalizers")).ToList();
            if (added.Count > 0)
                causes.Forbidden(
                    "metadata.finalizers",
                    $"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{string.Join(", ", added.Select(JsonAccess.Quoted))}}}"
                );
        }
    }

    public static void ValidateLabels(JsonObject? labels, string path, CauseList causes)
    {
        foreach (var (key, value) in labels ?? [])
        {
            if (NameRules.QualifiedName(key) is string problem)
                causes.Invalid(path, key, problem);
            if (NameRules.LabelValue(value.AsText() ?? "") is string wrong)
                causes.Invalid(path, value, wrong);
        }
    }

    private static void ValidateAnnotations(JsonObject? annotations, string path, CauseList causes)
    {
        long total = 0;
        foreach (var (key, value) in annotations ?? [])
        {
            // As in the API server, keys are validated in lower case, so that upper case prefixes are allowed.
            if (NameRules.QualifiedName(key.ToLowerInvariant()) is string problem)
                causes.Invalid(path, key, problem);
            total += Encoding.UTF8.GetByteCount(key) + Encoding.UTF8.GetByteCount(value.AsText() ?? "");
        }
        if (total > AnnotationLimit)
            causes.TooLong(path, $"must have at most {AnnotationLimit} bytes");
    }

    private static void ValidateOwners(JsonObject meta, CauseList causes)
    {
        var controllers = 0;
        var index = 0;
        foreach (var owner in meta.Items("ownerReferences"))
        {
            var path = $"metadata.ownerReferences[{index++}]";
            if (owner.Str("apiVersion").Length == 0)
                causes.Invalid($"{path}.apiVersion", owner.Str("apiVersion"), "version must not be empty");
            foreach (var field in (string[])["kind", "name", "uid"])
            {
                if (owner.Str(field).Length == 0)
                    causes.Invalid($"{path}.{field}", "", $"{field} must not be empty");
            }
            if (owner.Bool("controller"))
                controllers++;
        }
        if (controllers > 1)
            causes.Invalid("metadata.ownerReferences", meta["ownerReferences"], "Only one reference can have Controller set to true.");
    }
}
