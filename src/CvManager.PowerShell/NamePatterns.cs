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
    /// <exception cref="CvException"><c>WildcardInvalid</c>: a bracket is not closed.</exception>
    public NamePatterns(IReadOnlyCollection<string>? names)
    {
        _names = [.. names?.Where(name => !WildcardPattern.ContainsWildcardCharacters(name)) ?? []];
        _wildcards = [.. names?.Where(WildcardPattern.ContainsWildcardCharacters).Select(Parse) ?? []];
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

    private static WildcardPattern Parse(string text)
    {
        var pattern = WildcardPattern.Get(text, WildcardOptions.IgnoreCase);
        try
        {
            // The pattern is parsed when it is used first.
            pattern.IsMatch("");
            return pattern;
        }
        catch (WildcardPatternException e)
        {
            throw new CvException(
                CmdletErrorIds.WildcardInvalid,
                CvErrorKind.Invalid,
                $"'{text}' is not a valid wildcard pattern: a bracket is not closed.",
                "Close the bracket, or put a backtick before it.",
                e
            );
        }
    }
}
