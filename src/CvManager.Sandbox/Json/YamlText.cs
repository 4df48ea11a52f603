using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace CvManager.Sandbox.Json;

/// <summary>
/// Parses YAML request bodies into JSON. Plain scalars are typed by the core schema of YAML 1.2. Nesting depth and the number of values
/// after alias expansion are limited, so that a small document cannot exhaust the stack or the memory.
/// </summary>
internal static class YamlText
{
    private const int MaxDepth = 200;
    private const int MaxNodes = 500_000;

    /// <exception cref="JsonException">Invalid YAML, more than one document, or a limit is exceeded.</exception>
    public static JsonNode? Parse(byte[] utf8)
    {
        try
        {
            var reader = new EventReader(new Parser(new StringReader(Encoding.UTF8.GetString(utf8))));
            return reader.Document();
        }
        catch (YamlException e)
        {
            throw new JsonException("yaml: " + e.Message, e);
        }
        catch (Exception e)
            when (e is InvalidOperationException or ArgumentException or IndexOutOfRangeException or FormatException or OverflowException)
        {
            // YamlDotNet's scanner throws these for some invalid input.
            throw new JsonException("yaml: invalid document", e);
        }
    }

    private sealed class EventReader(IParser parser)
    {
        private readonly Dictionary<AnchorName, (JsonNode? Value, int Nodes)> _anchors = [];
        private int _nodes;

        public JsonNode? Document()
        {
            parser.Consume<StreamStart>();
            if (!parser.TryConsume<DocumentStart>(out _))
                return null;
            var root = Node(0);
            parser.Consume<DocumentEnd>();
            return parser.Accept<StreamEnd>(out _) ? root : throw new JsonException("yaml: more than one document");
        }

        private JsonNode? Node(int depth)
        {
            if (depth > MaxDepth)
                throw new JsonException($"yaml: nested more than {MaxDepth} levels deep");
            Count(1);
            if (parser.TryConsume<AnchorAlias>(out var alias))
            {
                // Anchors are added when their node ends, so a node cannot contain itself.
                if (!_anchors.TryGetValue(alias.Value, out var anchored))
                    throw new JsonException($"yaml: line {alias.Start.Line}: unknown anchor '{alias.Value}' referenced");
                Count(anchored.Nodes);
                return anchored.Value?.DeepClone();
            }
            var before = _nodes;
            var start = parser.Current as NodeEvent ?? throw new JsonException("yaml: unexpected end of document");
            JsonNode? value;
            if (parser.TryConsume<MappingStart>(out _))
            {
                var fields = new JsonObject();
                while (!parser.TryConsume<MappingEnd>(out _))
                {
                    var key = parser.TryConsume<Scalar>(out var scalar)
                        ? scalar.Value
                        : throw new JsonException($"yaml: line {start.Start.Line}: mapping key is not a scalar");
                    fields[key] = Node(depth + 1);
                }
                value = fields;
            }
            else if (parser.TryConsume<SequenceStart>(out _))
            {
                var items = new JsonArray();
                while (!parser.TryConsume<SequenceEnd>(out _))
                    items.Add(Node(depth + 1));
                value = items;
            }
            else
            {
                var scalar = parser.Consume<Scalar>();
                value = scalar.Style == ScalarStyle.Plain ? Plain(scalar.Value) : JsonValue.Create(scalar.Value);
            }
            if (!start.Anchor.IsEmpty)
                _anchors[start.Anchor] = (value?.DeepClone(), _nodes - before + 1);
            return value;
        }

        private void Count(int more)
        {
            _nodes += more;
            if (_nodes > MaxNodes)
                throw new JsonException($"yaml: more than {MaxNodes} values after alias expansion");
        }
    }

    private static JsonNode? Plain(string text)
    {
        if (text is "" or "~" or "null" or "Null" or "NULL")
            return null;
        if (text is "true" or "True" or "TRUE")
            return true;
        if (text is "false" or "False" or "FALSE")
            return false;
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer))
            return integer;
        if (
            (char.IsAsciiDigit(text[0]) || text[0] is '-' or '+' or '.')
            && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            && double.IsFinite(number)
        )
        {
            return number;
        }
        return text;
    }
}
