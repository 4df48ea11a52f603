using System.Text.RegularExpressions;
using CvManager.Support;
using Xunit;

namespace CvManager.Unit;

/// <summary>
/// Dependencies have one direction: a folder uses only the folders listed for it here (docs/architecture.md, "Folders"), and those are listed
/// before it. Files at the top of a project are for all of its folders.
/// </summary>
public sealed partial class LayoutTests
{
    private static readonly Dictionary<string, string[]> Engine = new()
    {
        ["Registries"] = [],
        ["Resources"] = ["Registries"],
        ["Cluster"] = ["Resources"],
        ["Scheduling"] = [],
        ["Versions"] = ["Resources", "Scheduling", "Registries"],
        ["Workloads"] = ["Resources", "Cluster", "Registries"],
        ["Records"] = ["Resources", "Cluster", "Workloads"],
        ["Rollouts"] = ["Resources", "Cluster", "Registries", "Versions", "Workloads", "Records"],
        ["Watching"] = ["Resources", "Cluster", "Scheduling", "Workloads", "Records"],
        ["Following"] = ["Resources", "Cluster", "Scheduling", "Registries", "Versions", "Workloads", "Watching"],
        ["Leading"] = ["Cluster", "Scheduling"],
        ["Controller"] =
        [
            "Resources",
            "Cluster",
            "Scheduling",
            "Registries",
            "Versions",
            "Workloads",
            "Records",
            "Rollouts",
            "Watching",
            "Following",
            "Leading",
        ],
        ["Telemetry"] = ["Resources", "Registries", "Controller"],
        ["Web"] = ["Telemetry", "Resources", "Cluster", "Workloads", "Records", "Rollouts", "Watching", "Following"],
        ["Installation"] = ["Resources", "Cluster", "Registries", "Workloads", "Leading"],
    };

    private static readonly Dictionary<string, string[]> Sandbox = new()
    {
        ["Json"] = [],
        ["Errors"] = ["Json"],
        ["Http"] = ["Json", "Errors"],
        ["Schemas"] = ["Json", "Errors"],
        ["Selectors"] = ["Json", "Errors"],
        ["Patching"] = ["Json", "Errors", "Schemas"],
        ["Printing"] = ["Json", "Selectors"],
        ["Kinds"] = ["Json", "Errors", "Schemas", "Selectors", "Printing"],
        ["Storage"] = ["Json", "Errors", "Selectors", "Patching", "Kinds"],
        ["Discovery"] = ["Json", "Http", "Schemas", "Kinds"],
        ["Api"] = ["Json", "Errors", "Http", "Schemas", "Selectors", "Patching", "Printing", "Kinds", "Storage", "Discovery"],
        ["Controllers"] = ["Json", "Errors", "Selectors", "Kinds", "Storage", "Api"],
        ["Transport"] = ["Errors", "Http", "Storage", "Api"],
        ["Registry"] = ["Json", "Http"],
    };

    /// <summary>The folders of nouns have one namespace, so that PowerShell shows short type names.</summary>
    private static readonly Dictionary<string, string[]> Cmdlets = new()
    {
        ["Completion"] = [],
        ["Controller"] = ["Completion"],
        ["CvContext"] = ["Completion"],
        ["CvCluster"] = ["Completion", "CvContext"],
        ["CvReconcile"] = ["Completion"],
        ["CvRegistryBudget"] = ["Completion"],
        ["CvRegistryTag"] = ["Completion"],
        ["ContainerVersion"] = ["Completion", "CvReconcile"],
        ["CvRollout"] = ["Completion", "ContainerVersion"],
        ["CvRollback"] = ["Completion", "CvReconcile", "ContainerVersion", "CvRollout"],
        ["CvRolloutHistory"] = ["Completion"],
        ["CvDelivery"] = ["Completion", "CvRolloutHistory"],
        ["CvWorkload"] = ["Completion"],
    };

    private static readonly Dictionary<string, Dictionary<string, string[]>> Projects = new()
    {
        ["CvManager.Engine"] = Engine,
        ["CvManager.Sandbox"] = Sandbox,
        ["CvManager.PowerShell"] = Cmdlets,
    };

