using System.Collections;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using CvManager.Resources;
using Xunit;

namespace CvManager.Unit.Resources;

/// <summary>deploy/crd.yaml and the types have the same fields, types and defaults.</summary>
public sealed class CustomResourceDefinitionTests
{
    [Fact]
    public void The_schema_and_the_types_have_the_same_fields_of_the_same_types()
    {
        var properties = CustomResourceDefinition.Schema["properties"]!.AsObject();

        List<string> differences = [];
        Compare(typeof(ContainerVersionSpec), properties["spec"]!.AsObject(), "spec", differences);
        Compare(typeof(ContainerVersionStatus), properties["status"]!.AsObject(), "status", differences);

        Assert.Empty(differences);
    }

    [Fact]
    public void The_schema_and_the_types_have_the_same_defaults()
    {
        ContainerVersion resource = new()
        {
            Metadata = new ResourceMetadata { Name = "a" },
            Spec = new ContainerVersionSpec
            {
                Container = new ContainerSpec { Verify = [new VerifySpec()] },
                Strategy = new StrategySpec { BlueGreen = new BlueGreenSpec() },
                Config = new ConfigSpec(),
            },
        };
        var written = ContainerVersionManifest.Write(resource)["spec"]!;

        List<string> compared = [];
        CompareDefaults(CustomResourceDefinition.Schema["properties"]!["spec"]!.AsObject(), written, "spec", compared);

        Assert.Contains("spec.pollIntervalSeconds", compared);
        Assert.Contains("spec.container.verify[].timeoutSeconds", compared);
        Assert.True(compared.Count >= 11, $"only {compared.Count} defaults were compared");
    }

    [Fact]
    public void A_resource_round_trips()
    {
        var manifest = """
            {"apiVersion":"custom.k8s.io/v1","kind":"ContainerVersion",
             "metadata":{"name":"a","namespace":"b","finalizers":["x/y"],"ownerReferences":[{"name":"o"}]},
             "spec":{"imageRepo":"r/a","tag":"demo","selector":{"cvapp":"a"},"container":{"name":"a"}},
             "status":{"currStatusTime":"2026-01-02T03:04:05Z","currVersion":"abcdef"}}
            """;
        var resource = ContainerVersionManifest.Read(JsonNode.Parse(manifest)!.AsObject());
        var written = ContainerVersionManifest.Write(resource);

        Assert.Equal("x/y", written["metadata"]!["finalizers"]![0]!.GetValue<string>());
        Assert.Equal("o", written["metadata"]!["ownerReferences"]![0]!["name"]!.GetValue<string>());
        Assert.Equal("2026-01-02T03:04:05Z", written["status"]!["currStatusTime"]!.GetValue<string>());
        Assert.Equal(written.ToJsonString(), ContainerVersionManifest.Write(ContainerVersionManifest.Read(written)).ToJsonString());
    }

    [Fact]
    public void The_manifest_declares_the_protected_group_as_unapproved()
    {
        var crd = CustomResourceDefinition.Json;

        Assert.StartsWith(
            "unapproved",
            crd["metadata"]!["annotations"]!["api-approved.kubernetes.io"]!.GetValue<string>(),
            StringComparison.Ordinal
        );
        Assert.Equal(CustomResourceDefinition.Name, crd["metadata"]!["name"]!.GetValue<string>());
    }

    private static void Compare(Type type, JsonObject schema, string path, List<string> differences)
    {
        var fields = schema["properties"]!.AsObject();
        var members = type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.GetCustomAttribute<JsonIgnoreAttribute>() is null or { Condition: not JsonIgnoreCondition.Always })
            .ToDictionary(p => JsonNamingPolicy.CamelCase.ConvertName(p.Name));
        differences.AddRange(fields.Select(f => f.Key).Except(members.Keys).Select(f => $"{path}.{f} is in the schema alone"));
        differences.AddRange(members.Keys.Except(fields.Select(f => f.Key)).Select(f => $"{path}.{f} is in {type.Name} alone"));
        foreach ((var name, var member) in members.Where(m => fields.ContainsKey(m.Key)))
            CompareType(member.PropertyType, fields[name]!.AsObject(), $"{path}.{name}", differences);
    }

    private static void CompareType(Type type, JsonObject schema, string path, List<string> differences)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        var expected =
            type == typeof(string) || type == typeof(DateTimeOffset) ? "string"
            : type == typeof(int) || type == typeof(long) ? "integer"
            : type == typeof(bool) ? "boolean"
            : typeof(IEnumerable<KeyValuePair<string, string>>).IsAssignableFrom(type) ? "object"
            : typeof(IEnumerable).IsAssignableFrom(type) ? "array"
            : "object";
        if (schema["type"]!.GetValue<string>() != expected)
            differences.Add($"{path} is {schema["type"]} in the schema and {expected} in the type");
        else if (expected == "array")
            CompareType(type.GetGenericArguments()[0], schema["items"]!.AsObject(), path + "[]", differences);
        else if (expected == "object" && schema["properties"] is not null)
            Compare(type, schema, path, differences);
    }

    private static void CompareDefaults(JsonObject schema, JsonNode? written, string path, List<string> compared)
    {
        if (schema["default"] is { } value && value is not JsonObject)
        {
            Assert.True(written is not null, $"{path} has a default in the schema alone");
            Assert.True(JsonNode.DeepEquals(value, written), $"{path} defaults to {value} in the schema and to {written} in the type");
            compared.Add(path);
        }

        if (schema["properties"] is JsonObject properties)
        {
            foreach ((var name, var field) in properties)
                CompareDefaults(field!.AsObject(), written?[name], $"{path}.{name}", compared);
        }
        else if (schema["items"] is JsonObject items && written is JsonArray { Count: > 0 } array)
        {
            CompareDefaults(items, array[0], path + "[]", compared);
        }
    }
}
