using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Text.RegularExpressions;
using CvManager.PowerShell;
using CvManager.Sandbox.PowerShell;
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

    [GeneratedRegex(@"\w [,;](\s|$)|,\s*[,.;]|\w {2,}\w|\w\.\.(\s|$)|…\.|\w \.(\s|$)")]
    private static partial Regex Odd();
}
