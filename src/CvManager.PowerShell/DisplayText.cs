using System.Collections;
using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;

namespace CvManager.PowerShell;

/// <summary>
/// Escapes text for a terminal. Text from a cluster, a registry or a file can contain escape sequences, which could hide or fake output, or
/// enter input, and commands to the CI service that reads the log of a step. All output of the cmdlets passes through here. Thread-safe.
/// </summary>
internal static partial class DisplayText
{
    private static readonly ConcurrentDictionary<Type, PropertyInfo[]> Properties = new();

    /// <summary>Escapes control and format characters as <c>\u001b</c>, except line breaks and tabs.</summary>
    public static string Of(string text)
    {
        if (!NeedsEscaping(text))
            return text;
        var shown = new StringBuilder(text.Length + 16);
        foreach (var c in text.Replace("\r\n", "\n", StringComparison.Ordinal))
        {
            if (IsHidden(c))
                shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                shown.Append(c);
        }

        return shown.ToString();
    }

    /// <summary>The same on one line.</summary>
    public static string Line(string text) => Of(text.ReplaceLineEndings(" ").Replace('\t', ' '));

    /// <summary>
    /// The same for a message, which may quote the log of a pod: puts a space into what a CI service could take for a command. The agent of
    /// Azure DevOps searches lines for <c>##vso[</c>, and the runner of GitHub for <c>##[</c> and, at the beginning of a line, for
    /// <c>::name properties::</c>. The last one is changed anywhere, because PowerShell may wrap the line before it.
    /// </summary>
    public static string Message(string text)
    {
        var shown = Of(text);
        if (shown.Contains("##", StringComparison.Ordinal))
            shown = BracketCommand().Replace(shown, "# ");
        if (!shown.Contains("::", StringComparison.Ordinal))
            return shown;
        return string.Join(
            '\n',
            shown
                .Split('\n')
                .Select(line =>
                {
                    var end = CommandEnd().Match(line);
                    return ColonCommand().Replace(line, found => found.Index < end.Index ? ": " : found.Value);
                })
        );
    }

    /// <summary>
    /// Escapes the text properties of an output object, in place. Valid names, versions and images do not change, nor do objects that the
    /// cmdlets pass on.
    /// </summary>
    /// <param name="value">Text, or an object. Objects are escaped if their type is in this assembly or in that of the cmdlet.</param>
    /// <param name="assembly">The assembly of the cmdlet.</param>
    public static object? Of(object? value, Assembly assembly)
    {
        if (value is string text)
            return Of(text);
        if (value is null || (value.GetType().Assembly is var own && own != assembly && own != typeof(DisplayText).Assembly))
            return value;
        foreach (var property in Properties.GetOrAdd(value.GetType(), PropertiesOf))
        {
            var original = property.GetValue(value);
            var escaped = original switch
            {
                string line => Message(line),
                IReadOnlyDictionary<string, string> map when map.Any(entry => NeedsEscaping(entry.Key) || NeedsEscaping(entry.Value)) =>
                    Labels.Of(map.Select(entry => KeyValuePair.Create(Of(entry.Key), Of(entry.Value)))),
                IReadOnlyList<string> list when list.Any(NeedsEscaping) => new Listed<string>([.. list.Select(Of)]),
                IEnumerable items when items is not (string or IDictionary) => OfEach(items, assembly),
                _ => Of(original, assembly),
            };
            if (!ReferenceEquals(escaped, original))
                property.SetValue(value, escaped);
        }

        return value;
    }

    /// <summary>Escapes the items of a list in place.</summary>
    private static IEnumerable OfEach(IEnumerable items, Assembly assembly)
    {
        if (items is IReadOnlyList<object> list)
        {
            foreach (var item in list)
                Of(item, assembly);
        }

        return items;
    }

    private static PropertyInfo[] PropertiesOf(Type type) =>
        [
            .. type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
                .Where(property =>
                    property is { CanRead: true, CanWrite: true }
                    && property.GetIndexParameters().Length == 0
                    && !property.PropertyType.IsValueType
                ),
        ];

    /// <summary>The first character of <c>##vso[</c> and <c>##[</c>.</summary>
    [GeneratedRegex(@"#(?=#(?:vso)?\[)", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex BracketCommand();

    /// <summary>The first character of <c>::name</c>.</summary>
    [GeneratedRegex(@":(?=:[a-z][a-z-]*[\s:])", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex ColonCommand();

    /// <summary>The last <c>::</c> of a line. The runner ignores characters between that sort as nothing.</summary>
    [GeneratedRegex(@":[\p{M}\p{C}]*:", RegexOptions.CultureInvariant | RegexOptions.RightToLeft)]
    private static partial Regex CommandEnd();

    private static bool NeedsEscaping(string text) => text.Any(IsHidden);

    private static bool IsHidden(char c) =>
        c is not ('\n' or '\t') && char.GetUnicodeCategory(c) is (UnicodeCategory.Control or UnicodeCategory.Format);
}
