using CsCheck;
using CvManager.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell;

/// <summary>Annotations in the logs of CI services, read as the services read them.</summary>
public sealed class LogCommandsTests
{
    private static readonly string[] Fragments =
    [
        "::",
        ":",
        "##vso[",
        "##[",
        "#",
        "set-output name=digest",
        "add-mask",
        "error",
        "task.setvariable variable=PATH",
        "]",
        ";",
        ",",
        "=",
        "%",
        "%0A",
        "%25",
        "%AZP25",
        "\n",
        "\r",
        " ",
        "\t",
        "\u00a0",
        "\u200b",
        "\ufe0f",
        "\u034f",
        "\u001b[2J",
        "x",
        "1a2b3c4",
    ];

    /// <summary>Text of a log that tries to be a command, and ordinary text between.</summary>
    private static readonly Gen<string> Hostile = Gen.Int[0, Fragments.Length - 1]
        .Select(index => Fragments[index])
        .Array[0, 12]
        .Select(string.Concat);

    [Theory]
    [InlineData(CIFormat.Auto, "GITHUB_ACTIONS", "true", "GitHubCommands")]
    [InlineData(CIFormat.Auto, "TF_BUILD", "True", "AzureDevOpsCommands")]
    [InlineData(CIFormat.Auto, "CI", "true", null)]
    [InlineData(CIFormat.Auto, "GITHUB_ACTIONS", "false", null)]
    [InlineData(CIFormat.None, "GITHUB_ACTIONS", "true", null)]
    [InlineData(CIFormat.AzureDevOps, "GITHUB_ACTIONS", "true", "AzureDevOpsCommands")]
    [InlineData(CIFormat.GitHub, "CI", "true", "GitHubCommands")]
    public void The_format_is_that_of_the_service_or_of_the_parameter(CIFormat format, string variable, string value, string? expected) =>
        Assert.Equal(expected, LogCommands.Of(format, name => name == variable ? value : null)?.GetType().Name);

    [Fact]
    public void An_error_has_its_id_and_its_place()
    {
        SourcePlace place = new("/work/deploy/a,b;c.yaml", new TextPosition(3, 5));

        Assert.Equal(
            "::error title=RegistryVersionNotFound::100%25 sure: no%0ASecond, line",
            LogCommands.GitHub.Error("RegistryVersionNotFound", "100% sure: no\nSecond, line")
        );
        Assert.Equal("::error title=X,file=/work/deploy/a%2Cb;c.yaml,line=3,col=5::text", LogCommands.GitHub.Error("X", "text", place));
        Assert.Equal(
            "##vso[task.logissue type=error;code=X;sourcepath=/work/deploy/a,b%3Bc.yaml;linenumber=3;columnnumber=5;]100%AZP25%0Asecond",
            LogCommands.AzureDevOps.Error("X", "100%\nsecond", place)
        );
        Assert.Equal("::warning::careful", LogCommands.GitHub.Warning("careful"));
        Assert.Equal("##vso[task.logissue type=warning;]careful", LogCommands.AzureDevOps.Warning("careful"));
        Assert.Equal(["::group::title", "::endgroup::"], [LogCommands.GitHub.BeginGroup("title"), LogCommands.GitHub.EndGroup]);
        Assert.Equal(["##[group]title", "##[endgroup]"], [LogCommands.AzureDevOps.BeginGroup("title"), LogCommands.AzureDevOps.EndGroup]);
    }

    [Fact]
    public void Text_in_a_command_reaches_the_service_whole() =>
        Gen.Select(Hostile, Hostile)
            .Sample(
                (code, text) =>
                {
                    var github = LogCommands.GitHub.Error(code, text, new SourcePlace(text, null));
                    var read = GitHubCommand(github)!;
                    Assert.Equal("error", read.Name);
                    Assert.Equal(DisplayText.Message(text), read.Data);
                    Assert.Empty(read.Properties.Keys.Except(["title", "file"]));
                    // The runner trims properties, and drops an equals sign at the beginning of a value.
                    if (text.Length > 0 && text.Trim().TrimStart('=') == text)
                        Assert.Equal(DisplayText.Message(text), read.Properties["file"]);

                    var azure = AzureCommand(LogCommands.AzureDevOps.Error(code, text, new SourcePlace(text, null)))!;
                    Assert.Equal(("task.logissue", DisplayText.Message(text)), (azure.Name, azure.Data));
                    Assert.Empty(azure.Properties.Keys.Except(["type", "code", "sourcepath"]));
                    Assert.Equal("error", azure.Properties["type"]);
                },
                iter: 5000
            );

