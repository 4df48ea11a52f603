using System.Management.Automation;
using System.Management.Automation.Language;
using System.Text.RegularExpressions;
using Markdig.Syntax;

namespace CvManager.HelpWriter;

/// <summary>Checks the PowerShell code of pages against the cmdlets.</summary>
internal sealed partial class PageCode(Func<string, CommandInfo?> find)
{
    /// <summary>Returns what is wrong: syntax errors, and cmdlets and parameters that do not exist or are abbreviated.</summary>
    public IEnumerable<string> Check(HelpPage page) =>
        page.Sections.SelectMany(section =>
            section
                .Blocks.SelectMany(block => block.Descendants().Prepend(block))
                .OfType<FencedCodeBlock>()
                .Where(block => block.Info == "powershell")
                .SelectMany(block => Check(PlainText.Of(block)).Select(error => $"{page.Name}({block.Line + 1}): {error}"))
        );

    private IEnumerable<string> Check(string code)
    {
        var tree = Parser.ParseInput(code, out _, out var errors);
        return errors
            .Select(error => error.Message)
            .Concat(tree.FindAll(node => node is CommandAst, searchNestedScriptBlocks: true).Cast<CommandAst>().SelectMany(Check));
    }

    private IEnumerable<string> Check(CommandAst command)
    {
        // Other commands, such as Select-Object, are not available here; tests/Pester checks them.
        if (command.GetCommandName() is not { } name || !OwnNoun().IsMatch(name))
            yield break;
        if (find(name) is not { } info || info.Name != name)
        {
            yield return $"'{name}' is not a cmdlet";
            yield break;
        }

        foreach (var parameter in command.CommandElements.OfType<CommandParameterAst>())
        {
            // Exact in case too.
            if (!info.Parameters.TryGetValue(parameter.ParameterName, out var found) || found.Name != parameter.ParameterName)
                yield return $"{name} has no parameter -{parameter.ParameterName}";
        }
    }

    [GeneratedRegex("^[A-Za-z]+-(?:Cv|ContainerVersion)")]
    private static partial Regex OwnNoun();
}
