using System.Globalization;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Selectors;

/// <summary>A label selector, from a query (<c>a=b,c in (d,e),!f</c>) or from matchLabels and matchExpressions.</summary>
internal sealed class LabelSelector
{
    private readonly IReadOnlyList<Requirement> _requirements;

    private LabelSelector(IReadOnlyList<Requirement> requirements) => _requirements = requirements;

    public static LabelSelector Everything { get; } = new([]);

    public bool IsEverything => _requirements.Count == 0;

    /// <exception cref="ApiException">400 for invalid syntax.</exception>
    public static LabelSelector Parse(string text) =>
        string.IsNullOrWhiteSpace(text) ? Everything : new LabelSelector(new LabelSelectorParser(text).Parse());

    /// <summary>From a metav1.LabelSelector; null selects nothing.</summary>
    public static LabelSelector? FromObject(JsonObject? selector)
    {
        if (selector is null)
            return null;
        var list = FromMap(selector.Obj("matchLabels"))._requirements.ToList();
        foreach (var expression in selector.Items("matchExpressions"))
        {
            var op = expression.Str("operator") switch
            {
                "In" => SelectorOperator.In,
                "NotIn" => SelectorOperator.NotIn,
                "Exists" => SelectorOperator.Exists,
                _ => SelectorOperator.DoesNotExist,
            };
            list.Add(new Requirement(expression.Str("key"), op, [.. expression.Texts("values")]));
        }
        return new LabelSelector(list);
    }

    /// <summary>From a plain map, as in the spec of services.</summary>
    public static LabelSelector FromMap(JsonObject? labels) =>
        new([.. (labels ?? []).Select(pair => new Requirement(pair.Key, SelectorOperator.In, [pair.Value.AsText() ?? ""]))]);

    public bool Matches(JsonObject? labels)
    {
        foreach (var requirement in _requirements)
        {
            if (!requirement.Matches(labels))
                return false;
        }
        return true;
    }

    /// <summary>The selector in the format of the scale subresource.</summary>
    public override string ToString() => string.Join(",", _requirements);

    internal enum SelectorOperator
    {
        In,
        NotIn,
        Exists,
        DoesNotExist,
        GreaterThan,
        LessThan,
    }

    internal sealed record Requirement(string Key, SelectorOperator Operator, IReadOnlyList<string> Values)
    {
        public bool Matches(JsonObject? labels)
        {
            var value = labels?[Key].AsText();
            return Operator switch
            {
                SelectorOperator.In => value is not null && Values.Contains(value),
                SelectorOperator.NotIn => value is null || !Values.Contains(value),
                SelectorOperator.Exists => value is not null,
                SelectorOperator.DoesNotExist => value is null,
                SelectorOperator.GreaterThan => Compare(value) > 0,
                _ => Compare(value) < 0,
            };
        }

        public override string ToString() =>
            Operator switch
            {
                SelectorOperator.In when Values.Count == 1 => $"{Key}={Values[0]}",
                SelectorOperator.In => $"{Key} in ({string.Join(",", Values.Order(StringComparer.Ordinal))})",
                SelectorOperator.NotIn when Values.Count == 1 => $"{Key}!={Values[0]}",
                SelectorOperator.NotIn => $"{Key} notin ({string.Join(",", Values.Order(StringComparer.Ordinal))})",
                SelectorOperator.Exists => Key,
                SelectorOperator.DoesNotExist => "!" + Key,
                SelectorOperator.GreaterThan => $"{Key}>{Values[0]}",
                _ => $"{Key}<{Values[0]}",
            };

        private int Compare(string? value) =>
            long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var left)
            && long.TryParse(Values[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var right)
                ? left.CompareTo(right)
                : 0;
    }
}
