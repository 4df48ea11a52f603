using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.PowerShell;

/// <summary>
/// A specification as an object with the fields of a manifest, which survives Export-Clixml, jobs and ConvertTo-Json (with -Depth 8).
/// </summary>
internal static class SpecificationObject
{
    /// <summary>Far more than a specification has; a cycle of objects ends here.</summary>
    private const int MaxDepth = 32;

    public static PSObject Of(JsonObject spec) => (PSObject)Read(spec)!;

    /// <exception cref="CvException"><c>SpecificationInvalid</c>: the value is not an object with fields.</exception>
    public static JsonObject ToJson(object value) =>
        Write(value, 0) as JsonObject
        ?? throw Invalid($"'{DisplayText.Line($"{value}")}' is not an object with the fields of a specification.");

    private static object? Read(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject map:
                PSObject fields = new();
                foreach (var (name, value) in map)
                    fields.Properties.Add(new PSNoteProperty(DisplayText.Line(name), Read(value)));
                return fields;
            case JsonArray list:
                return new Listed<object?>([.. list.Select(Read)]);
            default:
                return node?.GetValueKind() switch
                {
                    JsonValueKind.True => true,
                    JsonValueKind.False => false,
                    JsonValueKind.Number => node.GetValue<long>(),
                    JsonValueKind.String => DisplayText.Of(node.GetValue<string>()),
                    _ => null,
                };
        }
    }

    private static JsonNode? Write(object? value, int depth)
    {
        if (depth > MaxDepth)
            throw Invalid($"The specification is nested more than {MaxDepth} levels deep.");
        var inner = value is PSObject wrapped ? wrapped.BaseObject : value;
        return inner switch
        {
            null => null,
            string text => text,
            bool flag => flag,
            SwitchParameter flag => flag.ToBool(),
            sbyte or byte or short or ushort or int or uint or long => Convert.ToInt64(inner, CultureInfo.InvariantCulture),
            float or double or decimal => Convert.ToDouble(inner, CultureInfo.InvariantCulture),
            PSCustomObject => Map(
                PSObject.AsPSObject(value).Properties.Select(property => (property.Name, (object?)property.Value)),
                depth
            ),
            IDictionary map => Map(map.Cast<DictionaryEntry>().Select(entry => ($"{entry.Key}", entry.Value)), depth),
            IEnumerable items => new JsonArray([.. items.Cast<object?>().Select(item => Write(item, depth + 1))]),
            _ => throw Invalid($"A value of the specification has the type {inner.GetType().Name}."),
        };
    }

    private static JsonObject Map(IEnumerable<(string Name, object? Value)> fields, int depth)
    {
        JsonObject map = [];
        foreach (var (name, value) in fields)
        {
            if (Write(value, depth + 1) is { } written)
                map[name] = written;
        }

        return map;
    }

    private static CvException Invalid(string message) =>
        new(
            CmdletErrorIds.SpecificationInvalid,
            CvErrorKind.Invalid,
            message,
            "Specify the Spec property of a ContainerVersion, or a hash table with the fields of a manifest's spec. For ConvertTo-Json, use "
                + "-Depth 8: less truncates a specification."
        );
}
