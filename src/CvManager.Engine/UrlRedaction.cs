using System.Text.RegularExpressions;

namespace CvManager;

/// <summary>Keeps logins that stand in addresses out of errors: .NET names a proxy as the environment does, with its password.</summary>
internal static partial class UrlRedaction
{
    /// <summary>The text without them: <c>http://user:password@proxy:3128</c> becomes <c>http://proxy:3128</c>.</summary>
    public static string Remove(string text) => Pattern().Replace(text, "//");

    /// <summary>The exception; null where it, or one within it, names a login.</summary>
    public static Exception? Without(Exception? failure) => failure is not null && Pattern().IsMatch(failure.ToString()) ? null : failure;

    [GeneratedRegex(@"//[^/@\s]+@", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
