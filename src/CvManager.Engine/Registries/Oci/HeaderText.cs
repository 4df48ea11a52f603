using System.Text;

namespace CvManager.Registries.Oci;

/// <summary>Reads the parts of header fields (RFC 9110, 5.6). Each method advances <c>at</c> past what it read.</summary>
internal static class HeaderText
{
    /// <summary>Optional whitespace (5.6.3).</summary>
    public static void SkipSpace(string line, ref int at)
    {
        while (at < line.Length && line[at] is ' ' or '\t')
            at++;
    }

    /// <summary>
    /// The value of a quoted string (5.6.4) that starts at <paramref name="at"/>; an unterminated one ends with the line.
    /// </summary>
    public static string Quoted(string line, ref int at)
    {
        StringBuilder value = new();
        for (at++; at < line.Length; at++)
        {
            if (line[at] == '"')
            {
                at++;
                break;
            }

            if (line[at] == '\\' && at + 1 < line.Length)
                at++;
            value.Append(line[at]);
        }

        return value.ToString();
    }

    /// <summary>
    /// The text before the next of these characters. May be more than a token (5.6.2), because servers omit required quotes.
    /// </summary>
    public static string Until(string line, ref int at, ReadOnlySpan<char> ends)
    {
        var length = line.AsSpan(at).IndexOfAny(ends);
        var text = length < 0 ? line[at..] : line.Substring(at, length);
        at += text.Length;
        return text;
    }
}
