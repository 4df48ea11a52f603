using System.Globalization;
using System.Management.Automation.Language;
using System.Text;

namespace CvManager.PowerShell.Completion;

/// <summary>Quotes a value so that PowerShell parses it as one argument with exactly that value.</summary>
/// <remarks>Values are untrusted: they come from ConfigMaps, registries and files. See about_Quoting_Rules and about_Parsing.</remarks>
internal static class CommandArgument
{
    /// <summary>
    /// Returns the value unquoted if possible, in double quotes with escapes if it has control characters, else in single quotes.
    /// </summary>
    public static string Quote(string value) =>
        value.Any(IsHidden) ? DoubleQuoted(value)
        : IsWord(value) ? value
        : $"'{CodeGeneration.EscapeSingleQuotedStringContent(value)}'";

    /// <summary>Removes leading and trailing quotes: all characters that PowerShell accepts as quotes.</summary>
    public static string Unquote(string word) => word.Trim('\'', '"', '\u2018', '\u2019', '\u201a', '\u201b', '\u201c', '\u201d', '\u201e');

    /// <summary>True if the value needs no quotes. A leading '-' would start a parameter.</summary>
    private static bool IsWord(string value) =>
        value.Length > 0 && value[0] != '-' && value.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/' or ':');

    /// <summary>Control characters, and characters that are invisible or change the direction of the text around them.</summary>
    private static bool IsHidden(char c) =>
        char.GetUnicodeCategory(c)
            is UnicodeCategory.Control
                or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator
                or UnicodeCategory.Surrogate
                or UnicodeCategory.PrivateUse;

    private static string DoubleQuoted(string value)
    {
        var text = new StringBuilder("\"");
        foreach (var c in value)
        {
            if (IsHidden(c))
                text.Append(CultureInfo.InvariantCulture, $"`u{{{(int)c:x4}}}");
            else if (c is '`' or '$' or '"' or '\u201c' or '\u201d' or '\u201e')
                text.Append('`').Append(c);
            else
                text.Append(c);
        }

        return text.Append('"').ToString();
    }
}
