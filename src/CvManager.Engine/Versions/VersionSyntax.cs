using System.Text.RegularExpressions;

namespace CvManager.Versions;

/// <summary>Which tags are versions: a regular expression for the whole tag.</summary>
public sealed class VersionSyntax
{
    /// <summary>What holds where nothing was given: the short or long form of a git SHA.</summary>
    public const string Default = "[0-9a-f]{5,40}";

    private static readonly TimeSpan MatchTimeout = TimeSpan.FromSeconds(1);

    // To make an expression takes longer than to try it on a tag, and nearly every resource has this one.
    private static readonly VersionSyntax NotGiven = new(Default, Compile(Default), isDefault: true);

    private readonly Regex _whole;

    private VersionSyntax(string pattern, Regex whole, bool isDefault)
    {
        Pattern = pattern;
        _whole = whole;
        IsDefault = isDefault;
    }

    public string Pattern { get; }

    /// <summary>True where none was given. The default itself, given, is not the default (R1).</summary>
    public bool IsDefault { get; }

    /// <param name="pattern">Null or empty where none was given.</param>
    /// <exception cref="CvException"><c>VersionSyntaxInvalid</c>.</exception>
    public static VersionSyntax Of(string? pattern) => string.IsNullOrEmpty(pattern) ? NotGiven : new VersionSyntax(pattern, Compile(pattern), isDefault: false);

    /// <summary>The versions among some tags, best first: the longest, then in ordinal order.</summary>
    /// <exception cref="CvException"><c>VersionSyntaxTimeout</c>.</exception>
    public IReadOnlyList<string> Matching(IEnumerable<string> tags) =>
        [.. tags.Where(IsVersion).OrderByDescending(t => t.Length).ThenBy(t => t, StringComparer.Ordinal)];

    /// <exception cref="CvException"><c>VersionSyntaxTimeout</c>.</exception>
    public bool IsVersion(string tag)
    {
        try
        {
            return _whole.IsMatch(tag);
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new CvException("VersionSyntaxTimeout", CvErrorKind.Timeout,
                $"versionSyntax '{Pattern}' took longer than {MatchTimeout.TotalSeconds:0} s to try on the tag '{tag}'.",
                "Write it without nested repetition and without back-references: '(a+)+' is 'a+'.", e);
        }
    }

    private static Regex Compile(string pattern)
    {
        try
        {
            _ = new Regex(pattern, RegexOptions.CultureInvariant, MatchTimeout);
            // Its own brackets are balanced, so it cannot end the group around it.
            string whole = $@"\A(?:{pattern})\z";
            try
            {
                return new Regex(whole, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking, MatchTimeout);
            }
            catch (NotSupportedException)
            {
                // Look-around and back-references: those need the engine that the time limit is for.
                return new Regex(whole, RegexOptions.CultureInvariant, MatchTimeout);
            }
        }
        catch (ArgumentException e)
        {
            throw new CvException("VersionSyntaxInvalid", CvErrorKind.Invalid, $"versionSyntax '{pattern}' is no regular expression: {e.Message}",
                $"Correct it, or leave it out for the default '{Default}'.", e);
        }
    }
}
