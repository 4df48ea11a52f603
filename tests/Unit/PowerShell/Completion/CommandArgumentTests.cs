using System.Management.Automation;
using System.Management.Automation.Language;
using CvManager.PowerShell.Completion;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell.Completion;

/// <summary>PowerShell parses a completed argument as exactly the original value.</summary>
public sealed class CommandArgumentTests : IDisposable
{
    private readonly PowerShellSession _session = new();

    /// <summary>All quotes that PowerShell accepts, and other special characters.</summary>
    public static TheoryData<string> Hostile =>
        new(
            ((string[])["'", "\u2018", "\u2019", "\u201a", "\u201b", "\"", "\u201c", "\u201d", "\u201e"])
                .Select(quote => $"x{quote};Set-Variable hacked 1;{quote}")
                .Concat([
                    "$(Set-Variable hacked 1)",
                    "`$x",
                    "x`",
                    "-Force",
                    "\u2013Force",
                    "a b",
                    "a,b",
                    "@x",
                    "{x}",
                    "#x",
                    "x|y",
                    "x>y",
                    "x&y",
                    "*",
                    "[a]",
                    "a\nb",
                    "a\r\nSet-Variable hacked 1",
                    "\u001b[31mred",
                    "\u0007",
                    "\u202eabc",
                    "\u001b\u201d;Set-Variable hacked 1;\u201d$(1)`",
                    "1e5",
                    "0x10",
                    "$true",
                    "ü",
                    "\ud83d\ude00",
                ])
        );

    public void Dispose() => _session.Dispose();

    [Theory]
    [MemberData(nameof(Hostile))]
    public void A_value_is_one_argument(string value)
    {
        var argument = CommandArgument.Quote(value);

        Assert.DoesNotContain(argument, char.IsControl);
        var command = Assert.IsType<CommandAst>(
            Assert.Single(
                Assert
                    .IsType<PipelineAst>(Assert.Single(Parser.ParseInput($"Test-It {argument}", out _, out var errors).EndBlock.Statements))
                    .PipelineElements
            )
        );
        Assert.Empty(errors);
        Assert.Equal(2, command.CommandElements.Count);
        Assert.Equal(value, _session.Invoke($"& {{ param([string] $Value) $Value }} {argument}").AssertNoErrors().Single().BaseObject);
    }

    [Theory]
    [MemberData(nameof(Hostile))]
    public void A_name_from_a_file_is_completed_as_the_same_name(string name)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(
                path,
                $$"""
                {"apiVersion":"v1","kind":"Config","contexts":[{"name":{{System.Text.Json.JsonSerializer.Serialize(
                    name
                )}},"context":{"cluster":"c","user":"u"} }],
                 "clusters":[{"name":"c","cluster":{"server":"https://api.test"} }],"users":[{"name":"u","user":{"token":"t"} }]}
                """
            );
            var line = $"Connect-CvCluster -KubeConfig '{path}' -Context ";
            using var shell = _session.Create("1");
            // Completion offers nothing after a second, which can happen on a busy machine, so it is retried.
            CompletionResult? offered = null;
            for (var attempt = 0; attempt < 20 && offered is null; attempt++)
                offered = CommandCompletion.CompleteInput(line, line.Length, null, shell).CompletionMatches.SingleOrDefault();

            Assert.NotNull(offered);
            Assert.DoesNotContain(offered.CompletionText + offered.ListItemText + offered.ToolTip, char.IsControl);
            Assert.Equal(
                name,
                _session.Invoke($"& {{ param([string] $Value) $Value }} {offered.CompletionText}").AssertNoErrors().Single().BaseObject
            );
            Assert.Null(_session.Invoke("$hacked").Output.SingleOrDefault());
        }
        finally
        {
            File.Delete(path);
        }
    }
}