    /// <summary>What files at the top of a project use: the one that puts the sandbox together, and base classes with completion.</summary>
    private static readonly Dictionary<string, string[]> TopUses = new()
    {
        ["CvManager.Sandbox/SandboxCluster.cs"] = [.. Sandbox.Keys],
        ["CvManager.PowerShell/ClusterCmdlet.cs"] = ["Completion"],
        ["CvManager.PowerShell/ContainerVersionCmdlet.cs"] = ["Completion"],
        ["CvManager.PowerShell/NamespacedCmdlet.cs"] = ["Completion"],
    };

    private static readonly string Source = Path.Combine(RepositoryRoot.Path, "src");

    [Theory]
    [InlineData("CvManager.Engine")]
    [InlineData("CvManager.Sandbox")]
    [InlineData("CvManager.PowerShell")]
    public void A_folder_uses_only_the_folders_listed_for_it(string project)
    {
        var files = Files(Path.Combine(Source, project)).ToDictionary(file => file, file => Code(File.ReadAllText(file)));
        var folders = TypesOf(project, files);
        List<string> wrong = [];
        foreach (var (file, code) in files)
        {
            var folder = FolderOf(project, file);
            Assert.True(folder.Length == 0 || Projects[project].ContainsKey(folder), $"{folder} is not a listed folder of {project}");
            var name = $"{project}/{Path.GetFileName(file)}";
            var allowed = folder.Length > 0 ? Projects[project][folder] : TopUses.GetValueOrDefault(name, []);
            wrong.AddRange(Uses(project, code, folders).Except([folder, .. allowed]).Select(used => $"{file} uses {used}"));
        }

        Assert.Empty(wrong);
    }

    [Theory]
    [InlineData("CvManager.Engine")]
    [InlineData("CvManager.Sandbox")]
    [InlineData("CvManager.PowerShell")]
    public void A_folder_is_listed_after_the_folders_it_uses(string project)
    {
        HashSet<string> below = [];
        foreach (var (folder, uses) in Projects[project])
        {
            Assert.Empty(uses.Except(below).Select(used => $"{folder} uses {used}"));
            below.Add(folder);
        }
    }

    [Fact]
    public void No_folder_of_the_sandbox_uses_the_whole_cluster()
    {
        var users = Files(Path.Combine(Source, "CvManager.Sandbox"))
            .Where(file => FolderOf("CvManager.Sandbox", file).Length > 0)
            .Where(file => Code(File.ReadAllText(file)).Contains("SandboxCluster", StringComparison.Ordinal));

        Assert.Empty(users);
    }

    [Theory]
    [InlineData("CvManager.Engine", "CvManager")]
    [InlineData("CvManager.Sandbox", "CvManager.Sandbox")]
    public void Namespaces_match_folders(string project, string top)
    {
        List<string> wrong = [];
        foreach (var file in Files(Path.Combine(Source, project)))
        {
            var folder = Path.GetRelativePath(Path.Combine(Source, project), Path.GetDirectoryName(file)!);
            var expected = folder == "." ? top : $"{top}.{folder.Replace(Path.DirectorySeparatorChar, '.')}";
            if (Namespace().Match(File.ReadAllText(file)).Groups[1].Value is { Length: > 0 } found && found != expected)
                wrong.Add($"{file}: {found}");
        }

        Assert.Empty(wrong);
    }

    /// <summary>Scripts test for these ids: they are defined in one place and must not change.</summary>
    [Fact]
    public void Error_ids_and_log_events_are_constants()
    {
        string[] projects = ["CvManager.Engine", "CvManager.PowerShell", "CvManager.Sandbox.PowerShell"];
        foreach (var file in projects.SelectMany(project => Files(Path.Combine(Source, project))))
        {
            var text = File.ReadAllText(file);
            Assert.False(LiteralErrorId().IsMatch(text), $"{file} contains a literal error id: {LiteralErrorId().Match(text).Value}");
            Assert.Equal((file, LoggerMessage().Count(text)), (file, LogEvent().Count(text)));
        }

        int[] ids = [.. typeof(LogEvents).GetFields().Select(field => (int)field.GetRawConstantValue()!)];
        Assert.Equal(ids.Distinct().Order(), ids);
        Assert.All(typeof(ErrorIds).GetFields(), field => Assert.Equal(field.Name, field.GetRawConstantValue()));
    }

