using System.Text.RegularExpressions;

namespace CvManager;

/// <summary>Removes user info from URLs in errors: exceptions of .NET quote the URL of a proxy with its password.</summary>
internal static partial class UrlRedaction
{
    /// <summary>The text without user info: <c>http://user:password@proxy:3128</c> becomes <c>http://proxy:3128</c>.</summary>
    public static string Remove(string text) => Pattern().Replace(text, "//");

    /// <summary>The exception; null if it or an inner exception contains user info.</summary>
    public static Exception? Without(Exception? failure) => failure is not null && Pattern().IsMatch(failure.ToString()) ? null : failure;

    [GeneratedRegex(@"//[^/@\s]+@", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
