using System.Text.RegularExpressions;
using CvManager.Resources;

namespace CvManager.Versions;

/// <summary>Which tags are versions (R1): a regular expression that must match the complete tag.</summary>
public sealed partial class VersionSyntax
{
    /// <summary>
    /// The default: git SHAs (7 to 64 hexadecimal digits, at least one of them a letter unless it has the length of a full SHA), and full
    /// version numbers with any suffix of semantic or calendar versioning.
    /// </summary>
    public const string Default = @"(?=[0-9]*[a-f])[0-9a-f]{7,64}|[0-9]{40}|[0-9]{64}|v?[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z._-]*";

    private static readonly VersionSyntax DefaultSyntax = new(
        Default,
        TagExpression.Of(DefaultAnchored(), "versionSyntax"),
        isDefault: true
    );

    private readonly TagExpression _expression;

    private VersionSyntax(string pattern, TagExpression expression, bool isDefault)
    {
        Pattern = pattern;
        _expression = expression;
        IsDefault = isDefault;
    }

    public string Pattern { get; }

    /// <summary>True if no syntax was specified. Explicitly specifying the default expression does not count (R1).</summary>
    public bool IsDefault { get; }

    /// <param name="pattern">Null or empty for the default.</param>
    /// <exception cref="CvException"><c>VersionSyntaxInvalid</c>.</exception>
    public static VersionSyntax Of(string? pattern)
    {
        if (string.IsNullOrEmpty(pattern))
            return DefaultSyntax;
        try
        {
            return new VersionSyntax(pattern, TagExpression.Compile("versionSyntax", pattern), isDefault: false);
        }
        catch (ArgumentException e)
        {
            throw new CvException(
                ErrorIds.VersionSyntaxInvalid,
                CvErrorKind.Invalid,
                $"versionSyntax '{pattern}' is not a valid regular expression: {e.Message}",
                "Correct the expression, or omit versionSyntax: by default, git SHAs and full version numbers are versions.",
                e
            );
        }
    }

    /// <summary>The tags that are versions, best first: the longest, then in ordinal order.</summary>
    /// <exception cref="CvException"><c>VersionSyntaxTimeout</c>.</exception>
    public async Task<IReadOnlyList<string>> MatchingAsync(IEnumerable<string> tags, CancellationToken cancellationToken) =>
        [
            .. (await _expression.MatchesAsync(tags, cancellationToken))
                .Select(m => m.Tag)
                .OrderByDescending(t => t.Length)
                .ThenBy(t => t, StringComparer.Ordinal),
        ];

    /// <exception cref="CvException"><c>VersionSyntaxTimeout</c>.</exception>
    public bool IsVersion(string tag) => _expression.Match(tag).Success;

    [GeneratedRegex($@"\A(?:{Default})\z", RegexOptions.CultureInvariant)]
    private static partial Regex DefaultAnchored();
}
