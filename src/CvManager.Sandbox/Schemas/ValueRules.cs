using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace CvManager.Sandbox.Schemas;

/// <summary>
/// The value validations of a CRD's structural schema. CEL rules (x-kubernetes-validations) are ignored, as by API servers before 1.25.
/// </summary>
internal sealed class ValueRules
{
    public bool Nullable { get; init; }

    public JsonNode? Default { get; init; }

    public IReadOnlyList<JsonNode?>? Enum { get; init; }

    public Regex? Pattern { get; init; }

    public string PatternText { get; init; } = "";

    public double? Minimum { get; init; }

    public double? Maximum { get; init; }

    public bool ExclusiveMinimum { get; init; }

    public bool ExclusiveMaximum { get; init; }

    public double? MultipleOf { get; init; }

    public long? MinLength { get; init; }

    public long? MaxLength { get; init; }

    public long? MinItems { get; init; }

    public long? MaxItems { get; init; }

    public bool UniqueItems { get; init; }

    public long? MinProperties { get; init; }

    public long? MaxProperties { get; init; }

    public bool EmbeddedResource { get; init; }

    public IReadOnlyList<SchemaNode> AllOf { get; init; } = [];

    public IReadOnlyList<SchemaNode> AnyOf { get; init; } = [];

    public IReadOnlyList<SchemaNode> OneOf { get; init; } = [];

    public SchemaNode? Not { get; init; }

    public static ValueRules None { get; } = new();
}
