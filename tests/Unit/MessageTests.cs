using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Text.RegularExpressions;
using CvManager.PowerShell;
using CvManager.Sandbox.PowerShell;
using CvManager.Support;
using Xunit;

namespace CvManager.Unit;

/// <summary>The punctuation of all texts in the engine and the cmdlets, as far as they are constant.</summary>
public sealed partial class MessageTests
{
    [Theory]
    [InlineData(typeof(CvException))]
    [InlineData(typeof(AsyncCmdlet))]
    [InlineData(typeof(StartCvSandboxCommand))]
    public void Punctuation_is_never_doubled_or_detached_from_its_word(Type type)
    {
        List<string> texts = [];
        using PEReader file = new(File.OpenRead(type.Assembly.Location));
        var metadata = file.GetMetadataReader();
        for (var handle = MetadataTokens.UserStringHandle(1); !handle.IsNil; handle = metadata.GetNextHandle(handle))
            texts.Add(metadata.GetUserString(handle));

        // Patterns and templates have backslashes, tabs or line breaks; prose has none.
        Assert.DoesNotContain(texts, text => text.IndexOfAny(['\\', '\n', '\t']) < 0 && Odd().IsMatch(text));
        Assert.Contains(texts, text => text.EndsWith('.'));
    }

    [Theory]
    [InlineData("Push it,, then wait.")]
    [InlineData("Push it, .")]
    [InlineData("Push it , then wait.")]
    [InlineData("Push it  then wait.")]
    [InlineData("Add-CvRegistryTag -Tag ….")]
    [InlineData("Push it..")]
    public void The_test_finds_odd_punctuation(string text) => Assert.Matches(Odd(), text);

    /// <summary>
    /// A count is followed by a noun that agrees with it (<see cref="Counted"/>). Limits in bytes and characters are large; after "of", the noun
    /// is plural. The sandbox has the messages of Kubernetes.
    /// </summary>
    [Fact]
    public void Counts_agree_with_their_nouns()
    {
        string[] projects = ["CvManager.Engine", "CvManager.PowerShell", "CvManager.Sandbox.PowerShell"];
        var files = projects.SelectMany(project =>
            Directory.EnumerateFiles(Path.Combine(RepositoryRoot.Path, "src", project), "*.cs", SearchOption.AllDirectories)
        );

        var found = files
            .SelectMany(File.ReadLines)
            .Where(line => line.Contains('"', StringComparison.Ordinal) && CountWithPlural().IsMatch(line));

        Assert.Empty(found);
    }

    [Theory]
    [InlineData("$\"{found.Count} tags match\"", true)]
    [InlineData("$\"removed {count} old records\"", true)]
    [InlineData("\"Initial sync complete: {Count} ContainerVersions\"", true)]
    [InlineData("$\"{updated} of {own.Count} pods replaced\"", false)]
    [InlineData("$\"and {all.Count - 5} more\"", false)]
    [InlineData("$\"the limit is {text.Length} characters\"", false)]
    [InlineData("\"Initial sync complete: {Count} {Noun}\"", false)]
    public void The_test_finds_counts_with_a_fixed_plural(string text, bool isFound) =>
        Assert.Equal(isFound, CountWithPlural().IsMatch(text));

    [GeneratedRegex(@"(?<!\bof )\{(?! )[^{}""]*(?:Count|Length|count)\b[^{}""]*\}(?: [a-z]+)? (?!bytes|characters)[A-Za-z]{2,}s\b")]
    private static partial Regex CountWithPlural();

    [GeneratedRegex(@"\w [,;](\s|$)|,\s*[,.;]|\w {2,}\w|\w\.\.(\s|$)|…\.|\w \.(\s|$)")]
    private static partial Regex Odd();
}
