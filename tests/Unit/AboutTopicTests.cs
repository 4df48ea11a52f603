using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using CvManager.Installation;
using CvManager.PowerShell;
using CvManager.Registries;
using CvManager.Resources;
using CvManager.Support;
using Microsoft.Extensions.Logging;
using Xunit;

namespace CvManager.Unit;

/// <summary>The about topics of docs/ mention everything that they are about.</summary>
public sealed partial class AboutTopicTests
{
    [Fact]
    public void About_ContainerVersion_describes_every_field_of_the_specification()
    {
        var topic = Read("about_ContainerVersion");
        var described = Code(topic);

        Assert.Empty(Fields((JsonObject)CustomResourceDefinition.Schema["properties"]!["spec"]!, "spec").Except(described));
    }

    [Fact]
    public void About_ContainerVersion_describes_every_part_of_the_status()
    {
        var status = (JsonObject)CustomResourceDefinition.Schema["properties"]!["status"]!["properties"]!;

        Assert.Empty(status.Select(field => $"status.{field.Key}").Except(Code(Read("about_ContainerVersion"))));
    }

    [Fact]
    public void About_ContainerVersion_says_what_to_do_for_every_reason()
    {
        var topic = Read("about_ContainerVersion");

        // A reason is an item of the list of reasons, with a sentence or two.
        Assert.All(Constants<string>(typeof(ConditionReasons)), reason => Assert.Matches($@"(?m)^- `{reason.Value}`: \w+ .*\w", topic));
    }

    [Fact]
    public void About_CvController_lists_every_event_of_the_log()
    {
        var events = Constants<int>(typeof(LogEvents))
            .Select(e => $"{e.Value} {e.Key}")
            .Concat(
                typeof(JsonLog)
                    .GetFields(BindingFlags.Static | BindingFlags.NonPublic)
                    .Select(field => field.GetValue(null))
                    .OfType<EventId>()
                    .Select(e => $"{e.Id} {e.Name}")
            );

        Assert.Equal(events.Order(), Event().Matches(Read("about_CvController")).Select(match => match.Value).Order());
    }

    [Fact]
    public void About_CvController_explains_every_permission()
    {
        var topic = Read("about_CvController");
        var resources = ControllerManifests
            .Create(new InstallationOptions())
            .SelectMany(document => document["rules"]?.AsArray() ?? [])
            .SelectMany(rule => rule!["resources"]!.AsArray())
            // The permission for the status is explained with that for the resource.
            .Select(resource => resource!.GetValue<string>().Replace("/status", "", StringComparison.Ordinal));

        Assert.All(resources.Distinct(), resource => Assert.Matches($@"(?m)^\| (?:[\w/]+, )*{resource}[, ]", topic));
    }

    [Fact]
    public void About_CvRegistry_describes_every_variable_of_the_environment()
    {
        var variables = Constants<string>(typeof(RegistryClientOptions)).Select(constant => constant.Value);

        Assert.Empty(variables.Select(name => $"$env:{name}").Except(Code(Read("about_CvRegistry"))));
    }

    private static string Read(string topic) => File.ReadAllText(Path.Combine(RepositoryRoot.Path, "docs", topic + ".md"));

    /// <summary>What the text has in backticks.</summary>
    private static HashSet<string> Code(string text) => [.. InlineCode().Matches(text).Select(match => match.Groups[1].Value)];

    /// <summary>The paths of the fields. Those of gates, which three lists share, are relative to the gate.</summary>
    private static IEnumerable<string> Fields(JsonObject schema, string path) =>
        schema["properties"] is JsonObject properties
            ? properties.SelectMany(field =>
                Fields((JsonObject)field.Value!, path.Length == 0 ? field.Key : $"{path}.{field.Key}")
                    .Prepend(path.Length == 0 ? field.Key : $"{path}.{field.Key}")
            )
        : schema["items"] is JsonObject items && items.ContainsKey("properties")
            ? Fields(items, "").Select(field => field.Replace("resources.", "", StringComparison.Ordinal))
        : [];

    private static Dictionary<string, T> Constants<T>(Type type) =>
        type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
            .Where(field => field.IsLiteral && field.FieldType == typeof(T))
            .ToDictionary(field => field.Name, field => (T)field.GetRawConstantValue()!);

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex InlineCode();

    [GeneratedRegex(@"(?<=^\|.*)\b[1-9]\d{3} [A-Z]\w+", RegexOptions.Multiline)]
    private static partial Regex Event();
}
