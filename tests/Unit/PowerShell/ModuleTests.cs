using System.Management.Automation.Language;
using System.Reflection;
using System.Runtime.Loader;
using System.Xml.Linq;
using CvManager.Support;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell;

/// <summary>The module in a session.</summary>
public sealed class ModuleTests
{
    [Fact]
    public void Every_cmdlet_of_the_assembly_is_exported()
    {
        var cmdlets = typeof(CvManager.PowerShell.AsyncCmdlet)
            .Assembly.GetTypes()
            .Select(type => type.GetCustomAttribute<System.Management.Automation.CmdletAttribute>())
            .OfType<System.Management.Automation.CmdletAttribute>()
            .Select(cmdlet => $"{cmdlet.VerbName}-{cmdlet.NounName}");

        Assert.Equal(cmdlets.Order(StringComparer.Ordinal), ListedCmdlets().Order(StringComparer.Ordinal));
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
    public void Its_version_is_that_of_the_project()
    {
        var properties = XDocument.Load(Path.Combine(RepositoryRoot.Path, "Directory.Build.props"));

        Assert.Equal(properties.Descendants("Version").Single().Value, Value("ModuleVersion"));
    }

    [Fact]
    public void It_contains_neither_PowerShell_nor_unknown_files()
    {
        var shipped = Directory
            .EnumerateFiles(Path.Combine(Path.GetDirectoryName(PowerShellSession.ModuleManifest)!, "bin"), "*", SearchOption.AllDirectories)
            .Select(Path.GetFileName)
            .ToList();

        Assert.Contains("CvManager.PowerShell.dll", shipped);
        Assert.Contains("YamlDotNet.dll", shipped);
        Assert.DoesNotContain(shipped, name => name!.StartsWith("System.Management.Automation", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain(shipped, name => name!.StartsWith("PowerShellStandard", StringComparison.OrdinalIgnoreCase));
    }

    private static List<string> ListedCmdlets() =>
        [
            .. Manifest("CmdletsToExport")
                .FindAll(node => node is StringConstantExpressionAst, true)
                .Cast<StringConstantExpressionAst>()
                .Select(text => text.Value),
        ];

    private static string Value(string key) => (string)Manifest(key).SafeGetValue();

    private static ExpressionAst Manifest(string key)
    {
        var manifest = Parser.ParseFile(PowerShellSession.ModuleManifest, out _, out var errors);
        Assert.Empty(errors);
        var table = (HashtableAst)manifest.Find(node => node is HashtableAst, true)!;
        var value = table.KeyValuePairs.Single(pair => pair.Item1 is StringConstantExpressionAst name && name.Value == key).Item2;
        return ((CommandExpressionAst)((PipelineAst)value).PipelineElements[0]).Expression;
    }
}
