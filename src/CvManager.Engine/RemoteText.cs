using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace CvManager;

/// <summary>
/// Sanitizes text from a remote source (a registry, an API server, a plugin, a file) for messages: limits its length, escapes control and
/// invisible characters, and removes credentials. All quoted text must pass through here.
/// </summary>
public static partial class RemoteText
{
    /// <summary>The default maximum length of a quotation.</summary>
    public const int DefaultLimit = 300;

    /// <summary>The rest is not processed: it would never be shown, and replacing in 100 MB takes time.</summary>
    private const int MaxInputLength = 64 * 1024;

    private const char Ellipsis = '…';

    /// <param name="text">The remote text; null is shown as an empty string.</param>
    /// <param name="secrets">The secrets that were sent to the remote side; null for none.</param>
    /// <param name="limit">The maximum length of the result.</param>
    public static string Show(string? text, Secrets? secrets = null, int limit = DefaultLimit)
    {
        if (string.IsNullOrEmpty(text))
            return "";
        var cut = text.Length > MaxInputLength;
        var shown = cut ? text[..MaxInputLength] : text;
        shown = (secrets ?? Secrets.None).Hide(shown, cut);
        shown = Signature().Replace(UrlRedaction.Remove(shown), "$1" + Secrets.Hidden);
        return Visible(shown, cut, limit);
    }

    /// <summary>
    /// Replaces line breaks and tabs by spaces, and escapes other characters without a glyph (escape sequences, bidirectional controls) as
    /// <c>\u001b</c>.
    /// </summary>
    private static string Visible(string text, bool cut, int limit)
    {
        var visible = new StringBuilder(Math.Min(text.Length, limit) + 8);
        foreach (var rune in text.EnumerateRunes())
        {
            var before = visible.Length;
            if (rune.Value is '\t' or '\n' or '\r' or 0x85 or 0x2028 or 0x2029)
                visible.Append(visible.Length > 0 && visible[^1] == ' ' ? "" : " ");
            else if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse)
                visible.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}");
            else
                visible.Append(rune.ToString());
            if (visible.Length <= limit)
                continue;
            visible.Length = Math.Min(before, Math.Max(0, limit - 1));
            // Do not cut a surrogate pair.
            if (visible.Length > 0 && char.IsHighSurrogate(visible[^1]))
                visible.Length--;
            return visible.Append(Ellipsis).ToString();
        }

        return cut ? visible.Append(Ellipsis).ToString() : visible.ToString();
    }

    // JSON Web Tokens (RFC 7519: three parts, the first starts with '{"'), and signatures of AWS Signature Version 4.
    [GeneratedRegex(
        @"()\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*|(\bSignature=)[0-9a-f]{16,}",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase | RegexOptions.NonBacktracking
    )]
    private static partial Regex Signature();
}
