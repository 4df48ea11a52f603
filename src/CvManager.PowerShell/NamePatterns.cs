using System.Management.Automation;

namespace CvManager.PowerShell;

/// <summary>
/// The values of a <c>-Name</c> parameter: exact names and wildcards, matched without regard to case only where they are wildcards,
/// as Kubernetes' names are lower case.
/// </summary>
public sealed class NamePatterns
{
    private readonly string[] _names;
    private readonly WildcardPattern[] _wildcards;

    /// <param name="names">Null or empty for all.</param>
    public NamePatterns(IReadOnlyCollection<string>? names)
    {
        _names = [.. names?.Where(name => !WildcardPattern.ContainsWildcardCharacters(name)) ?? []];
        _wildcards = [.. names?.Where(WildcardPattern.ContainsWildcardCharacters).Select(name => WildcardPattern.Get(name, WildcardOptions.IgnoreCase)) ?? []];
    }

    /// <param name="workloadsCV">The ContainerVersion of a workload from the pipeline: it is meant, and not the workload's name. Null or empty for none.</param>
    /// <param name="names">What is meant otherwise.</param>
    public static NamePatterns Of(string? workloadsCV, string[] names) => new(workloadsCV is { Length: > 0 } ? [workloadsCV] : names);

    /// <summary>The exact names, each of which must exist.</summary>
    public IReadOnlyList<string> ExactNames => _names;

    /// <summary>True where exact names are all there is: they can be read one by one.</summary>
    public bool OnlyExact => _names.Length > 0 && _wildcards.Length == 0;

    public bool Matches(string name) =>
        (_names.Length == 0 && _wildcards.Length == 0)
        || _names.Contains(name, StringComparer.Ordinal)
        || _wildcards.Any(pattern => pattern.IsMatch(name));
}