    [Fact]
    public void The_engine_uses_neither_PowerShell_nor_the_sandbox_nor_they_each_other()
    {
        var engine = Files(Path.Combine(Source, "CvManager.Engine"))
            .Where(f =>
                File.ReadAllText(f) is string text
                && (
                    text.Contains("System.Management.Automation", StringComparison.Ordinal)
                    || text.Contains("CvManager.PowerShell", StringComparison.Ordinal)
                    || text.Contains("CvManager.Sandbox", StringComparison.Ordinal)
                    || text.Contains("Console.Write", StringComparison.Ordinal)
                )
            );
        var sandbox = Files(Path.Combine(Source, "CvManager.Sandbox")).Where(f => FoldersNamedIn(f).Any());
        var cmdlets = Directory
            .EnumerateFiles(Path.Combine(Source, "CvManager.PowerShell"))
            .Concat(Files(Path.Combine(Source, "CvManager.PowerShell")))
            .Where(f => File.ReadAllText(f).Contains("CvManager.Sandbox", StringComparison.Ordinal));

        Assert.Empty(engine);
        Assert.Empty(cmdlets);
        Assert.Empty(sandbox);
    }

    /// <summary>The first folder of a file in its project; empty for a file at the top.</summary>
    private static string FolderOf(string project, string file) =>
        Path.GetRelativePath(Path.Combine(Source, project), file).Split(Path.DirectorySeparatorChar) is [var folder, _, ..] ? folder : "";

    /// <summary>
    /// The folders of the types of PowerShell's project, whose namespaces do not say it. Empty for the others, whose names of types are also
    /// names of properties.
    /// </summary>
    private static Dictionary<string, string> TypesOf(string project, Dictionary<string, string> files) =>
        project != "CvManager.PowerShell"
            ? []
            : files
                .SelectMany(file =>
                    TypeName().Matches(file.Value).Select(m => (Type: m.Groups[1].Value, Folder: FolderOf(project, file.Key)))
                )
                .Where(type => type.Folder.Length > 0)
                .DistinctBy(type => type.Type)
                .ToDictionary(type => type.Type, type => type.Folder);

    private static IEnumerable<string> Uses(string project, string code, Dictionary<string, string> types)
    {
        if (types.Count > 0)
            return Word().Matches(code).Select(m => types.GetValueOrDefault(m.Value)).OfType<string>().Distinct();
        var pattern = project == "CvManager.Engine" ? FolderName() : SandboxFolderName();
        return pattern
            .Matches(code)
            .Concat(QualifiedName().Matches(code))
            .Select(m => m.Groups[1].Value)
            .Where(Projects[project].ContainsKey)
            .Distinct();
    }

    private static string Code(string text) => Comment().Replace(text, "");

    private static IEnumerable<string> FoldersNamedIn(string file) =>
        FolderName().Matches(File.ReadAllText(file)).Select(m => m.Groups[1].Value).Where(Engine.ContainsKey).Distinct();

    private static IEnumerable<string> Files(string folder) =>
        Directory
            .EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal));

    [GeneratedRegex(@"\bCvManager\.(\w+)")]
    private static partial Regex FolderName();

    [GeneratedRegex(@"\bCvManager\.Sandbox\.(\w+)")]
    private static partial Regex SandboxFolderName();

    /// <summary>A type named by the last part of its namespace, without a using directive.</summary>
    [GeneratedRegex(@"(?<![\w.])([A-Z]\w+)\.[A-Z]")]
    private static partial Regex QualifiedName();

    [GeneratedRegex(
        @"^(?:(?:public|internal|static|sealed|abstract|partial|readonly) )*(?:class|record struct|record|struct|interface|enum) (\w+)",
        RegexOptions.Multiline
    )]
    private static partial Regex TypeName();

    // Not the noun of a cmdlet in a message (Get-CvContext).
    [GeneratedRegex(@"(?<![\w.-])[A-Z]\w+")]
    private static partial Regex Word();

    [GeneratedRegex("//[^\n]*")]
    private static partial Regex Comment();

    [GeneratedRegex("""new (CvException|ErrorRecord)\(\s*(\w+,\s*)?"|ErrorId (is|==|!=) (not )?"|ErrorId: \u0022""")]
    private static partial Regex LiteralErrorId();

    [GeneratedRegex(@"\[LoggerMessage\(")]
    private static partial Regex LoggerMessage();

    [GeneratedRegex(@"\[LoggerMessage\(\s*EventId = LogEvents\.(\w+),\s*EventName = nameof\(LogEvents\.\1\),")]
    private static partial Regex LogEvent();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();
}
