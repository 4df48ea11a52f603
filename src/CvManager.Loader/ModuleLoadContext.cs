using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.Loader;

namespace CvManager.Loader;

/// <summary>
/// Isolates the dependencies of the module, because <c>AWS.Tools</c>, <c>Az</c> and <c>powershell-yaml</c> load other versions of the same
/// assemblies into the session. Only this assembly, which has no references, is loaded into the default load context.
/// </summary>
/// <remarks>There is one context for each folder. All runspaces of the process share it, and it is never unloaded. Thread-safe.</remarks>
public sealed class ModuleLoadContext : AssemblyLoadContext
{
    private static readonly ConcurrentDictionary<string, Lazy<Assembly>> Modules = new(StringComparer.Ordinal);

    private readonly string _folder;

    private ModuleLoadContext(string folder)
        : base("CvManager")
    {
        _folder = folder;
    }

    /// <summary>
    /// Loads the assembly of the cmdlets from a folder that also contains its dependencies. Returns the same assembly each time.
    /// </summary>
    /// <param name="folder">The absolute path of the folder.</param>
    /// <exception cref="FileNotFoundException">The folder does not contain CvManager.PowerShell.dll.</exception>
    public static Assembly LoadModule(string folder) =>
        Modules
            .GetOrAdd(
                Path.GetFullPath(folder),
                static path => new Lazy<Assembly>(() =>
                    new ModuleLoadContext(path).LoadFromAssemblyPath(Path.Combine(path, "CvManager.PowerShell.dll"))
                )
            )
            .Value;

    /// <summary>
    /// Loads assemblies that are in the folder from there; others (.NET and PowerShell) come from the default load context.
    /// </summary>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        // Cmdlets must derive from the base classes of the System.Management.Automation that runs the session.
        if (assemblyName.Name is null or "System.Management.Automation")
            return null;
        var path = Path.Combine(_folder, assemblyName.Name + ".dll");
        return File.Exists(path) ? LoadFromAssemblyPath(path) : null;
    }
}
