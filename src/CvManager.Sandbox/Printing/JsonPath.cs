using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Printing;

/// <summary>
/// The JSONPath subset of printer columns: fields (<c>.a.b</c>, <c>['a']</c>, <c>\.</c> for a dot in a name), indices, <c>[*]</c>, and
/// filters that compare a field with a literal (<c>[?(@.type=="Ready")]</c>).
/// </summary>
internal sealed class JsonPath
{
    private readonly IReadOnlyList<Func<JsonNode?, IEnumerable<JsonNode?>>> _steps;

    private JsonPath(IReadOnlyList<Func<JsonNode?, IEnumerable<JsonNode?>>> steps) => _steps = steps;

    /// <summary>An unsupported path selects nothing.</summary>
    public static JsonPath Parse(string text)
    {
        var steps = new List<Func<JsonNode?, IEnumerable<JsonNode?>>>();
        var position = 0;
        while (position < text.Length)
        {
            if (text[position] == '.')
            {
                position++;
                var name = ReadName(text, ref position);
                if (name.Length > 0)
                    steps.Add(name == "*" ? All : node => Field(node, name));
            }
            else if (text[position] == '[')
            {
                var end = Closing(text, position);
                if (end < 0 || Bracket(text[(position + 1)..end]) is not Func<JsonNode?, IEnumerable<JsonNode?>> step)
                    return new JsonPath([_ => []]);
                steps.Add(step);
                position = end + 1;
            }
            else
            {
                var name = ReadName(text, ref position);
                steps.Add(node => Field(node, name));
            }
        }
        return new JsonPath(steps);
    }

    public IEnumerable<JsonNode> Select(JsonNode root)
    {
        IEnumerable<JsonNode?> nodes = [root];
        foreach (var step in _steps)
            nodes = nodes.SelectMany(step);
        return nodes.OfType<JsonNode>();
    }

    private static IEnumerable<JsonNode?> Field(JsonNode? node, string name) => node.At(name) is JsonNode value ? [value] : [];

    private static IEnumerable<JsonNode?> All(JsonNode? node) =>
        node switch
        {
            JsonArray array => array,
            JsonObject fields => fields.Select(pair => pair.Value),
            _ => [],
        };

    private static string ReadName(string text, ref int position)
    {
        var name = new StringBuilder();
        while (position < text.Length && text[position] is not ('.' or '['))
        {
            if (text[position] == '\\' && position + 1 < text.Length)
                position++;
            name.Append(text[position++]);
        }
        return name.ToString();
    }

    private static int Closing(string text, int open)
    {
        var quote = '\0';
        var depth = 0;
        for (var i = open; i < text.Length; i++)
        {
            var letter = text[i];
            if (quote != '\0')
                quote = letter == quote ? '\0' : quote;
            else if (letter is '\'' or '"')
                quote = letter;
            else if (letter == '[')
                depth++;
            else if (letter == ']' && --depth == 0)
                return i;
        }
        return -1;
    }

    private static Func<JsonNode?, IEnumerable<JsonNode?>>? Bracket(string inner)
    {
        inner = inner.Trim();
        if (inner == "*")
            return All;
        if (int.TryParse(inner, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var index))
            return node =>
                node is JsonArray array && Math.Abs(index + 0.5) < array.Count + 0.5
                    ? [array[index < 0 ? array.Count + index : index]]
                    : [];
        if (inner.Length >= 2 && inner[0] is '\'' or '"' && inner[^1] == inner[0])
            return node => Field(node, inner[1..^1]);
        if (inner.StartsWith("?(", StringComparison.Ordinal) && inner.EndsWith(')'))
            return Filter(inner[2..^1]);
        return null;
    }

    private static Func<JsonNode?, IEnumerable<JsonNode?>>? Filter(string condition)
    {
        var equal = true;
        var at = condition.IndexOf("==", StringComparison.Ordinal);
        if (at < 0)
        {
            equal = false;
            at = condition.IndexOf("!=", StringComparison.Ordinal);
        }
        var left = (at < 0 ? condition : condition[..at]).Trim();
        if (!left.StartsWith('@'))
            return null;
        var path = Parse(left[1..]);
        if (at < 0)
            return node => All(node).Where(item => item is not null && path.Select(item).Any());
        var literal = condition[(at + 2)..].Trim().Trim('"', '\'');
        return node =>
            All(node)
                .Where(item =>
                    item is not null && path.Select(item).Any(value => (value.AsText() ?? JsonText.Text(value)) == literal) == equal
                );
    }
}
