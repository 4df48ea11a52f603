using System.Management.Automation;

namespace CvManager.PowerShell;

/// <summary>
/// The values of a <c>-Name</c> parameter: exact names and wildcards. Exact names are case-sensitive, as names are in Kubernetes; wildcards
/// are not.
/// </summary>
public sealed class NamePatterns
{
    private readonly string[] _names;
    private readonly WildcardPattern[] _wildcards;

    /// <param name="names">Names and wildcards; null or empty to match everything.</param>
    public NamePatterns(IReadOnlyCollection<string>? names)
    {
        _names = [.. names?.Where(name => !WildcardPattern.ContainsWildcardCharacters(name)) ?? []];
        _wildcards =
        [
            .. names
                ?.Where(WildcardPattern.ContainsWildcardCharacters)
                .Select(name => WildcardPattern.Get(name, WildcardOptions.IgnoreCase))
                ?? [],
        ];
    }

    /// <param name="workloadCV">The ContainerVersion of a workload from the pipeline, which takes precedence. Null or empty for
    /// none.</param>
    /// <param name="names">The names to use otherwise.</param>
    public static NamePatterns Of(string? workloadCV, string[] names) => new(workloadCV is { Length: > 0 } ? [workloadCV] : names);

    /// <summary>The exact names, each of which must exist.</summary>
    public IReadOnlyList<string> ExactNames => _names;

    /// <summary>True if there are only exact names, which can be read one by one.</summary>
    public bool OnlyExact => _names.Length > 0 && _wildcards.Length == 0;

    public bool Matches(string name) =>
        (_names.Length == 0 && _wildcards.Length == 0)
        || _names.Contains(name, StringComparer.Ordinal)
        || _wildcards.Any(pattern => pattern.IsMatch(name));
}
