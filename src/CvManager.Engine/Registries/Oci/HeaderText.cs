using System.Text;

namespace CvManager.Registries.Oci;

/// <summary>The parts that header fields are made of (RFC 9110, 5.6), read one after the other: each moves <c>at</c> behind what it read.</summary>
internal static class HeaderText
{
    /// <summary>Optional whitespace (5.6.3).</summary>
    public static void SkipSpace(string line, ref int at)
    {
        while (at < line.Length && line[at] is ' ' or '\t')
            at++;
    }

    /// <summary>A quoted string without its quotes and backslashes (5.6.4), whose first quote is at <paramref name="at"/>. One without an end ends with the line.</summary>
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

    /// <summary>What stands before the next of those characters. More than a token (5.6.2), as servers leave out quotes that the grammar wants.</summary>
    public static string Until(string line, ref int at, ReadOnlySpan<char> ends)
    {
        int length = line.AsSpan(at).IndexOfAny(ends);
        string text = length < 0 ? line[at..] : line.Substring(at, length);
        at += text.Length;
        return text;
    }
}
