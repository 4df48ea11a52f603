using System.Globalization;
using System.Management.Automation.Language;
using System.Text;

namespace CvManager.PowerShell.Completion;

/// <summary>Writes a value as an argument of a command line that PowerShell reads back as that very value, and as nothing else.</summary>
/// <remarks>The value may come from anybody: a record in a ConfigMap, a tag of a registry, a file. about_Quoting_Rules, about_Parsing.</remarks>
internal static class CommandArgument
{
    /// <summary>A word by itself; in single quotes where it has to be; in double quotes with escapes where it has control characters.</summary>
    public static string Quote(string value) => value.Any(IsHidden) ? DoubleQuoted(value)
        : IsWord(value) ? value
        : $"'{CodeGeneration.EscapeSingleQuotedStringContent(value)}'";

    /// <summary>Without the quotes that it begins or ends with: any of those that PowerShell takes for one.</summary>
    public static string Unquote(string word) =>
        word.Trim('\'', '"', '\u2018', '\u2019', '\u201a', '\u201b', '\u201c', '\u201d', '\u201e');

    /// <summary>A beginning '-' would be a parameter's.</summary>
    private static bool IsWord(string value) =>
        value.Length > 0 && value[0] != '-' && value.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/' or ':');

    /// <summary>Control characters, and those that hide or reverse what is around them.</summary>
    private static bool IsHidden(char c) => char.GetUnicodeCategory(c) is UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse;

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
