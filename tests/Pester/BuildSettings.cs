using System.Reflection;

namespace CvManager.Pester;

/// <summary>The paths of the programs that the tests start, recorded by the build.</summary>
internal static class BuildSettings
{
    public static string DotNetHost { get; } = Value(nameof(DotNetHost));

    /// <summary>The path of pwsh.dll of the tool manifest.</summary>
    public static string Pwsh { get; } = Value(nameof(Pwsh));

    /// <summary>The path of the manifest of the Pester module.</summary>
    public static string Pester { get; } = Value(nameof(Pester));

    /// <summary>The path of CvManager.HelpWriter.dll.</summary>
    public static string HelpWriter { get; } = Value(nameof(HelpWriter));

    public static string Cvm { get; } = Value(nameof(Cvm));

    private static string Value(string key) =>
        typeof(BuildSettings).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
