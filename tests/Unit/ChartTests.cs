using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using CvManager.Resources;
using CvManager.Support;
using Xunit;

namespace CvManager.Unit;

/// <summary>The files of the Helm chart, as far as they can be checked without rendering it (tests/Integration/Deploy/HelmChartTests.cs).</summary>
public sealed partial class ChartTests
{
    /// <summary>Values of charts that have this one as a dependency.</summary>
    private static readonly string[] OfOtherCharts = ["global", "enabled"];

    private static readonly string Chart = Path.Combine(RepositoryRoot.Path, "deploy", "helm", "cvmanager");

    private static JsonObject Schema => JsonNode.Parse(Read("values.schema.json"))!.AsObject();

    /// <summary>The values that the schema describes one by one, without those within them.</summary>
    private static IReadOnlyList<string> Values => [.. Leaves(Schema, "").Except(OfOtherCharts)];

    [Fact]
    public void The_chart_has_the_version_of_the_project()
    {
        var project = XDocument.Load(Path.Combine(RepositoryRoot.Path, "Directory.Build.props"));
        var version = project.Descendants("Version").Single().Value;
        var chart = YamlDocuments.Read(Read("Chart.yaml")).Single();

        Assert.Equal(version, chart["version"]!.GetValue<string>());
        Assert.Equal(version, chart["appVersion"]!.GetValue<string>());
        Assert.Equal(project.Descendants("ProjectUri").Single().Value, chart["home"]!.GetValue<string>());
    }

    [Fact]
    public void The_chart_has_the_custom_resource_definition_of_the_module() =>
        Assert.Equal(File.ReadAllText(Path.Combine(RepositoryRoot.Path, "deploy", "crd.yaml")), Read("files/crd.yaml"));

    [Fact]
    public void The_schema_describes_every_value_and_no_others()
    {
        var values = YamlDocuments.Read(Read("values.yaml")).Single().AsObject();

        Assert.Equal(Values.Order(), Defaults(values, Schema, "").Order());
    }

    [Fact]
    public void The_schema_refuses_unknown_values() =>
        Assert.All(
            Objects(Schema).Where(schema => schema.ContainsKey("properties")),
            schema =>
                Assert.True(
                    schema["additionalProperties"]?.GetValueKind() is System.Text.Json.JsonValueKind.False
                        // Volumes and their mounts have many fields, and those of Kubernetes of the future.
                        || schema["properties"]!.AsObject().ContainsKey("mountPath")
                        || schema["required"]?.ToJsonString() == """["name"]""" && schema["properties"]!["name"]!["allOf"] is not null,
                    schema.ToJsonString()
                )
        );

    [Fact]
    public void Every_value_is_used_by_a_template_and_every_value_of_a_template_exists()
    {
        var used = Directory
            .EnumerateFiles(Path.Combine(Chart, "templates"))
            .SelectMany(file => ValueReference().Matches(File.ReadAllText(file)))
            .Select(match => match.Groups[1].Value)
            .Distinct()
            .ToList();

        Assert.Equal(Values.Order(), used.Order());
    }

    [Fact]
    public void The_readme_describes_every_value_and_no_others() =>
        Assert.Equal(Values.Order(), TableRow().Matches(Read("README.md")).Select(match => match.Groups[1].Value).Order());

    private static IEnumerable<string> Leaves(JsonObject schema, string prefix) =>
        schema["properties"]!
            .AsObject()
            .SelectMany(property =>
                IsGroup(property.Value!.AsObject())
                    ? Leaves(property.Value.AsObject(), $"{prefix}{property.Key}.")
                    : [$"{prefix}{property.Key}"]
            );

    private static IEnumerable<string> Defaults(JsonObject values, JsonObject schema, string prefix) =>
        values.SelectMany(value =>
            schema["properties"]![value.Key] is JsonObject inner && IsGroup(inner)
                ? Defaults(value.Value!.AsObject(), inner, $"{prefix}{value.Key}.")
                : [$"{prefix}{value.Key}"]
        );

    /// <summary>A value that has the type of a part of a pod (resources, affinity) is one value.</summary>
    private static bool IsGroup(JsonObject schema) => schema["properties"] is JsonObject inner && !inner.Any(field => IsOfPod(field.Key));

    private static bool IsOfPod(string field) => field is "requests" or "nodeAffinity";

    private static IEnumerable<JsonObject> Objects(JsonNode? node) =>
        node switch
        {
            JsonObject item => item.SelectMany(field => Objects(field.Value)).Prepend(item),
            JsonArray list => list.SelectMany(Objects),
            _ => [],
        };

    private static string Read(string file) => File.ReadAllText(Path.Combine(Chart, file));

    [GeneratedRegex(@"\.Values\.([A-Za-z.]+)")]
    private static partial Regex ValueReference();

    [GeneratedRegex(@"^\| `([A-Za-z.]+)` \|", RegexOptions.Multiline)]
    private static partial Regex TableRow();
}
