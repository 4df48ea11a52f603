using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;
using Semver;

namespace CvManager.Versions;

/// <summary>
/// Which of a repository's version tags is wanted, for those who move no tag: <c>semver:RANGE</c>, <c>regex/ORDER:EXPRESSION</c> or
/// <c>newest:SYNTAX</c>. Immutable, thread-safe.
/// </summary>
internal sealed class VersionPolicy
{
    private static readonly TimeSpan MatchTimeout = TimeSpan.FromSeconds(1);

    private readonly string _text;
    private readonly SemVersionRange? _range;
    private readonly Regex? _expression;
    private readonly bool _isNumeric;

    private VersionPolicy(string text, SemVersionRange? range, Regex? expression, bool isNumeric, VersionSyntax? newest)
    {
        _text = text;
        _range = range;
        _expression = expression;
        _isNumeric = isNumeric;
        Newest = newest;
    }

    /// <summary>For the policy newest: which tags are versions. Null for those that go by the tags' names alone.</summary>
    public VersionSyntax? Newest { get; }

    /// <summary>Null where the text is a tag: no tag has a colon.</summary>
    /// <exception cref="CvException"><c>VersionPolicyInvalid</c>.</exception>
    public static VersionPolicy? Find(string follows)
    {
        int colon = follows.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0)
            return null;
        string rest = follows[(colon + 1)..];
        try
        {
            return follows[..colon] switch
            {
                "semver" => new VersionPolicy(follows, SemVersionRange.ParseNpm(rest), null, false, null),
                "regex/numeric" => new VersionPolicy(follows, null, Compile(rest), true, null),
                "regex/alphabetical" => new VersionPolicy(follows, null, Compile(rest), false, null),
                "newest" => new VersionPolicy(follows, null, null, false, VersionSyntax.Of(rest)),
                _ => throw new FormatException("there is no such policy"),
            };
        }
        catch (Exception e) when (e is FormatException or ArgumentException or OverflowException)
        {
            throw new CvException("VersionPolicyInvalid", CvErrorKind.Invalid, $"The version policy '{follows}' cannot be used: {e.Message}",
                "Correct spec.versionPolicy: semver as npm writes ranges, regex as .NET writes expressions.", e);
        }
    }

    /// <summary>The best of the tags by their names; null where none is wanted.</summary>
    /// <exception cref="CvException"><c>VersionSyntaxTimeout</c>.</exception>
    public string? Best(IEnumerable<string> tags) => _range is not null ? BestInRange(_range, tags) : BestMatch(_expression!, tags);

    public override string ToString() => _text;

    private static string? BestInRange(SemVersionRange range, IEnumerable<string> tags)
    {
        // v1.2.3 is a usual way to write a tag, and no semantic version by the letter.
        const SemVersionStyles styles = SemVersionStyles.AllowLowerV | SemVersionStyles.AllowV;
        (string Tag, SemVersion Version)? best = null;
        foreach (string tag in tags.Order(StringComparer.Ordinal))
        {
            if (SemVersion.TryParse(tag, styles, out SemVersion? version) && range.Contains(version)
                && (best is null || version.ComparePrecedenceTo(best.Value.Version) > 0))
            {
                best = (tag, version);
            }
        }

        return best?.Tag;
    }

    private string? BestMatch(Regex expression, IEnumerable<string> tags)
    {
        (string Tag, string Text, BigInteger Number)? best = null;
        foreach (string tag in tags.Order(StringComparer.Ordinal))
        {
            Match match;
            try
            {
                match = expression.Match(tag);
            }
            catch (RegexMatchTimeoutException e)
            {
                throw new CvException("VersionSyntaxTimeout", CvErrorKind.Timeout, $"'{_text}' took longer than {MatchTimeout.TotalSeconds:0} s to try on the tag '{tag}'.",
                    "Write it without nested repetition and without back-references: '(a+)+' is 'a+'.", e);
            }

            if (!match.Success)
                continue;
            string text = match.Groups.Count > 1 ? match.Groups[1].Value : tag;
            BigInteger number = 0;
            if (_isNumeric && !BigInteger.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number))
                continue;
            if (best is null || (_isNumeric ? number > best.Value.Number : string.CompareOrdinal(text, best.Value.Text) > 0))
                best = (tag, text, number);
        }

        return best?.Tag;
    }

    /// <summary>For the whole tag, and by the engine that cannot backtrack where the expression lets it.</summary>
    private static Regex Compile(string expression)
    {
        _ = new Regex(expression, RegexOptions.CultureInvariant, MatchTimeout);
        string whole = $@"\A(?:{expression})\z";
        try
        {
            return new Regex(whole, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking, MatchTimeout);
        }
        catch (NotSupportedException)
        {
            return new Regex(whole, RegexOptions.CultureInvariant, MatchTimeout);
        }
    }
}
