using Markdig.Syntax;

namespace CvManager.HelpWriter;

/// <summary>A page of docs/: its title and what follows each heading.</summary>
internal sealed class HelpPage
{
    private HelpPage(string name, IReadOnlyList<HelpSection> sections) => (Name, Sections) = (name, sections);

    /// <summary>The name of the file without its extension, which is also the title.</summary>
    public string Name { get; }

    /// <summary>The first one has the title and what precedes all other headings.</summary>
    public IReadOnlyList<HelpSection> Sections { get; }

    /// <exception cref="InvalidDataException">The page does not start with its name as the title.</exception>
    public static HelpPage Read(string path)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        List<HelpSection> sections = [];
        foreach (var block in PlainText.Parse(File.ReadAllText(path)))
        {
            if (block is HeadingBlock heading)
                sections.Add(new HelpSection(heading.Level, PlainText.Of(heading.Inline), heading.Line + 1, []));
            else if (sections.Count > 0)
                sections[^1].Blocks.Add(block);
        }

        return sections is [{ Level: 1, Title: var title }, ..] && title == name && !sections.Skip(1).Any(section => section.Level == 1)
            ? new HelpPage(name, sections)
            : throw new InvalidDataException($"the page must have one title, '# {name}', at its beginning.");
    }
}

/// <param name="Level">1 for the title.</param>
/// <param name="Line">Of the heading.</param>
internal sealed record HelpSection(int Level, string Title, int Line, List<Block> Blocks);
