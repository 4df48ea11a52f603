using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Printing;

/// <summary>The table columns of a custom resource: the name and its additionalPrinterColumns.</summary>
internal static class CustomColumns
{
    public static TableLayout Layout(JsonObject version)
    {
        var columns = version.Items("additionalPrinterColumns").ToList();
        if (columns.Count == 0)
            return TableLayout.NameAndAge;
        return new TableLayout([TableLayout.Name, .. columns.Select(Column)]);
    }

    private static TableColumn Column(JsonObject column)
    {
        var text = column.Str("jsonPath");
        var path = JsonPath.Parse(text);
        var type = column.Str("type");
        return new TableColumn(column.Str("name"), type, (item, now) => Cell(path.Select(item).FirstOrDefault(), type, now))
        {
            Format = column.Str("format"),
            Priority = column.Int("priority") ?? 0,
            Description = column.Str("description") is { Length: > 0 } given
                ? given
                : $"Custom resource definition column (in JSONPath format): {text}",
        };
    }

    private static JsonNode? Cell(JsonNode? value, string type, DateTimeOffset now) =>
        value switch
        {
            null => null,
            _ when type == "date" => Durations.Since(value, now),
            _ when type == "string" => value.AsText() ?? JsonText.Text(value),
            JsonValue => value.DeepClone(),
            _ => JsonText.Text(value),
        };
}
