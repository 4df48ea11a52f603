using System.Text.RegularExpressions;
using CvManager.Support;
using Xunit;

namespace CvManager.Unit.Rollouts;

/// <summary>The files of Rollouts use each other in one direction: runner, strategies, parts of a step, shared types.</summary>
public sealed partial class RolloutFilesTests
{
    private static readonly string Folder = Path.Combine(RepositoryRoot.Path, "src", "CvManager.Engine", "Rollouts");

    [Fact]
    public void Files_of_Rollouts_have_no_circular_dependencies()
    {
        var texts = Directory
            .EnumerateFiles(Folder, "*.cs")
            .ToDictionary(file => Path.GetFileNameWithoutExtension(file), file => Comment().Replace(File.ReadAllText(file), ""));
        var declared = texts.ToDictionary(
            file => file.Key,
            file => Declaration().Matches(file.Value).Select(m => m.Groups[1].Value).ToArray()
        );
        var uses = texts.ToDictionary(
            file => file.Key,
            file =>
            {
                var words = Word().Matches(file.Value).Select(m => m.Value).ToHashSet();
                return declared
                    .Where(other => other.Key != file.Key && other.Value.Any(words.Contains))
                    .Select(other => other.Key)
                    .ToList();
            }
        );

        Assert.Contains("RollingStrategy", uses["RolloutStrategies"]);
        // Repeatedly remove files without remaining dependencies; what remains is part of a cycle or depends on one.
        while (uses.Where(file => !file.Value.Exists(uses.ContainsKey)).Select(file => file.Key).ToList() is { Count: > 0 } free)
            free.ForEach(file => uses.Remove(file));
        Assert.Empty(uses.Select(file => $"{file.Key} uses {string.Join(", ", file.Value.Where(uses.ContainsKey))}"));
    }

    [GeneratedRegex("//.*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"^(?:public|internal) [\w ]*?(?:class|record|struct|interface|enum) (\w+)", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"(?<![\w.])\w+")]
    private static partial Regex Word();
}
