using System.Reflection;

namespace CvManager;

/// <summary>The version of the engine, which is that of the module.</summary>
public static class ProductVersion
{
    /// <summary>For example <c>1.2.3</c> or <c>1.2.3-preview1</c>; without the commit.</summary>
    public static string Text { get; } =
        typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
