using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace CvManager.Resources;

/// <summary>
/// Reads YAML (or JSON, a subset of it) as JSON, one node per document; empty documents are skipped. Depth, values and characters are
/// limited. Thread-safe.
/// </summary>
/// <remarks>
/// Uses the events of the parser, not YamlDotNet's deserializer, which has no limits for nesting and aliases and overflows the stack.
/// </remarks>
public static class YamlDocuments
{
    /// <summary>The maximum length of a text in characters; the API server accepts 3 MiB.</summary>
    public const int MaxTextLength = 3 * 1024 * 1024;

    /// <summary>The maximum number of values with aliases resolved: a few lines of aliases can expand to billions.</summary>
    public const int MaxNodes = 200_000;

    /// <summary>The maximum depth of maps and lists with aliases resolved; less than that of System.Text.Json (64).</summary>
    public const int MaxDepth = 60;

    /// <summary>The maximum length of all values with aliases resolved.</summary>
    private const int MaxCharacters = 16 * 1024 * 1024;

    /// <param name="text">Any number of documents.</param>
    /// <param name="maxLength">The maximum length in characters.</param>
    /// <exception cref="CvException"><c>ManifestTooLarge</c>, or <c>ManifestInvalid</c> with line and column.</exception>
    public static IReadOnlyList<JsonNode> Read(string text, int maxLength = MaxTextLength)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > maxLength)
            throw TooLarge($"The YAML has {text.Length} characters; the limit is {maxLength}.");
        Parser parser = new(new StringReader(text));
        List<JsonNode> documents = [];
        try
        {
            Reader reader = new(parser);
            parser.Consume<StreamStart>();
            while (parser.TryConsume<DocumentStart>(out _))
            {
                if (reader.ReadDocument() is { } document)
                    documents.Add(document);
                parser.Consume<DocumentEnd>();
            }
        }
        catch (YamlException e)
        {
            throw Invalid(e.Start, e.InnerException?.Message ?? e.Message, e);
        }
        catch (Exception e)
            when (e is InvalidOperationException or ArgumentException or IndexOutOfRangeException or FormatException or OverflowException)
        {
            // Unexpected exceptions of the parser for text that is not YAML.
            throw Invalid(parser.Current?.Start ?? Mark.Empty, "it could not be parsed", e);
        }

        return documents;
    }

    private static CvException Invalid(Mark at, string what, Exception? inner = null) =>
        new(
            ErrorIds.ManifestInvalid,
            CvErrorKind.Invalid,
            $"Invalid YAML at line {at.Line}, column {at.Column}: {what}",
            "Fix the YAML at that position: indent with spaces, and quote strings that contain ': ' or '#'.",
            inner
        )
        {
            Position = new TextPosition(at.Line, at.Column),
        };

    private static CvException TooLarge(string message) =>
        new(ErrorIds.ManifestTooLarge, CvErrorKind.LimitExceeded, message, "Split it into several files.");

    /// <summary>A node with an anchor, and its size for the limits.</summary>
    private sealed record Anchored(JsonNode? Node, int Depth, int Nodes, long Characters);

    private sealed class Reader(Parser parser)
    {
        private readonly Dictionary<AnchorName, Anchored?> _anchors = [];
        private int _nodes;
        private long _characters;

        public JsonNode? ReadDocument()
        {
            _anchors.Clear();
            return Read(0).Node;
        }

        /// <returns>The node and its own depth.</returns>
        private (JsonNode? Node, int Depth) Read(int depth)
        {
            if (parser.TryConsume<AnchorAlias>(out var alias))
                return Resolve(alias, depth);
            var start = parser.Current as NodeEvent ?? throw Invalid(parser.Current?.Start ?? Mark.Empty, "a value is missing");
            (var nodes, var characters) = (_nodes, _characters);
            if (!start.Anchor.IsEmpty)
                _anchors[start.Anchor] = null;
            Spend(1, 0);
            (var node, var own) = start switch
            {
                Scalar => (Value(parser.Consume<Scalar>()), 0),
                MappingStart => ReadMap(Deeper(start, depth)),
                SequenceStart => ReadList(Deeper(start, depth)),
                _ => throw Invalid(start.Start, "unexpected element"),
            };
            if (!start.Anchor.IsEmpty)
                _anchors[start.Anchor] = new Anchored(node, own, _nodes - nodes, _characters - characters);
            return (node, own);
        }

        private (JsonNode? Node, int Depth) Resolve(AnchorAlias alias, int depth)
        {
            if (!_anchors.TryGetValue(alias.Value, out var anchored))
                throw Invalid(alias.Start, $"alias '{alias.Value}' refers to an undefined anchor");
            if (anchored is null)
                throw Invalid(alias.Start, $"alias '{alias.Value}' refers to itself");
            if (depth + anchored.Depth > MaxDepth)
                throw TooDeep(alias.Start);
            Spend(anchored.Nodes, anchored.Characters);
            return (anchored.Node?.DeepClone(), anchored.Depth);
        }

        private (JsonNode Node, int Depth) ReadMap(int depth)
        {
            CheckTag(parser.Consume<MappingStart>(), "map");
            JsonObject map = [];
            var deepest = 0;
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                var key = parser.TryConsume<Scalar>(out var scalar)
                    ? scalar
                    : throw Invalid(parser.Current?.Start ?? Mark.Empty, "a key must be a string, not a list, a map or an alias");
                Spend(0, key.Value.Length);
                var name = Text(key);
                if (map.ContainsKey(name))
                    throw Invalid(key.Start, $"duplicate key '{name}'");
                (map[name], var below) = Read(depth);
                deepest = Math.Max(deepest, below);
            }

            return (map, deepest + 1);
        }

        private (JsonNode Node, int Depth) ReadList(int depth)
        {
            CheckTag(parser.Consume<SequenceStart>(), "seq");
            JsonArray list = [];
            var deepest = 0;
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                (var item, var below) = Read(depth);
                list.Add(item);
                deepest = Math.Max(deepest, below);
            }

            return (list, deepest + 1);
        }

        /// <summary>Unquoted scalars are typed by the core schema (YAML 1.2, 10.3.2); quoted scalars are strings.</summary>
        private JsonValue? Value(Scalar scalar)
        {
            Spend(0, scalar.Value.Length);
            var isPlain =
                scalar.Tag.IsEmpty ? scalar.Style is ScalarStyle.Plain
                : scalar.Tag.IsNonSpecific ? false
                : CoreTag(scalar) != "str";
            return isPlain ? Core(scalar) : JsonValue.Create(Text(scalar));
        }

        private static JsonValue? Core(Scalar scalar)
        {
            var text = scalar.Value;
            switch (text)
            {
                case "" or "~" or "null" or "Null" or "NULL":
                    return null;
                case "true" or "True" or "TRUE":
                    return JsonValue.Create(true);
                case "false" or "False" or "FALSE":
                    return JsonValue.Create(false);
                case ".inf" or ".Inf" or ".INF" or "+.inf" or "-.inf" or "-.Inf" or "-.INF" or ".nan" or ".NaN" or ".NAN":
                    throw Invalid(scalar.Start, $"the number {text} is not supported");
            }

            if (
                text.StartsWith("0x", StringComparison.Ordinal)
                && ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hexadecimal)
            )
                return Number(hexadecimal);
            if (
                text.Length is > 2 and < 23
                && text.StartsWith("0o", StringComparison.Ordinal)
                && text.AsSpan(2).IndexOfAnyExceptInRange('0', '7') < 0
            )
                return Number(text[2..].Aggregate(0UL, (sum, digit) => (sum * 8) + (ulong)(digit - '0')));
            if (!YamlNumber.Pattern.IsMatch(text))
                return JsonValue.Create(Text(scalar));
            if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole))
                return Number(whole);
            if (ulong.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var large))
                return Number(large);
            var number = double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
            return double.IsFinite(number)
                ? Number(number)
                : throw Invalid(scalar.Start, $"the number {text[..Math.Min(text.Length, 40)]} is too large");
        }

        /// <summary>A JSON number that can be read as int, long or double.</summary>
        private static JsonValue? Number<T>(T number) => JsonValue.Create(JsonSerializer.SerializeToElement(number));

        private static string Text(Scalar scalar)
        {
            var text = scalar.Value;
            for (var i = 0; i < text.Length; i++)
            {
                if (char.IsSurrogate(text[i]) && (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[++i])))
                    throw Invalid(scalar.Start, "invalid Unicode: a lone surrogate");
            }

            return text;
        }

        private static string CoreTag(NodeEvent node)
        {
            const string Prefix = "tag:yaml.org,2002:";
            var tag = node.Tag.Value;
            return
                tag.StartsWith(Prefix, StringComparison.Ordinal)
                && tag[Prefix.Length..] is "str" or "int" or "float" or "bool" or "null" or "map" or "seq" or "timestamp"
                ? tag[Prefix.Length..]
                : throw Invalid(node.Start, "unsupported tag: only the types of JSON are supported");
        }

        private static void CheckTag(NodeEvent node, string expected)
        {
            if (!node.Tag.IsEmpty && !node.Tag.IsNonSpecific && CoreTag(node) != expected)
                throw Invalid(node.Start, "the tag does not match the type of the value");
        }

        private static int Deeper(NodeEvent node, int depth) => depth < MaxDepth ? depth + 1 : throw TooDeep(node.Start);

        private static CvException TooDeep(Mark at) => Invalid(at, $"maps and lists are nested more than {MaxDepth} levels deep");

        private void Spend(int nodes, long characters)
        {
            if ((_nodes += nodes) > MaxNodes || _nodes < 0)
                throw TooLarge($"The YAML has more than {MaxNodes} values (aliases resolved).");
            if ((_characters += characters) > MaxCharacters)
                throw TooLarge($"The YAML has more than {MaxCharacters} characters (aliases resolved).");
        }
    }
}

internal static partial class YamlNumber
{
    public static Regex Pattern { get; } = Expression();

    [GeneratedRegex(
        @"\A[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\z",
        RegexOptions.CultureInvariant | RegexOptions.NonBacktracking
    )]
    private static partial Regex Expression();
}
