using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.Serialization;

namespace CvManager.Resources;

/// <summary>Reads YAML (or JSON, which is YAML) as JSON, one node a document; empty documents are left out. Thread-safe.</summary>
public static class YamlDocuments
{
    /// <summary>Characters: the largest text that is read. The API server itself takes 3 MiB.</summary>
    public const int LargestText = 3 * 1024 * 1024;

    /// <summary>Values in one text, aliases resolved: a few lines of aliases can stand for billions.</summary>
    public const int MostNodes = 200_000;

    /// <exception cref="CvException"><c>ManifestTooLarge</c>, or <c>ManifestInvalid</c> with line and column.</exception>
    public static IReadOnlyList<JsonNode> Read(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > LargestText)
            throw TooLarge($"The manifest has {text.Length} characters; at most {LargestText} are read.");

        // Unquoted scalars get their types as the core schema has them, quoted ones stay strings.
        IDeserializer deserializer = new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().WithDuplicateKeyChecking().Build();
        List<JsonNode> documents = [];
        int nodes = 0;
        try
        {
            Parser parser = new(new StringReader(text));
            parser.Consume<StreamStart>();
            while (parser.Accept<DocumentStart>(out DocumentStart? start))
            {
                long line = start.Start.Line;
                if (ToJson(deserializer.Deserialize<object?>(parser), line, ref nodes) is { } node)
                    documents.Add(node);
            }
        }
        catch (YamlException e)
        {
            throw Invalid($"line {e.Start.Line}, column {e.Start.Column}: {e.InnerException?.Message ?? e.Message}", e);
        }

        return documents;
    }

    private static JsonNode? ToJson(object? value, long line, ref int nodes)
    {
        if (++nodes > MostNodes)
            throw TooLarge($"The manifest stands for more than {MostNodes} values (aliases resolved).");
        switch (value)
        {
            case null:
                return null;
            case IDictionary<object, object?> map:
                JsonObject json = [];
                foreach ((object key, object? item) in map)
                    json[Convert.ToString(key, CultureInfo.InvariantCulture) ?? ""] = ToJson(item, line, ref nodes);
                return json;
            case IList<object?> list:
                JsonArray array = [];
                foreach (object? item in list)
                    array.Add(ToJson(item, line, ref nodes));
                return array;
            case float single when !float.IsFinite(single):
            case double number when !double.IsFinite(number):
                throw Invalid($"the document at line {line} holds the number {value}, which JSON does not have", null);
            default:
                return JsonSerializer.SerializeToNode(value);
        }
    }

    private static CvException Invalid(string what, Exception? inner) => new("ManifestInvalid", CvErrorKind.Invalid,
        $"The manifest is not valid YAML: {what}", "Mend the YAML at that place: indent with blanks, and quote strings that hold ': ' or '#'.", inner);

    private static CvException TooLarge(string message) =>
        new("ManifestTooLarge", CvErrorKind.LimitExceeded, message, "Split it into several files.");
}
