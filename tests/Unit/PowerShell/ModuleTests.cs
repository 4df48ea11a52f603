using System.Management.Automation.Language;
using System.Reflection;
using System.Runtime.Loader;
using System.Xml.Linq;
using Xunit;

namespace CvManager.Unit.PowerShell;

/// <summary>The module as a session sees it.</summary>
public sealed class ModuleTests
{
    private static readonly string s_import = $"Import-Module '{PowerShellSession.ModuleManifest}'";

    [Fact]
    public void It_exports_what_the_manifest_lists_and_nothing_else()
    {
        using var session = new PowerShellSession();

        var exported = session.Invoke("(Get-Module CvManager).ExportedCommands.Keys").AssertNoErrors().Output.Select(o => o.ToString());

        Assert.Equal(ListedCmdlets().Order(StringComparer.Ordinal), exported.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_cmdlet_of_the_assembly_is_listed()
    {
        var cmdlets = typeof(CvManager.PowerShell.AsyncCmdlet).Assembly.GetTypes()
            .Select(type => type.GetCustomAttribute<System.Management.Automation.CmdletAttribute>())
            .OfType<System.Management.Automation.CmdletAttribute>()
            .Select(cmdlet => $"{cmdlet.VerbName}-{cmdlet.NounName}");

        Assert.Equal(cmdlets.Order(StringComparer.Ordinal), ListedCmdlets().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void It_exports_the_same_when_imported_again_with_Force()
    {
        using var session = new PowerShellSession(import: false);
        const string Exports = "; (Get-Module CvManager).ExportedCommands.Keys";

        var first = session.Invoke(s_import + Exports).AssertNoErrors().Output.Select(o => o.ToString());
        var second = session.Invoke(s_import + " -Force" + Exports).AssertNoErrors().Output.Select(o => o.ToString());
        var third = session.Invoke("Remove-Module CvManager; " + s_import + Exports).AssertNoErrors().Output.Select(o => o.ToString());

        Assert.Equal(ListedCmdlets().Count, first.Count());
        Assert.Equal(first.Order(StringComparer.Ordinal), second.Order(StringComparer.Ordinal));
        Assert.Equal(first.Order(StringComparer.Ordinal), third.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Its_commands_belong_to_it_however_often_it_was_imported()
    {
        using var session = new PowerShellSession(import: false);

        var sources = session.Invoke($"{s_import}; {s_import} -Force; Get-Command -Module CvManager").AssertNoErrors().Values<string>("Source");

        Assert.Equal(ListedCmdlets().Count, sources.Count);
        Assert.All(sources, source => Assert.Equal("CvManager", source));
    }

    [Fact]
    public void It_leaves_other_versions_of_its_dependencies_alone()
    {
        // The test process holds its own YamlDotNet and AWSSDK.Core in the default context, as powershell-yaml and AWS.Tools would.
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
    public async Task Several_sessions_of_a_process_share_it()
    {
        var counts = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            using var session = new PowerShellSession();
            return session.Invoke("Get-Command -Module CvManager").AssertNoErrors().Output.Count;
        })));

        Assert.All(counts, count => Assert.Equal(ListedCmdlets().Count, count));
    }

    [Fact]
    public void Its_version_is_the_project_s()
    {
        var properties = XDocument.Load(Path.Combine(RepositoryRoot.Path, "Directory.Build.props"));

        Assert.Equal(properties.Descendants("Version").Single().Value, Value("ModuleVersion"));
    }

    [Fact]
    public void It_ships_neither_PowerShell_nor_anything_unknown()
    {
        var shipped = Directory.EnumerateFiles(Path.Combine(Path.GetDirectoryName(PowerShellSession.ModuleManifest)!, "bin"), "*", SearchOption.AllDirectories)
            .Select(Path.GetFileName)
            .ToList();

        Assert.Contains("CvManager.PowerShell.dll", shipped);
        Assert.Contains("YamlDotNet.dll", shipped);
        Assert.DoesNotContain(shipped, name => name!.StartsWith("System.Management.Automation", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain(shipped, name => name!.StartsWith("PowerShellStandard", StringComparison.OrdinalIgnoreCase));
    }

    private static List<string> ListedCmdlets() =>
        [.. Manifest("CmdletsToExport").FindAll(node => node is StringConstantExpressionAst, true).Cast<StringConstantExpressionAst>().Select(text => text.Value)];

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
