using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.Loader;

namespace CvManager.Loader;

/// <summary>
/// Isolates the dependencies of a module, because <c>AWS.Tools</c>, <c>Az</c> and <c>powershell-yaml</c> load other versions of the same
/// assemblies into the session. Only this assembly, which has no references, is loaded into the default load context.
/// </summary>
/// <remarks>
/// There is one context for each folder (and, for a module that requires another, each folder of the required module). All runspaces of
/// the process share it, and it is never unloaded. Thread-safe.
/// </remarks>
public sealed class ModuleLoadContext : AssemblyLoadContext
{
    private static readonly ConcurrentDictionary<(string Folder, string? Required), Lazy<ModuleLoadContext>> Contexts = new();

    private readonly string _folder;
    private readonly ModuleLoadContext? _required;

    private ModuleLoadContext(string module, string folder, ModuleLoadContext? required)
        : base(module)
    {
        _folder = folder;
        _required = required;
    }

    /// <summary>Loads the cmdlets of CvManager. Returns the same assembly each time.</summary>
    /// <param name="folder">The absolute path of the folder that contains CvManager.PowerShell.dll and its dependencies.</param>
    /// <exception cref="FileNotFoundException">The folder does not contain the assembly.</exception>
    public static Assembly LoadModule(string folder) => Context("CvManager", folder, null).LoadCmdlets();

    /// <summary>Loads the cmdlets of a module that requires CvManager. Returns the same assembly each time.</summary>
    /// <param name="module">The name of the module. Its cmdlets are in the assembly <c>module.PowerShell.dll</c>.</param>
    /// <param name="folder">
    /// The absolute path of the folder that contains the assembly, and those dependencies that CvManager has not.
    /// </param>
    /// <param name="required">
    /// The folder of the CvManager that the session uses. The module gets its types from there, so that both modules have the same ones.
    /// </param>
    /// <exception cref="FileNotFoundException">The folder does not contain the assembly.</exception>
    public static Assembly LoadModule(string module, string folder, string required) =>
        Context(module, folder, Context("CvManager", required, null)).LoadCmdlets();

    /// <summary>
    /// Loads assemblies that are in the folder, or in that of the required module, from there; others (.NET and PowerShell) come from the
    /// default load context.
    /// </summary>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        // Cmdlets must derive from the base classes of the System.Management.Automation that runs the session.
        if (assemblyName.Name is null or "System.Management.Automation")
            return null;
        var path = Path.Combine(_folder, assemblyName.Name + ".dll");
        return File.Exists(path) ? LoadFromAssemblyPath(path) : _required?.Load(assemblyName);
    }

    private static ModuleLoadContext Context(string module, string folder, ModuleLoadContext? required) =>
        Contexts
            .GetOrAdd(
                (Path.GetFullPath(folder), required?._folder),
                key => new Lazy<ModuleLoadContext>(() => new ModuleLoadContext(module, key.Folder, required))
            )
            .Value;

    private Assembly LoadCmdlets() => LoadFromAssemblyName(new AssemblyName(Name + ".PowerShell"));
}
