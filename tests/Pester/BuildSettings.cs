using System.Reflection;

namespace CvManager.Pester;

/// <summary>The programs that the tests start, where the build put or found them.</summary>
internal static class BuildSettings
{
    public static string DotNetHost { get; } = Value(nameof(DotNetHost));

    /// <summary>pwsh.dll of the repository's tool manifest.</summary>
    public static string Pwsh { get; } = Value(nameof(Pwsh));

    /// <summary>The manifest of the module Pester.</summary>
    public static string Pester { get; } = Value(nameof(Pester));

    public static string Cvm { get; } = Value(nameof(Cvm));

    private static string Value(string key) =>
        typeof(BuildSettings).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
