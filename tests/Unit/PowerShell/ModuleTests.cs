using System.Management.Automation;
using System.Management.Automation.Language;
using System.Reflection;
using System.Runtime.Loader;
using System.Xml.Linq;
using CvManager.PowerShell;
using CvManager.Sandbox.PowerShell;
using CvManager.Support;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell;

/// <summary>The modules in a session.</summary>
public sealed class ModuleTests
{
    public static TheoryData<string, string> Modules =>
        new()
        {
            { PowerShellSession.ModuleManifest, typeof(AsyncCmdlet).Assembly.GetName().Name! },
            { PowerShellSession.SandboxManifest, typeof(StartCvSandboxCommand).Assembly.GetName().Name! },
        };

    [Theory, MemberData(nameof(Modules))]
    public void Every_cmdlet_of_the_assembly_is_exported(string manifest, string assembly)
    {
        var cmdlets = Assembly
            .Load(assembly)
            .GetTypes()
            .Select(type => type.GetCustomAttribute<CmdletAttribute>())
            .OfType<CmdletAttribute>()
            .Select(cmdlet => $"{cmdlet.VerbName}-{cmdlet.NounName}");

        Assert.Equal(cmdlets.Order(StringComparer.Ordinal), Texts(manifest, "CmdletsToExport").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Other_versions_of_its_dependencies_can_be_loaded()
    {
        // The test process has YamlDotNet and AWSSDK.Core in the default load context, as with powershell-yaml and AWS.Tools.
        var yaml = typeof(YamlDotNet.Serialization.Deserializer).Assembly;
        using var session = new PowerShellSession();

        var context = Assert.Single(AssemblyLoadContext.All, c => c.Name == "CvManager");

        Assert.Contains(context.Assemblies, a => a.GetName().Name == "CvManager.PowerShell");
        Assert.DoesNotContain(context.Assemblies, a => a.GetName().Name == "System.Management.Automation");
        var own = context.LoadFromAssemblyName(new AssemblyName(yaml.GetName().Name!) { Version = new Version(99, 0) });
        Assert.NotSame(yaml, own);
        Assert.Same(context, AssemblyLoadContext.GetLoadContext(own));
    }

    [Fact]
    public void The_sandbox_has_a_context_of_its_own_and_the_types_of_CvManager()
    {
        using var session = new PowerShellSession();

        var shared = Assert.Single(AssemblyLoadContext.All, c => c.Name == "CvManager");
        var context = Assert.Single(AssemblyLoadContext.All, c => c.Name == "CvManager.Sandbox");

        Assert.Equal(
            ["Cronos", "CvManager.Sandbox", "CvManager.Sandbox.PowerShell"],
            Shipped(PowerShellSession.SandboxManifest)
                .Select(file => Path.GetFileNameWithoutExtension(file)!)
                .Distinct()
                .Order(StringComparer.Ordinal)
        );
        foreach (var name in (string[])["Cronos", "CvManager.Sandbox", "CvManager.Sandbox.PowerShell"])
            Assert.Same(context, AssemblyLoadContext.GetLoadContext(context.LoadFromAssemblyName(new AssemblyName(name))));
        foreach (var name in (string[])["CvManager.PowerShell", "CvManager.Engine", "YamlDotNet"])
            Assert.Same(shared.LoadFromAssemblyName(new AssemblyName(name)), context.LoadFromAssemblyName(new AssemblyName(name)));
    }

    [Theory, MemberData(nameof(Modules))]
    public void Its_version_is_that_of_the_project(string manifest, string assembly)
    {
        var properties = XDocument.Load(Path.Combine(RepositoryRoot.Path, "Directory.Build.props"));

        Assert.Equal(properties.Descendants("Version").Single().Value, Assert.Single(Texts(manifest, "ModuleVersion")));
        Assert.Equal(
            properties.Descendants("Version").Single().Value,
            Assembly.Load(assembly).GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0]
        );
    }

    [Fact]
    public void The_sandbox_requires_the_CvManager_of_its_own_version() =>
        Assert.Equal(
            [
                "ModuleName",
                "CvManager",
                "GUID",
                .. Texts(PowerShellSession.ModuleManifest, "GUID"),
                "RequiredVersion",
                .. Texts(PowerShellSession.ModuleManifest, "ModuleVersion"),
            ],
            Texts(PowerShellSession.SandboxManifest, "RequiredModules")
        );

    [Fact]
    public void It_contains_neither_PowerShell_nor_the_sandbox()
    {
        var shipped = Shipped(PowerShellSession.ModuleManifest);

        Assert.Contains("CvManager.PowerShell.dll", shipped);
        Assert.Contains("YamlDotNet.dll", shipped);
        Assert.DoesNotContain(shipped, name => name.StartsWith("System.Management.Automation", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain(shipped, name => name.StartsWith("PowerShellStandard", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain(shipped, name => name.StartsWith("CvManager.Sandbox", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain("Cronos.dll", shipped);
    }

    private static List<string> Shipped(string manifest) =>
        [
            .. Directory
                .EnumerateFiles(Path.Combine(Path.GetDirectoryName(manifest)!, "bin"), "*", SearchOption.AllDirectories)
                .Select(path => Path.GetFileName(path)),
        ];

    /// <summary>The texts in the value of a key of a manifest.</summary>
    private static List<string> Texts(string path, string key)
    {
        var manifest = Parser.ParseFile(path, out _, out var errors);
        Assert.Empty(errors);
        var table = (HashtableAst)manifest.Find(node => node is HashtableAst, true)!;
        return
        [
            .. table
                .KeyValuePairs.Single(pair => pair.Item1 is StringConstantExpressionAst name && name.Value == key)
                .Item2.FindAll(node => node is StringConstantExpressionAst, true)
                .Cast<StringConstantExpressionAst>()
                .Select(text => text.Value),
        ];
    }
}
