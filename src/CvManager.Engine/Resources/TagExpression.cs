using System.Diagnostics;
using System.Text.RegularExpressions;

namespace CvManager.Resources;

/// <summary>
/// A user's regular expression that must match the whole tag. Its running time is bounded: it uses the non-backtracking engine where the
/// expression allows it, and there is a time limit per tag and per search. Immutable, thread-safe.
/// </summary>
internal sealed class TagExpression
{
    /// <summary>
    /// Per tag. A tag has at most 128 characters: an expression without nested repetition takes microseconds, but on an overloaded machine
    /// the thread itself may wait.
    /// </summary>
    private static readonly TimeSpan MatchLimit = TimeSpan.FromSeconds(1);

    /// <summary>Per tag with the non-backtracking engine, which takes linear time: a safeguard.</summary>
    private static readonly TimeSpan LinearMatchLimit = TimeSpan.FromSeconds(5);

    /// <summary>Per search.</summary>
    private static readonly TimeSpan SearchLimit = TimeSpan.FromSeconds(3);

    /// <summary>How long a search runs before it yields the thread.</summary>
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(50);

    private readonly Regex _anchored;
    private readonly string _field;
    private readonly string _written;

    private TagExpression(Regex anchored, string field, string written)
    {
        _anchored = anchored;
        _field = field;
        _written = written;
    }

    /// <param name="field">The field that the expression is from, for messages.</param>
    /// <param name="expression">In .NET or RE2 syntax.</param>
    /// <exception cref="ArgumentException">Not a valid regular expression.</exception>
    public static TagExpression Compile(string field, string expression)
    {
        var anchored = Anchor(expression);
        try
        {
            return new TagExpression(
                new Regex(anchored, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking, LinearMatchLimit),
                field,
                expression
            );
        }
        catch (NotSupportedException)
        {
            // Look-around and back-references require the backtracking engine.
            return new TagExpression(new Regex(anchored, RegexOptions.CultureInvariant, MatchLimit), field, expression);
        }
    }

    /// <summary>Checks the syntax only, which is cheaper.</summary>
    /// <exception cref="ArgumentException">Not a valid regular expression.</exception>
    public static void Check(string expression) => _ = new Regex(Anchor(expression), RegexOptions.CultureInvariant, MatchLimit);

    /// <summary>For a precompiled expression that is known to be cheap.</summary>
    public static TagExpression Of(Regex anchored, string field) => new(anchored, field, anchored.ToString());

    /// <summary>Why the first group of an expression is ambiguous; null if it is not.</summary>
    /// <remarks>
    /// .NET numbers named groups after unnamed ones; RE2 and PCRE do not. With both kinds, "the first group" is ambiguous.
    /// </remarks>
    /// <exception cref="ArgumentException">Not a valid regular expression.</exception>
    public static string? WhyNoFirstGroup(string expression)
    {
        string[] names = [.. Parse(expression).GetGroupNames().Where(name => name != "0")];
        bool Numbered(string name) => name.All(char.IsAsciiDigit);
        if (
            expression.Contains("(?<", StringComparison.Ordinal)
            && Regex.IsMatch(expression, @"\(\?<[0-9]", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)
        )
            return "has a group with an explicit number";
        return names.Any(Numbered) && !names.All(Numbered) ? "has both named and unnamed groups" : null;
    }

    /// <exception cref="CvException"><c>VersionSyntaxTimeout</c>.</exception>
    public Match Match(string tag)
    {
        try
        {
            return _anchored.Match(tag);
        }
        catch (RegexMatchTimeoutException e)
        {
            throw TooExpensive($"{_anchored.MatchTimeout.TotalSeconds:0} s to match the tag '{tag}'", e);
        }
    }

    /// <summary>The tags that match completely, with the capture of the first group (the tag, if there is no group).</summary>
    /// <exception cref="CvException"><c>VersionSyntaxTimeout</c>: matching takes too long.</exception>
    public async Task<List<TagMatch>> MatchesAsync(IEnumerable<string> tags, CancellationToken cancellationToken)
    {
        List<TagMatch> matches = [];
        // Real time, not that of a TimeProvider: this limits processor time.
        var spent = TimeSpan.Zero;
        var started = Stopwatch.GetTimestamp();
        foreach (var tag in tags)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var match = Match(tag);
            if (match.Success)
                matches.Add(new TagMatch(tag, match.Groups.Count > 1 ? match.Groups[1].Value : tag));
            if (!Backtracks || Stopwatch.GetElapsedTime(started) is var slice && slice < Slice)
                continue;
            spent += slice;
            if (spent > SearchLimit)
                throw TooExpensive($"{SearchLimit.TotalSeconds:0} s to match all tags of the repository");
            await Task.Yield();
            started = Stopwatch.GetTimestamp();
        }

        return matches;
    }

    private bool Backtracks => (_anchored.Options & RegexOptions.NonBacktracking) == 0;

    /// <summary>Parsed on its own first, so that unbalanced brackets cannot close the enclosing group.</summary>
    private static string Anchor(string expression)
    {
        _ = Parse(expression);
        return $@"\A(?:{ToDotNetSyntax(expression)})\z";
    }

    private static Regex Parse(string expression) => new(ToDotNetSyntax(expression), RegexOptions.CultureInvariant, MatchLimit);

    /// <summary>Accepts the RE2 syntax of named groups, <c>(?P&lt;name&gt;…)</c>, which other tools use.</summary>
    private static string ToDotNetSyntax(string expression) => expression.Replace("(?P<", "(?<", StringComparison.Ordinal);

    private CvException TooExpensive(string limit, Exception? inner = null) =>
        new(
            ErrorIds.VersionSyntaxTimeout,
            CvErrorKind.Invalid,
            $"{_field} '{_written}' takes more than {limit}.",
            "Avoid look-around, back-references and nested repetition: write 'a+' instead of '(a+)+'.",
            inner
        );
}

/// <summary>A tag that an expression matches.</summary>
/// <param name="Text">The capture of the first group; the tag if there is no group.</param>
internal readonly record struct TagMatch(string Tag, string Text);
