using System.Diagnostics;
using System.Text.RegularExpressions;

namespace CvManager.Resources;

/// <summary>
/// A regular expression of a user for whole tags. It cannot keep a thread busy: it is compiled by the engine that does not backtrack where
/// the expression allows it, one tag has a time limit, and so have all tags of one search. Immutable, thread-safe.
/// </summary>
internal sealed class TagExpression
{
    /// <summary>
    /// For one tag. A tag has at most 128 characters: an expression without nested repetition takes microseconds, but on a machine that is
    /// overloaded the thread itself may have to wait for long.
    /// </summary>
    private static readonly TimeSpan MatchLimit = TimeSpan.FromSeconds(1);

    /// <summary>The engine that does not backtrack takes time in proportion to the tag: the limit is for what nobody thought of.</summary>
    private static readonly TimeSpan LinearMatchLimit = TimeSpan.FromSeconds(5);

    /// <summary>For all tags of one search.</summary>
    private static readonly TimeSpan SearchLimit = TimeSpan.FromSeconds(3);

    /// <summary>How long a search goes on before it lets others have the thread.</summary>
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(50);

    private readonly Regex _whole;
    private readonly string _field;
    private readonly string _written;

    private TagExpression(Regex whole, string field, string written)
    {
        _whole = whole;
        _field = field;
        _written = written;
    }

    /// <param name="field">The field that the expression is from, for messages.</param>
    /// <param name="expression">As .NET or RE2 write it.</param>
    /// <exception cref="ArgumentException">It is no regular expression.</exception>
    public static TagExpression Compile(string field, string expression)
    {
        string whole = Whole(expression);
        try
        {
            return new TagExpression(new Regex(whole, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking, LinearMatchLimit), field, expression);
        }
        catch (NotSupportedException)
        {
            // Look-around and back-references need the engine that the limits are for.
            return new TagExpression(new Regex(whole, RegexOptions.CultureInvariant, MatchLimit), field, expression);
        }
    }

    /// <summary>The same without keeping it, which costs less.</summary>
    /// <exception cref="ArgumentException">It is no regular expression.</exception>
    public static void Check(string expression) => _ = new Regex(Whole(expression), RegexOptions.CultureInvariant, MatchLimit);

    /// <summary>For an expression that was compiled before, and is known to be cheap.</summary>
    public static TagExpression Of(Regex whole, string field) => new(whole, field, whole.ToString());

    /// <summary>What is wrong with an expression of which the first group orders the tags; null where nothing is.</summary>
    /// <remarks>.NET numbers named groups after all others, RE2 and PCRE do not: where both are used, "the first group" has two readings.</remarks>
    /// <exception cref="ArgumentException">It is no regular expression.</exception>
    public static string? WhyNoFirstGroup(string expression)
    {
        string[] names = [.. Parse(expression).GetGroupNames().Where(name => name != "0")];
        bool Numbered(string name) => name.All(char.IsAsciiDigit);
        if (expression.Contains("(?<", StringComparison.Ordinal) && Regex.IsMatch(expression, @"\(\?<[0-9]", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking))
            return "has a group with an explicit number";
        return names.Any(Numbered) && !names.All(Numbered) ? "has both named and unnamed groups" : null;
    }

    /// <exception cref="CvException"><c>VersionSyntaxTimeout</c>.</exception>
    public Match Match(string tag)
    {
        try
        {
            return _whole.Match(tag);
        }
        catch (RegexMatchTimeoutException e)
        {
            throw TooExpensive($"{_whole.MatchTimeout.TotalSeconds:0} s to match the tag '{tag}'", e);
        }
    }

    /// <summary>The tags that match as a whole, with what the first group captured (the tag, where there is no group).</summary>
    /// <exception cref="CvException"><c>VersionSyntaxTimeout</c>: trying them all takes too long.</exception>
    public async Task<List<TagMatch>> MatchesAsync(IEnumerable<string> tags, CancellationToken cancellationToken)
    {
        List<TagMatch> matches = [];
        // Real time, and not that of a TimeProvider: it is the processor of this machine that is spared.
        TimeSpan spent = TimeSpan.Zero;
        long started = Stopwatch.GetTimestamp();
        foreach (string tag in tags)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Match match = Match(tag);
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

    private bool Backtracks => (_whole.Options & RegexOptions.NonBacktracking) == 0;

    /// <summary>On its own first: then its brackets are balanced, and it cannot end the group around it.</summary>
    private static string Whole(string expression)
    {
        _ = Parse(expression);
        return $@"\A(?:{Spelled(expression)})\z";
    }

    private static Regex Parse(string expression) => new(Spelled(expression), RegexOptions.CultureInvariant, MatchLimit);

    /// <summary>RE2, which the other tools use, writes named groups <c>(?P&lt;name&gt;…)</c>. No tag contains a bracket that this could change.</summary>
    private static string Spelled(string expression) => expression.Replace("(?P<", "(?<", StringComparison.Ordinal);

    private CvException TooExpensive(string limit, Exception? inner = null) =>
        new(ErrorIds.VersionSyntaxTimeout, CvErrorKind.Invalid, $"{_field} '{_written}' takes more than {limit}.",
            "Avoid look-around, back-references and nested repetition: write 'a+' instead of '(a+)+'.", inner);
}

/// <summary>A tag that an expression matches.</summary>
/// <param name="Text">What its first group captured; the tag where it has no group.</param>
internal readonly record struct TagMatch(string Tag, string Text);
