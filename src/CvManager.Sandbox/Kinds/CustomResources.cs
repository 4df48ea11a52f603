using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Printing;
using CvManager.Sandbox.Schemas;

namespace CvManager.Sandbox.Kinds;

/// <summary>Builds the resource type that a CustomResourceDefinition defines.</summary>
internal static class CustomResources
{
    public static ResourceType FromDefinition(JsonObject definition)
    {
        var spec = definition.Ensure("spec");
        var names = spec.Ensure("names");
        var group = spec.Str("group");
        var versions = spec.Items("versions").ToList();
        var stored = versions.First(version => version.Bool("storage"));
        var schemas = versions.ToDictionary(version => version.Str("name"), version => Serve(group, version));
        var storage = schemas[stored.Str("name")];
        return new ResourceType
        {
            Group = group,
            Plural = names.Str("plural"),
            Singular = names.Str("singular"),
            Kind = names.Str("kind"),
            ListKind = names.Str("listKind"),
            Namespaced = spec.Str("scope") == "Namespaced",
            ShortNames = [.. names.Texts("shortNames")],
            Categories = [.. names.Texts("categories")],
            Versions =
            [
                .. versions
                    .Where(version => version.Bool("served"))
                    .Select(version => schemas[version.Str("name")])
                    .OrderByDescending(version => version.Version, VersionOrder.Instance),
            ],
            Storage = storage,
            Rules = new CustomResourceRules(storage.Schema, storage.HasStatus),
            SelectableFields = ResourceType
                .NameAndNamespace.Concat(stored.Items("selectableFields").Select(field => field.Str("jsonPath").TrimStart('.')))
                .ToHashSet(StringComparer.Ordinal),
            IsCustom = true,
        };
    }

    private static ServedVersion Serve(string group, JsonObject version)
    {
        var name = version.Str("name");
        var scale = version.Obj("subresources", "scale");
        return new ServedVersion(group, name, CustomSchema.Read(version.Obj("schema", "openAPIV3Schema")))
        {
            HasStatus = version.At("subresources", "status") is not null,
            Scale = scale is null
                ? null
                : new ScalePaths(scale.Str("specReplicasPath"), scale.Str("statusReplicasPath"), scale.Str("labelSelectorPath")),
            Table = CustomColumns.Layout(version),
            DeprecationWarning =
                !version.Bool("deprecated") ? ""
                : version.Str("deprecationWarning") is { Length: > 0 } text ? text
                : $"{group}/{name} is deprecated",
        };
    }

    /// <summary>Kubernetes' version priority: v2 before v1 before v1beta2 before v1alpha1, others last.</summary>
    private sealed class VersionOrder : IComparer<string>
    {
        public static VersionOrder Instance { get; } = new();

        public int Compare(string? x, string? y) => Rank(x!).CompareTo(Rank(y!));

        private static (int Stability, int Major, int Minor, string Name) Rank(string version)
        {
            string digits = new([.. version.Skip(1).TakeWhile(char.IsAsciiDigit)]);
            if (!version.StartsWith('v') || digits.Length is 0 or > 8)
                return (-1, 0, 0, version);
            var rest = version[(1 + digits.Length)..];
            string level = new([.. rest.TakeWhile(char.IsAsciiLetterLower)]);
            var number = rest[level.Length..];
            var stability = level switch
            {
                "" when rest.Length == 0 => 2,
                "beta" => 1,
                "alpha" => 0,
                _ => -1,
            };
            return (
                stability,
                int.Parse(digits, System.Globalization.CultureInfo.InvariantCulture),
                int.TryParse(number, out var minor) ? minor : 0,
                ""
            );
        }
    }
}

/// <summary>The rules of one custom resource.</summary>
internal sealed class CustomResourceRules(SchemaNode schema, bool hasStatus) : KindRules
{
    public override bool AllowsUnconditionalUpdate => false;

    public override bool HasGeneration => true;

    public override void Default(JsonObject body) => ObjectShape.FillDefaults(schema, body);

    /// <summary>Restores metadata too: an update of the status changes only the status.</summary>
    public override void PrepareForStatusUpdate(JsonObject body, JsonObject old)
    {
        base.PrepareForStatusUpdate(body, old);
        var meta = (old.Obj("metadata") ?? []).Clone();
        if (body.Arr("metadata", "managedFields") is JsonArray sent)
            meta["managedFields"] = sent.DeepClone();
        body["metadata"] = meta;
    }

    public override void Validate(JsonObject body, CauseList causes) => CustomValidation.Validate(schema, body, "", causes);

    /// <summary>All fields count except metadata and, if it is a subresource, status.</summary>
    public override bool SpecChanged(JsonObject body, JsonObject old) =>
        body.Select(pair => pair.Key)
            .Union(old.Select(pair => pair.Key))
            .Any(name => name != "metadata" && !(hasStatus && name == "status") && !JsonAccess.Same(body[name], old[name]));
}
