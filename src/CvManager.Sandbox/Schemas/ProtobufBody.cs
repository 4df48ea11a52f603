using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Schemas;

/// <summary>
/// Converts <c>application/vnd.kubernetes.protobuf</c> to JSON: recent clients send built-in kinds in this format only. The body is the
/// four bytes "k8s\0" and a runtime.Unknown message: type (1), the object's own message (2), content encoding (3) and content type (4).
/// </summary>
internal static class ProtobufBody
{
    public const string MediaType = "application/vnd.kubernetes.protobuf";

    /// <summary>Built-in types nest about 20 messages deep. The limit keeps a malicious body from exhausting the stack.</summary>
    private const int MaxDepth = 64;

    /// <param name="body">The request body. An empty body is an empty object, as in JSON.</param>
    /// <param name="typeOf">Returns the built-in type for an apiVersion and kind; null if protobuf is not supported for it.</param>
    /// <exception cref="JsonException">The body is not a valid message.</exception>
    /// <exception cref="ApiException">415: protobuf is not supported for the type.</exception>
    public static JsonObject Parse(ReadOnlySpan<byte> body, Func<string, string, SchemaNode?> typeOf)
    {
        if (body.IsEmpty)
            return [];
        var prefix = "k8s\0"u8;
        if (!body.StartsWith(prefix))
            throw new JsonException("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
        string apiVersion = "",
            kind = "",
            encoding = "",
            contentType = "";
        ReadOnlySpan<byte> raw = [];
        var unknown = new Reader(body[prefix.Length..]);
        while (unknown.Next(out var number, out var field))
        {
            switch (number)
            {
                case 1:
                    var typeMeta = new Reader(field.Bytes);
                    while (typeMeta.Next(out var part, out var text))
                        (apiVersion, kind) =
                            part == 1 ? (Text(text), kind)
                            : part == 2 ? (apiVersion, Text(text))
                            : (apiVersion, kind);
                    break;
                case 2:
                    raw = field.Bytes;
                    break;
                case 3:
                    encoding = Text(field);
                    break;
                case 4:
                    contentType = Text(field);
                    break;
            }
        }
        if (encoding.Length > 0 || contentType.Length > 0)
            throw new JsonException($"unsupported content encoding \"{encoding}\" or content type \"{contentType}\"");
        if (typeOf(apiVersion, kind) is not { Message.IsEmpty: false } type)
            throw ApiException.UnsupportedMediaType(
                $"protobuf is not supported for {kind} in version \"{apiVersion}\" - accepted media types include: "
                    + "application/json, application/yaml"
            );
        var parsed = new JsonObject { ["kind"] = kind, ["apiVersion"] = apiVersion };
        ReadMessage(raw, type, type.Message, parsed, 0);
        return parsed;
    }

    private static void ReadMessage(ReadOnlySpan<byte> bytes, SchemaNode type, MessageLayout layout, JsonObject into, int depth)
    {
        if (depth > MaxDepth)
            throw new JsonException("message is nested too deeply");
        var reader = new Reader(bytes);
        while (reader.Next(out var number, out var field))
        {
            if (layout.Find(number) is not MessageField known)
                continue;
            if (known.Embedded is not null)
            {
                ReadMessage(field.Bytes, type, known.Embedded, into, depth + 1);
                continue;
            }
            var node = type.Properties[known.Name];
            if (node.Type == SchemaType.Array)
            {
                if (into[known.Name] is not JsonArray list)
                    into[known.Name] = list = [];
                list.Add(ReadValue(field, node.Items!, depth));
            }
            else if (node.Values is not null)
            {
                if (into[known.Name] is not JsonObject map)
                    into[known.Name] = map = [];
                ReadEntry(field.Bytes, node.Values, map, depth);
            }
            else if (known.KeepsZero || !IsZero(field, node))
            {
                into[known.Name] = ReadValue(field, node, depth);
            }
        }
    }

    /// <summary>A field that is not a pointer in Go is encoded even when it is not set.</summary>
    private static bool IsZero(Field field, SchemaNode node) =>
        node.Type switch
        {
            SchemaType.String => field.Bytes.IsEmpty,
            SchemaType.Boolean or SchemaType.Integer or SchemaType.Number => field.Number == 0,
            _ => false,
        };

    private static void ReadEntry(ReadOnlySpan<byte> bytes, SchemaNode values, JsonObject map, int depth)
    {
        var key = "";
        JsonNode? value = values.Type == SchemaType.String ? "" : null;
        var reader = new Reader(bytes);
        while (reader.Next(out var number, out var field))
        {
            if (number == 1)
                key = Text(field);
            else if (number == 2)
                value = ReadValue(field, values, depth);
        }
        map[key] = value;
    }

    private static JsonNode? ReadValue(Field field, SchemaNode node, int depth)
    {
        switch (node.Type)
        {
            case SchemaType.String when node.Format == "date-time":
                return ReadTime(field.Bytes);
            case SchemaType.String when node.Format == "byte":
                return Convert.ToBase64String(field.Bytes);
            case SchemaType.String:
                return Text(field);
            case SchemaType.Boolean:
                return field.Number != 0;
            case SchemaType.Integer:
                return node.Format == "int32" ? (int)field.Number : field.Number;
            case SchemaType.Number:
                return BitConverter.Int64BitsToDouble(field.Number);
            case SchemaType.IntOrString:
                return ReadIntOrString(field.Bytes, node.Format == "quantity");
            case SchemaType.Object when node.PreserveUnknown:
                return ReadRaw(field.Bytes);
            // A message that wraps a list, such as ExtraValue of authorization.k8s.io.
            case SchemaType.Array:
                var items = new JsonArray();
                var reader = new Reader(field.Bytes);
                while (reader.Next(out var number, out var item))
                {
                    if (number == 1)
                        items.Add(ReadValue(item, node.Items!, depth + 1));
                }
                return items;
            case SchemaType.Object when !node.Message.IsEmpty:
                var message = new JsonObject();
                ReadMessage(field.Bytes, node, node.Message, message, depth + 1);
                return message;
            default:
                throw new JsonException($"protobuf is not supported for type {node.Name}");
        }
    }

    /// <summary>meta.k8s.io/v1 Time and MicroTime: seconds (1) and nanoseconds (2). An empty message is null.</summary>
    private static JsonNode? ReadTime(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
            return null;
        long seconds = 0,
            nanos = 0;
        var reader = new Reader(bytes);
        while (reader.Next(out var number, out var field))
            (seconds, nanos) =
                number == 1 ? (field.Number, nanos)
                : number == 2 ? (seconds, field.Number)
                : (seconds, nanos);
        if (
            seconds < DateTimeOffset.MinValue.ToUnixTimeSeconds()
            || seconds > DateTimeOffset.MaxValue.ToUnixTimeSeconds()
            || nanos is < 0 or >= 1_000_000_000
        )
            throw new JsonException("timestamp out of range");
        var time = DateTimeOffset.FromUnixTimeSeconds(seconds).AddTicks(nanos / 100);
        return time.ToString(nanos == 0 ? "yyyy-MM-dd'T'HH:mm:ss'Z'" : "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
    }

    /// <summary>A Quantity has a string (1). An IntOrString has a type (1: 0 for int, 1 for string), an int (2) and a string (3).</summary>
    private static JsonNode ReadIntOrString(ReadOnlySpan<byte> bytes, bool isQuantity)
    {
        long type = 0,
            integer = 0;
        var text = "";
        var reader = new Reader(bytes);
        while (reader.Next(out var number, out var field))
        {
            if (number == (isQuantity ? 1 : 3))
                text = Text(field);
            else if (number == 1)
                type = field.Number;
            else if (number == 2)
                integer = field.Number;
        }
        return isQuantity || type == 1 ? text : (int)integer;
    }

    /// <summary>FieldsV1 and RawExtension: JSON in bytes (1).</summary>
    private static JsonNode? ReadRaw(ReadOnlySpan<byte> bytes)
    {
        var reader = new Reader(bytes);
        while (reader.Next(out var number, out var field))
        {
            if (number == 1)
                return JsonText.Parse(field.Bytes.ToArray());
        }
        return null;
    }

    private static string Text(Field field) => Encoding.UTF8.GetString(field.Bytes);

    /// <summary>The value of one field: bytes if it is length-delimited, otherwise a number.</summary>
    private readonly ref struct Field(ReadOnlySpan<byte> bytes, long number)
    {
        public ReadOnlySpan<byte> Bytes { get; } = bytes;

        public long Number { get; } = number;
    }

    /// <summary>Reads the wire format: protobuf.dev/programming-guides/encoding.</summary>
    private ref struct Reader(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> _rest = bytes;

        public bool Next(out int number, out Field field)
        {
            number = 0;
            field = default;
            if (_rest.IsEmpty)
                return false;
            var tag = Varint();
            if (tag >> 3 is 0 or > int.MaxValue)
                throw new JsonException("proto: illegal tag");
            number = (int)(tag >> 3);
            switch (tag & 7)
            {
                case 0:
                    field = new Field([], (long)Varint());
                    break;
                case 1:
                    field = new Field([], BinaryPrimitives.ReadInt64LittleEndian(Take(8)));
                    break;
                case 2:
                    var length = Varint();
                    field = new Field(Take(length), 0);
                    break;
                case 5:
                    field = new Field([], BinaryPrimitives.ReadInt32LittleEndian(Take(4)));
                    break;
                default:
                    throw new JsonException($"proto: illegal wireType {tag & 7}");
            }
            return true;
        }

        private ReadOnlySpan<byte> Take(ulong length)
        {
            if (length > (ulong)_rest.Length)
                throw new JsonException("unexpected EOF");
            var taken = _rest[..(int)length];
            _rest = _rest[(int)length..];
            return taken;
        }

        private ulong Varint()
        {
            ulong value = 0;
            for (var shift = 0; shift < 64; shift += 7)
            {
                var next = Take(1)[0];
                value |= (ulong)(next & 0x7f) << shift;
                if (next < 0x80)
                    return value;
            }
            throw new JsonException("proto: integer overflow");
        }
    }
}
