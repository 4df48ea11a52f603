using System.Text.RegularExpressions;
using CvManager.Support;
using Xunit;

namespace CvManager.Unit;

/// <summary>Tests lie where the code lies that they test (CONTRIBUTING.md, "Tests"), and projects share code by references only.</summary>
public sealed partial class TestLayoutTests
{
    private static readonly string Root = RepositoryRoot.Path;

    private static readonly string[] TestProjects =
    [
        .. ProjectFiles("tests").Concat(ProjectFiles("bench")).Select(file => Path.GetDirectoryName(file)!),
    ];

    [Fact]
    public void No_project_compiles_files_of_another_one()
    {
        var wrong =
            from file in ProjectFiles("src").Concat(ProjectFiles("tests")).Concat(ProjectFiles("bench"))
            where CompiledElsewhere().IsMatch(File.ReadAllText(file))
            select Path.GetRelativePath(Root, file);

        Assert.Empty(wrong);
    }

    /// <remarks>
    /// tests/Unit/A/B is for src/CvManager.A/B, or for src/CvManager.A.B, if that is a project; and for src/CvManager.Engine/A/B otherwise.
    /// </remarks>
    [Fact]
    public void Each_folder_of_unit_tests_mirrors_a_folder_of_the_source()
    {
        var unit = Path.Combine(Root, "tests", "Unit");
        var wrong =
            from folder in SourceFiles(unit).Select(file => Path.GetDirectoryName(file)!).Distinct()
            where folder != unit
            let parts = Path.GetRelativePath(unit, folder).Split(Path.DirectorySeparatorChar)
            where !SourceFolders(parts).Any(HoldsSource)
            select string.Join('/', parts);

        Assert.Empty(wrong);
    }

    [Fact]
    public void Namespaces_of_tests_match_folders()
    {
        var wrong =
            from project in TestProjects
            from file in SourceFiles(project)
            let declared = NamespaceDeclaration().Match(File.ReadAllText(file)).Groups[1].Value
            // A program's file with top-level statements has no namespace.
            where declared.Length > 0 && declared != ExpectedNamespace(project, file)
            select $"{Path.GetRelativePath(Root, file)} declares {declared}";

        Assert.Empty(wrong);
    }

    private static string ExpectedNamespace(string project, string file)
    {
        var name = Path.GetFileName(project);
        var folders = Path.GetRelativePath(project, Path.GetDirectoryName(file)!).Split(Path.DirectorySeparatorChar);
        return string.Join(
            '.',
            folders
                .Where(folder => folder != ".")
                .Prepend(name.StartsWith("CvManager.", StringComparison.Ordinal) ? name : $"CvManager.{name}")
        );
    }

    private static IEnumerable<string> SourceFolders(string[] parts)
    {
        for (var length = 1; length <= parts.Length; length++)
            yield return Path.Combine([Root, "src", $"CvManager.{string.Join('.', parts[..length])}", .. parts[length..]]);
        yield return Path.Combine([Root, "src", "CvManager.Engine", .. parts]);
    }

    private static bool HoldsSource(string folder) => Directory.Exists(folder) && SourceFiles(folder).Any();

    private static IEnumerable<string> ProjectFiles(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), "*.csproj", SearchOption.AllDirectories);

    private static IEnumerable<string> SourceFiles(string folder) =>
        Directory
            .EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Where(file => !BuildOutput().IsMatch(Path.GetRelativePath(folder, file)));

    [GeneratedRegex("""<Compile\s[^>]*Include="[^"]*\.\.[/\\]""")]
    private static partial Regex CompiledElsewhere();

    [GeneratedRegex(@"^namespace (\S+?);?\s*$", RegexOptions.Multiline)]
    private static partial Regex NamespaceDeclaration();

    [GeneratedRegex(@"(^|[/\\])(bin|obj)[/\\]")]
    private static partial Regex BuildOutput();
}
