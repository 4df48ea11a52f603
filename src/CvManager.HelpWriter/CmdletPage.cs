using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace CvManager.HelpWriter;

/// <summary>The page of a cmdlet. Texts are plain text, one string for each paragraph or list.</summary>
internal sealed class CmdletPage
{
    private CmdletPage(string name) => Name = name;

    public string Name { get; }

    public IReadOnlyList<string> Synopsis { get; private set; } = [];

    public IReadOnlyList<string> Description { get; private set; } = [];

    public List<PageExample> Examples { get; } = [];

    public Dictionary<string, IReadOnlyList<string>> Parameters { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>By the full name of the type. In addition to what binds according to the parameters, or in place of it.</summary>
    public Dictionary<string, IReadOnlyList<string>> Inputs { get; } = [];

    /// <summary>By the full name of the type, or <c>None</c>.</summary>
    public Dictionary<string, IReadOnlyList<string>> Outputs { get; } = [];

    public IReadOnlyList<string> Notes { get; private set; } = [];

    /// <summary>The names of the pages that "Related links" refers to.</summary>
    public IReadOnlyList<string> Links { get; private set; } = [];

    /// <summary>
    /// Reads a page of this format: <c># Name</c> and the synopsis; <c>## Description</c>; <c>## Examples</c> with <c>###</c> title, a
    /// sentence and fenced code; <c>## Parameters</c> with <c>### -Name</c>; <c>## Inputs</c> (optional) and <c>## Outputs</c> with
    /// <c>### Type</c>; <c>## Notes</c>; <c>## Related links</c> with a list.
    /// </summary>
    /// <exception cref="InvalidDataException">The page has another heading.</exception>
    public static CmdletPage Read(string path)
    {
        var source = HelpPage.Read(path);
        CmdletPage page = new(source.Name) { Synopsis = PlainText.Blocks(source.Sections[0].Blocks) };
        var parent = "";
        foreach (var section in source.Sections.Skip(1))
        {
            if (section.Level == 2)
                parent = section.Title;
            switch (section.Level, parent)
            {
                case (2, "Description"):
                    page.Description = PlainText.Blocks(section.Blocks);
                    break;
                // A text before the first parameter is for readers of the page alone.
                case (2, "Parameters"):
                case (2, "Examples" or "Inputs" or "Outputs") when section.Blocks.Count == 0:
                    break;
                case (3, "Examples"):
                    var code = section.Blocks.OfType<FencedCodeBlock>().FirstOrDefault();
                    page.Examples.Add(
                        new PageExample(
                            section.Title,
                            code is null ? "" : PlainText.Of(code),
                            PlainText.Blocks(section.Blocks.Where(block => block != code))
                        )
                    );
                    break;
                case (3, "Parameters") when section.Title.StartsWith('-'):
                    page.Parameters[section.Title[1..]] = PlainText.Blocks(section.Blocks);
                    break;
                case (3, "Inputs"):
                    page.Inputs[section.Title] = PlainText.Blocks(section.Blocks);
                    break;
                case (3, "Outputs"):
                    page.Outputs[section.Title] = PlainText.Blocks(section.Blocks);
                    break;
                case (2, "Notes"):
                    page.Notes = PlainText.Blocks(section.Blocks);
                    break;
                case (2, "Related links"):
                    page.Links = LinkedPages(section);
                    break;
                default:
                    throw new InvalidDataException($"line {section.Line}: unknown heading '{section.Title}'.");
            }
        }

        return page;
    }

    /// <summary>The names of the pages that the links of a section refer to.</summary>
    internal static IReadOnlyList<string> LinkedPages(HelpSection section) =>
        [
            .. section
                .Blocks.SelectMany(block => block.Descendants<LinkInline>())
                .Select(link => Path.GetFileNameWithoutExtension(link.Url ?? "")),
        ];
}

/// <param name="Remarks">What the page says about the example, before or after its code.</param>
internal sealed record PageExample(string Title, string Code, IReadOnlyList<string> Remarks);
