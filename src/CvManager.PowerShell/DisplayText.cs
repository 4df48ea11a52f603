using System.Collections;
using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using System.Text;

namespace CvManager.PowerShell;

/// <summary>
/// Makes text fit for a terminal: what a cluster, a registry or a file says may hold escape sequences, which would colour, move, hide or type.
/// Whatever a cmdlet writes passes here. Stateless but for what it knows of types; thread-safe.
/// </summary>
internal static class DisplayText
{
    private static readonly ConcurrentDictionary<Type, PropertyInfo[]> s_properties = new();

    /// <summary>Line breaks and tabs stay; other control characters, and those that reverse or hide text, are shown as <c>\u001b</c>.</summary>
    public static string Of(string text)
    {
        if (!IsUnfit(text))
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

    /// <summary>The same in one line.</summary>
    public static string Line(string text) => Of(text.ReplaceLineEndings(" ").Replace('\t', ' '));

    /// <summary>
    /// An object of ours whose texts are fit to be shown, as a table, a list or a string: it is as it was but for what no name, version or image
    /// may hold. Other objects stay as they are.
    /// </summary>
    public static object? Of(object? value)
    {
        if (value is string text)
            return Of(text);
        if (value is null || value.GetType().Assembly != typeof(DisplayText).Assembly)
            return value;
        foreach (var property in s_properties.GetOrAdd(value.GetType(), PropertiesOf))
        {
            var former = property.GetValue(value);
            var shown = former switch
            {
                string line => Of(line),
                IReadOnlyDictionary<string, string> map when map.Any(entry => IsUnfit(entry.Key) || IsUnfit(entry.Value)) =>
                    map.GroupBy(entry => Of(entry.Key)).ToDictionary(entry => entry.Key, entry => Of(entry.First().Value)),
                IReadOnlyList<string> list when list.Any(IsUnfit) => list.Select(Of).ToArray(),
                IEnumerable items when items is not (string or IDictionary) => OfEach(items),
                _ => Of(former),
            };
            if (!ReferenceEquals(shown, former))
                property.SetValue(value, shown);
        }

        return value;
    }

    /// <summary>Objects of ours within a list are changed in place.</summary>
    private static IEnumerable OfEach(IEnumerable items)
    {
        if (items is IReadOnlyList<object> list)
        {
            foreach (var item in list)
                Of(item);
        }

        return items;
    }

    private static PropertyInfo[] PropertiesOf(Type type) =>
    [
        .. type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property is { CanRead: true, CanWrite: true } && property.GetIndexParameters().Length == 0 && !property.PropertyType.IsValueType),
    ];

    private static bool IsUnfit(string text) => text.Any(IsHidden);

    private static bool IsHidden(char c) =>
        c is not ('\n' or '\t') && char.GetUnicodeCategory(c) is (UnicodeCategory.Control or UnicodeCategory.Format);
}
