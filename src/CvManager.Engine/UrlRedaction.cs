using System.Text.RegularExpressions;

namespace CvManager;

/// <summary>Removes secrets from URLs in errors and logs: exceptions of .NET quote the URL of a proxy with its password.</summary>
internal static partial class UrlRedaction
{
    // Of requests to API servers, registries and token servers. Redirects to other servers have signatures as parameters.
    private static readonly HashSet<string> ShownParameters = new(StringComparer.Ordinal)
    {
        "allowWatchBookmarks",
        "container",
        "dryRun",
        "fieldManager",
        "fieldSelector",
        "force",
        "labelSelector",
        "last",
        "limit",
        "limitBytes",
        "n",
        "page",
        "page_size",
        "previous",
        "propagationPolicy",
        "resourceVersion",
        "scope",
        "service",
        "tailLines",
        "timeoutSeconds",
        "watch",
    };

    /// <summary>The URL without user info, and without the values of parameters that may be secret.</summary>
    public static string Show(Uri url)
    {
        var address = $"{url.Scheme}://{url.Authority}{url.AbsolutePath}";
        if (url.Query.Length < 2)
            return address;
        var parameters = url.Query[1..].Split('&').Select(ShowParameter);
        return $"{address}?{string.Join('&', parameters)}";
    }

    private static string ShowParameter(string parameter)
    {
        var name = parameter.Split('=')[0];
        if (ShownParameters.Contains(name))
            return parameter;
        return name.Length == parameter.Length ? Secrets.Hidden : $"{name}={Secrets.Hidden}";
    }

    /// <summary>The text without user info: <c>http://user:password@proxy:3128</c> becomes <c>http://proxy:3128</c>.</summary>
    public static string Remove(string text) => Pattern().Replace(text, "//");

    /// <summary>The exception; null if it or an inner exception contains user info.</summary>
    public static Exception? Without(Exception? failure) => failure is not null && Pattern().IsMatch(failure.ToString()) ? null : failure;

    [GeneratedRegex(@"//[^/@\s]+@", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
