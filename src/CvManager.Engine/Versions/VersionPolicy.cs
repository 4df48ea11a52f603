using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using CvManager.Resources;

namespace CvManager.Versions;

/// <summary>Selects one of the version tags of a repository. Immutable, thread-safe.</summary>
internal sealed class VersionPolicy
{
    private readonly FollowedPolicy _written;
    private readonly VersionRange? _range;
    private readonly TagExpression? _expression;
    private readonly bool _isNumeric;

    private VersionPolicy(FollowedPolicy written, VersionRange? range, TagExpression? expression, bool isNumeric, VersionSyntax? newest)
    {
        _written = written;
        _range = range;
        _expression = expression;
        _isNumeric = isNumeric;
        Newest = newest;
    }

    /// <summary>For the policy newest: which tags are versions. Null for policies that only use the names of tags.</summary>
    public VersionSyntax? Newest { get; }

    /// <exception cref="CvException"><c>VersionPolicyInvalid</c>, <c>VersionSyntaxInvalid</c>.</exception>
    public static VersionPolicy Of(FollowedPolicy policy) =>
        policy switch
        {
            SemverPolicy { Range: var text } => VersionRange.TryParse(text, out var range)
                ? new VersionPolicy(policy, range, null, false, null)
                : throw Invalid(policy, $"'{text}' is not a valid version range"),
            RegexPolicy { Expression: var expression, Order: var order } => new VersionPolicy(
                policy,
                null,
                Compile(policy, expression),
                order != VersionPolicySpec.Alphabetical,
                null
            ),
            NewestPolicy { VersionSyntax: var syntax } => new VersionPolicy(policy, null, null, false, VersionSyntax.Of(syntax)),
            _ => throw new UnreachableException(),
        };

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

    public override string ToString() => _written.ToString();

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

    private static TagExpression Compile(FollowedPolicy policy, string expression)
    {
        try
        {
            return TagExpression.WhyNoFirstGroup(expression) is { } why
                ? throw Invalid(policy, $"the expression {why}")
                : TagExpression.Compile("versionPolicy.regex", expression);
        }
        catch (ArgumentException e)
        {
            throw Invalid(policy, e.Message, e);
        }
    }

    private static CvException Invalid(FollowedPolicy policy, string why, Exception? inner = null) =>
        new(
            ErrorIds.VersionPolicyInvalid,
            CvErrorKind.Invalid,
            $"Invalid version policy '{policy}': {why}.",
            "Correct spec.versionPolicy: semver takes an npm version range, regex a .NET regular expression with one group that "
                + "orders the tags.",
            inner
        );
}

/// <summary>The tags that a policy selected by name.</summary>
/// <param name="Tags">The best; more than one if they rank equally, empty if none satisfies the policy.</param>
/// <param name="Why">Why none satisfies the policy; empty otherwise.</param>
internal sealed record PolicyChoice(IReadOnlyList<string> Tags, string Why);