    [Fact]
    public void No_line_of_a_message_is_a_command() =>
        Hostile.Sample(
            text =>
            {
                foreach (var line in DisplayText.Message(text).Split('\n', '\r'))
                {
                    Assert.Null(AzureCommand(line));
                    // PowerShell may wrap the line anywhere.
                    for (var start = 0; start < line.Length; start++)
                        Assert.Null(GitHubCommand(line[start..]));
                }
            },
            iter: 5000
        );

    [Theory]
    [InlineData("nothing to see", "nothing to see")]
    [InlineData("[::1]:5000 refused", "[::1]:5000 refused")]
    [InlineData("[Convert]::ToString failed", "[Convert]::ToString failed")]
    [InlineData("a ## b # [x]", "a ## b # [x]")]
    [InlineData("  ::set-output name=x::y", "  : :set-output name=x::y")]
    [InlineData("one\n::add-mask::true\nlast", "one\n: :add-mask::true\nlast")]
    [InlineData("log: ##vso[task.setvariable variable=PATH]/tmp", "log: # #vso[task.setvariable variable=PATH]/tmp")]
    [InlineData("##[add-mask]true", "# #[add-mask]true")]
    public void A_message_changes_only_where_a_service_would_read_a_command(string text, string expected) =>
        Assert.Equal(expected, DisplayText.Message(text));

    /// <summary>
    /// ActionCommand.TryParseV2 and TryParse of actions/runner, for any name of letters and dashes. The searches depend on the culture there too.
    /// </summary>
    private static Command? GitHubCommand(string line)
    {
        var message = line.TrimStart();
        if (message.StartsWith("::", StringComparison.CurrentCulture))
        {
            var end = message.Length < 2 ? -1 : message.IndexOf("::", 2, StringComparison.CurrentCulture);
            if (end >= 0 && Read(message[2..end], ',', ("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")) is { } found)
                return found with { Data = Unescape(message[(end + 2)..], ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")) };
        }

        return Bracket(line, "##[");
    }

    /// <summary>Command.TryParse of azure-pipelines-agent.</summary>
    private static Command? AzureCommand(string line) => Bracket(line, "##vso[");

    private static Command? Bracket(string line, string prefix)
    {
        (string, string)[] escapes = [("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%")];
        var start = line.IndexOf(prefix, StringComparison.CurrentCulture);
        var end = start < 0 ? -1 : line.IndexOf(']', start);
        return end < start + prefix.Length || Read(line[(start + prefix.Length)..end], ';', escapes) is not { } found
            ? null
            : found with
            {
                Data = Unescape(line[(end + 1)..], escapes),
            };
    }

    private static Command? Read(string command, char separator, params (string Escaped, string Text)[] escapes)
    {
        var space = command.IndexOf(' ', StringComparison.Ordinal);
        var name = space < 0 ? command : command[..space];
        if (name.Length == 0 || !name.All(c => char.IsAsciiLetter(c) || c == '-' || (c == '.' && separator == ';')))
            return null;
        Dictionary<string, string> properties = [];
        foreach (var pair in (space < 0 ? "" : command[(space + 1)..].Trim()).Split(separator, StringSplitOptions.RemoveEmptyEntries))
        {
            if (pair.Split('=', 2, StringSplitOptions.RemoveEmptyEntries) is [var key, var value])
                properties[key] = Unescape(value, escapes);
        }

        return new Command(name, properties, "");
    }

    private static string Unescape(string text, params (string Escaped, string Text)[] escapes) =>
        escapes.Aggregate(text, (read, escape) => read.Replace(escape.Escaped, escape.Text, StringComparison.Ordinal));

    private sealed record Command(string Name, Dictionary<string, string> Properties, string Data);
}
