using System.Text.RegularExpressions;

namespace CvManager.Resources;

/// <summary>The syntax of names (Kubernetes documentation, "Object Names and IDs", "Labels and Selectors"). Pure.</summary>
public static partial class KubernetesNames
{
    /// <summary>True for a DNS label (RFC 1123), which names of namespaces are.</summary>
    public static bool IsLabel(string name) => name.Length <= 63 && Label().IsMatch(name);

    /// <summary>True for a DNS subdomain (RFC 1123), which names of most objects are.</summary>
    public static bool IsSubdomain(string name) => name.Length <= 253 && Subdomain().IsMatch(name);

    /// <summary>True for the key of a label or annotation.</summary>
    public static bool IsQualified(string key) => Qualified().IsMatch(key);

    /// <summary>True for the name of an environment variable of a container.</summary>
    public static bool IsEnvironmentName(string name) => EnvironmentName().IsMatch(name);

    [GeneratedRegex(@"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?\z", RegexOptions.NonBacktracking)]
    private static partial Regex Label();

    [GeneratedRegex(@"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\z", RegexOptions.NonBacktracking)]
    private static partial Regex Subdomain();

    [GeneratedRegex(@"\A([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?\z")]
    private static partial Regex Qualified();

    [GeneratedRegex(@"\A[-._a-zA-Z][-._a-zA-Z0-9]*\z")]
    private static partial Regex EnvironmentName();
}
