using System.Globalization;
using System.Numerics;
using CvManager.Resources;

namespace CvManager.Versions;

/// <summary>
/// Selects one of the version tags of a repository, as an alternative to a moving tag: <c>semver:RANGE</c>,
/// <c>regex/ORDER:EXPRESSION</c> or <c>newest:SYNTAX</c>. Immutable, thread-safe.
/// </summary>
internal sealed class VersionPolicy
{
    private readonly string _text;
    private readonly VersionRange? _range;
    private readonly TagExpression? _expression;
    private readonly bool _isNumeric;

    private VersionPolicy(string text, VersionRange? range, TagExpression? expression, bool isNumeric, VersionSyntax? newest)
    {
        _text = text;
        _range = range;
        _expression = expression;
        _isNumeric = isNumeric;
        Newest = newest;
    }

    /// <summary>For the policy newest: which tags are versions. Null for policies that only use the names of tags.</summary>
    public VersionSyntax? Newest { get; }

    /// <summary>The policy; null if the text is a tag, which cannot contain a colon.</summary>
    /// <exception cref="CvException"><c>VersionPolicyInvalid</c>, <c>VersionSyntaxInvalid</c>.</exception>
    public static VersionPolicy? Find(string follows)
    {
        var colon = follows.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0)
            return null;
        var rest = follows[(colon + 1)..];
        return follows[..colon] switch
        {
            "semver" => VersionRange.TryParse(rest, out var range)
                ? new VersionPolicy(follows, range, null, false, null)
                : throw Invalid(follows, $"'{rest}' is not a valid version range"),
            "regex/numeric" => new VersionPolicy(follows, null, Compile(follows, rest), true, null),
            "regex/alphabetical" => new VersionPolicy(follows, null, Compile(follows, rest), false, null),
            "newest" => new VersionPolicy(follows, null, null, false, VersionSyntax.Of(rest == "*" ? null : rest)),
            _ => throw Invalid(follows, "unknown policy"),
        };
    }

    /// <summary>The best tags by name: more than one if they rank equally.</summary>
    /// <exception cref="CvException"><c>VersionSyntaxTimeout</c>.</exception>
    public async Task<PolicyChoice> ChooseAsync(IReadOnlyCollection<string> tags, CancellationToken cancellationToken)
    {
        if (_range is not null)
            return _range.Highest(tags, out var why) is { } highest ? new PolicyChoice([highest], "") : new PolicyChoice([], why);
        var matches = await _expression!.MatchesAsync(tags, cancellationToken);
        if (matches.Count == 0)
            return new PolicyChoice([], "None of them matches the complete expression.");
        return _isNumeric ? Greatest(matches) : new PolicyChoice(Best(matches.Select(m => (m.Tag, m.Text)), StringComparer.Ordinal), "");
    }

    public override string ToString() => _text;

    private static PolicyChoice Greatest(List<TagMatch> matches)
    {
        List<(string Tag, BigInteger Number)> numbers = [];
        foreach (var match in matches)
        {
            if (BigInteger.TryParse(match.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                numbers.Add((match.Tag, number));
        }

        return numbers.Count > 0
            ? new PolicyChoice(Best(numbers, Comparer<BigInteger>.Default), "")
            : new PolicyChoice(
                [],
                $"{matches.Count} match, but the first group captures no number, for example '{matches[0].Text}' in '{matches[0].Tag}'."
            );
    }

    private static List<string> Best<TKey>(IEnumerable<(string Tag, TKey Key)> tags, IComparer<TKey> comparer)
    {
        List<string> best = [];
        TKey greatest = default!;
        foreach ((var tag, var key) in tags)
        {
            var order = best.Count == 0 ? 1 : comparer.Compare(key, greatest);
            if (order > 0)
            {
                best.Clear();
                greatest = key;
            }

            if (order >= 0)
                best.Add(tag);
        }

        return best;
    }

    private static TagExpression Compile(string follows, string expression)
    {
        try
        {
            return TagExpression.WhyNoFirstGroup(expression) is { } why
                ? throw Invalid(follows, $"the expression {why}")
                : TagExpression.Compile("versionPolicy.regex", expression);
        }
        catch (ArgumentException e)
        {
            throw Invalid(follows, e.Message, e);
        }
    }

    private static CvException Invalid(string follows, string why, Exception? inner = null) =>
        new(
            ErrorIds.VersionPolicyInvalid,
            CvErrorKind.Invalid,
            $"Invalid version policy '{follows}': {why}.",
            "Correct spec.versionPolicy: semver takes an npm version range, regex a .NET regular expression with one group that orders the tags.",
            inner
        );
}

/// <summary>The tags that a policy selected by name.</summary>
/// <param name="Tags">The best; more than one if they rank equally, empty if none satisfies the policy.</param>
/// <param name="Why">Why none satisfies the policy; empty otherwise.</param>
internal sealed record PolicyChoice(IReadOnlyList<string> Tags, string Why);
