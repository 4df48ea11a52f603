using System.Text.RegularExpressions;
using CvManager.Support;
using Xunit;

namespace CvManager.Unit;

/// <summary>
/// Dependencies have one direction: a folder of the engine uses only the folders listed for it here (docs/architecture.md, "Folders").
/// </summary>
public sealed partial class LayoutTests
{
    private static readonly Dictionary<string, string[]> MayUse = new()
    {
        ["Resources"] = ["Registries"],
        ["Cluster"] = ["Resources"],
        ["Scheduling"] = [],
        ["Registries"] = [],
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
    };

    private static readonly string Source = Path.Combine(RepositoryRoot.Path, "src");

    [Fact]
    public void A_folder_of_the_engine_uses_only_the_folders_below_it()
    {
        List<string> wrong = [];
        foreach (var file in Files(Path.Combine(Source, "CvManager.Engine")))
        {
            var path = Path.GetRelativePath(Path.Combine(Source, "CvManager.Engine"), file).Split(Path.DirectorySeparatorChar);
            if (path.Length == 1)
                continue;
            Assert.True(MayUse.ContainsKey(path[0]), $"{path[0]} is not a folder of the engine");
            string[] allowed = [path[0], .. MayUse[path[0]]];
            wrong.AddRange(FoldersNamedIn(file).Except(allowed).Select(folder => $"{string.Join('/', path)} uses {folder}"));
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void Namespaces_match_folders()
    {
        List<string> wrong = [];
        foreach (var file in Files(Path.Combine(Source, "CvManager.Engine")))
        {
            var folder = Path.GetRelativePath(Path.Combine(Source, "CvManager.Engine"), Path.GetDirectoryName(file)!);
            var expected = folder == "." ? "CvManager" : "CvManager." + folder.Replace(Path.DirectorySeparatorChar, '.');
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

    private static IEnumerable<string> FoldersNamedIn(string file) =>
        FolderName().Matches(File.ReadAllText(file)).Select(m => m.Groups[1].Value).Where(MayUse.ContainsKey).Distinct();

    private static IEnumerable<string> Files(string folder) =>
        Directory
            .EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal));

    [GeneratedRegex(@"\bCvManager\.(\w+)")]
    private static partial Regex FolderName();

    [GeneratedRegex("""new (CvException|ErrorRecord)\(\s*(\w+,\s*)?"|ErrorId (is|==|!=) (not )?"|ErrorId: \u0022""")]
    private static partial Regex LiteralErrorId();

    [GeneratedRegex(@"\[LoggerMessage\(")]
    private static partial Regex LoggerMessage();

    [GeneratedRegex(@"\[LoggerMessage\(\s*EventId = LogEvents\.(\w+),\s*EventName = nameof\(LogEvents\.\1\),")]
    private static partial Regex LogEvent();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();
}
