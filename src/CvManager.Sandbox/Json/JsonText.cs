using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.Sandbox.Json;

/// <summary>Serializes JSON compactly, escaping only what JSON requires, and parses it.</summary>
internal static class JsonText
{
    private const int DepthLimit = 256;

    private static readonly JsonWriterOptions Compact = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = DepthLimit,
    };

    private static readonly JsonSerializerOptions Options = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = DepthLimit,
    };

    public static byte[] Utf8(JsonNode node)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(buffer, Compact))
            node.WriteTo(writer, Options);
        return buffer.WrittenSpan.ToArray();
    }

    public static string Text(JsonNode? node) => node?.ToJsonString(Options) ?? "null";

    /// <summary>
    /// Parses a complete document. Numbers become long or double, as in Kubernetes. The last value of a duplicate field wins, and its path
    /// is added to <paramref name="duplicates"/>; JsonNode's own parser would throw, and only when the field is accessed.
    /// </summary>
    /// <exception cref="JsonException">Invalid JSON, or nested too deeply.</exception>
    public static JsonNode? Parse(ReadOnlySpan<byte> utf8, List<string>? duplicates = null)
    {
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = DepthLimit });
        reader.Read();
        var node = Read(ref reader, "", duplicates);
        while (reader.Read())
        {
            // The reader rejects anything but white space after the document.
        }
        return node;
    }

    private static JsonNode? Read(ref Utf8JsonReader reader, string path, List<string>? duplicates)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                var node = new JsonObject();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    var name = reader.GetString()!;
                    var inner =
                        duplicates is null ? ""
                        : path.Length == 0 ? name
                        : $"{path}.{name}";
                    if (duplicates is not null && node.ContainsKey(name))
                        duplicates.Add(inner);
                    reader.Read();
                    node[name] = Read(ref reader, inner, duplicates);
                }
                return node;
            case JsonTokenType.StartArray:
                var array = new JsonArray();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                    array.Add(Read(ref reader, duplicates is null ? "" : $"{path}[{array.Count}]", duplicates));
                return array;
            case JsonTokenType.String:
                return JsonValue.Create(reader.GetString());
            case JsonTokenType.Number:
                return reader.TryGetInt64(out var integer) ? JsonValue.Create(integer) : JsonValue.Create(reader.GetDouble());
            case JsonTokenType.True:
                return JsonValue.Create(true);
            case JsonTokenType.False:
                return JsonValue.Create(false);
            default:
                return null;
        }
    }
}
