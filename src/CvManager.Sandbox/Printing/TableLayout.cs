using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Printing;

/// <summary>One column of a server-side table. Columns with priority 1 are shown in wide output only.</summary>
/// <param name="Name">The heading.</param>
/// <param name="Type">integer, number, string, boolean or date.</param>
/// <param name="Cell">Computes the cell of an object at the given time.</param>
internal sealed record TableColumn(string Name, string Type, Func<JsonObject, DateTimeOffset, JsonNode?> Cell)
{
    public string Format { get; init; } = "";

    public string Description { get; init; } = "";

    public long Priority { get; init; }
}

/// <summary>The table columns of one kind.</summary>
internal sealed class TableLayout(params IReadOnlyList<TableColumn> columns)
{
    public static TableLayout NameAndAge { get; } = new(Name, Age);

    /// <summary>For kinds without specific columns.</summary>
    public static TableLayout NameAndCreation { get; } =
        new(Name, new TableColumn("Created At", "date", (item, _) => item.Str("metadata", "creationTimestamp")));

    public static TableColumn Name =>
        new("Name", "string", (item, _) => item.Name()) { Format = "name", Description = "Name must be unique within a namespace." };

    public static TableColumn Age => new("Age", "string", (item, now) => Durations.Since(item.At("metadata", "creationTimestamp"), now));

    public static TableColumn Text(string name, Func<JsonObject, string> cell, bool wide = false) =>
        new(name, "string", (item, _) => cell(item)) { Priority = wide ? 1 : 0 };

    public static TableColumn Number(string name, Func<JsonObject, long?> cell) => new(name, "integer", (item, _) => cell(item) ?? 0L);

    public JsonArray Definitions() =>
        new([
            .. columns.Select(column =>
                (JsonNode)
                    new JsonObject
                    {
                        ["name"] = column.Name,
                        ["type"] = column.Type,
                        ["format"] = column.Format,
                        ["description"] = column.Description,
                        ["priority"] = column.Priority,
                    }
            ),
        ]);

    public JsonArray Cells(JsonObject item, DateTimeOffset now) => new([.. columns.Select(column => column.Cell(item, now))]);
}
