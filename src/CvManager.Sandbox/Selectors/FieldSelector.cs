using System.Text.Json;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Selectors;

/// <summary>A field selector (<c>metadata.name=a,status.phase!=Running</c>).</summary>
internal sealed class FieldSelector
{
    private readonly IReadOnlyList<(string Field, string Value, bool Equal)> _requirements;

    private FieldSelector(IReadOnlyList<(string Field, string Value, bool Equal)> requirements) => _requirements = requirements;

    public bool IsEverything => _requirements.Count == 0;

    /// <param name="text">The selector.</param>
    /// <param name="selectable">The fields by which objects of the kind can be selected.</param>
    /// <exception cref="ApiException">400 for an unsupported field or invalid syntax.</exception>
    public static FieldSelector Parse(string text, IReadOnlySet<string> selectable)
    {
        var list = new List<(string, string, bool)>();
        foreach (var term in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var equal = true;
            var at = term.IndexOf("!=", StringComparison.Ordinal);
            var length = 2;
            if (at >= 0)
            {
                equal = false;
            }
            else if ((at = term.IndexOf("==", StringComparison.Ordinal)) < 0)
            {
                at = term.IndexOf('=', StringComparison.Ordinal);
                length = 1;
            }
            if (at < 0)
                throw ApiException.BadRequest($"invalid selector: '{text}'; can't understand '{term}'");
            var field = term[..at];
            if (!selectable.Contains(field))
                throw ApiException.BadRequest($"field label not supported: {field}");
            list.Add((field, term[(at + length)..], equal));
        }
        return new FieldSelector(list);
    }

    public bool Matches(JsonObject body)
    {
        foreach (var (field, value, equal) in _requirements)
        {
            if ((Read(body, field) == value) != equal)
                return false;
        }
        return true;
    }

    private static string Read(JsonObject body, string field)
    {
        // The only selectable field that is not a path: the component that reported an event.
        if (field == "source")
            return body.Str("source", "component") is { Length: > 0 } component ? component : body.Str("reportingComponent");
        JsonNode? node = body;
        foreach (var name in field.Split('.'))
            node = node.At(name);
        return node.Kind() switch
        {
            JsonValueKind.String => node.AsText()!,
            JsonValueKind.Null => field is "spec.hostNetwork" or "spec.unschedulable" ? "false" : "",
            _ => JsonText.Text(node),
        };
    }
}
