using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.Loader;

namespace CvManager.Loader;

/// <summary>
/// Keeps the module's dependencies to itself: <c>AWS.Tools</c>, <c>Az</c> and <c>powershell-yaml</c> bring other versions of the
/// same assemblies into the same session. This assembly alone is loaded where PowerShell loads modules, and refers to nothing.
/// </summary>
/// <remarks>One context for each folder, shared by all runspaces of the process and never unloaded. Thread-safe.</remarks>
public sealed class ModuleLoadContext : AssemblyLoadContext
{
    private static readonly ConcurrentDictionary<string, Lazy<Assembly>> s_modules = new(StringComparer.Ordinal);

    private readonly string _folder;

    private ModuleLoadContext(string folder)
        : base("CvManager")
    {
        _folder = folder;
    }

    /// <summary>Loads the cmdlets' assembly from a folder that holds it and all that it needs; the same one every time.</summary>
    /// <param name="folder">Absolute path.</param>
    /// <exception cref="FileNotFoundException">The folder holds no CvManager.PowerShell.dll.</exception>
    public static Assembly LoadModule(string folder) =>
        s_modules.GetOrAdd(
            Path.GetFullPath(folder),
            static path => new Lazy<Assembly>(
                () => new ModuleLoadContext(path).LoadFromAssemblyPath(Path.Combine(path, "CvManager.PowerShell.dll")))).Value;

    /// <summary>What lies in the folder is loaded from there, the rest (.NET, and PowerShell) is the session's own.</summary>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        // A second System.Management.Automation would make our cmdlets strangers to the session.
        if (assemblyName.Name is null or "System.Management.Automation")
            return null;
        var path = Path.Combine(_folder, assemblyName.Name + ".dll");
        return File.Exists(path) ? LoadFromAssemblyPath(path) : null;
    }
}
