using CvManager.Versions;

namespace CvManager.PowerShell.Completion;

/// <summary>Offers the tags of a repository that are versions.</summary>
public sealed class RegistryVersionCompleter : RegistryTagCompleter
{
    private protected override Func<string, bool> Filter(string? versionSyntax) => VersionSyntax.Of(versionSyntax).IsVersion;
}
