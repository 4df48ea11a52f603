using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.Sandbox.Api;

/// <summary>JSON as it goes over the wire: compact, and escaped no more than JSON asks for.</summary>
internal static class JsonText
{
    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly JsonSerializerOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static byte[] Utf8(JsonNode node)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(buffer, Compact))
            node.WriteTo(writer, Options);
        return buffer.WrittenSpan.ToArray();
    }

    public static string Text(JsonNode? node) => node?.ToJsonString(Options) ?? "null";
}
