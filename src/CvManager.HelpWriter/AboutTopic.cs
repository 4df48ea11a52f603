using System.Text;

namespace CvManager.HelpWriter;

/// <summary>
/// A conceptual topic as plain text, in the form of PowerShell's own about topics
/// (https://learn.microsoft.com/powershell/scripting/developer/help/about-topics-for-modules-or-snap-ins).
/// </summary>
internal static class AboutTopic
{
    private const int Width = 80;
    private const int TextIndent = 4;
    private const int HeadingIndent = 2;

    private static readonly string[] RequiredSections = ["Short description", "Long description", "Examples", "See also"];

    /// <summary>
    /// Renders a page of this format: <c># about_Name</c>; <c>## Short description</c>, of one line; <c>## Long description</c>; other
    /// sections, with <c>###</c> for parts of them; <c>## Examples</c>; <c>## See also</c>, a list of links.
    /// </summary>
    /// <param name="page">The page.</param>
    /// <param name="isPage">Whether a page with this name exists.</param>
    /// <param name="write">Receives the text.</param>
    /// <returns>What is wrong with the page; empty if there is nothing.</returns>
    /// <exception cref="InvalidDataException">The page has something that plain text has no form for.</exception>
    public static IReadOnlyList<string> Render(HelpPage page, Func<string, bool> isPage, Action<string> write)
    {
        List<string> errors = [];
        var titles = page.Sections.Where(section => section.Level == 2).Select(section => section.Title).ToList();
        errors.AddRange(RequiredSections.Except(titles).Select(title => $"{page.Name}: no section '{title}'"));
        if (titles is not ["Short description", "Long description", .., "See also"])
            errors.Add($"{page.Name}: the sections must begin with a short and a long description, and end with 'See also'");
        errors.AddRange(
            page.Sections.Where(section => section.Title == "See also")
                .SelectMany(CmdletPage.LinkedPages)
                .Where(link => !isPage(link))
                .Select(link => $"{page.Name}: the page {link} does not exist")
        );

        StringBuilder text = new();
        text.Append("TOPIC\n").Append(' ', TextIndent).Append(page.Name).Append('\n');
        foreach (var section in page.Sections.Skip(1))
        {
            text.Append('\n');
            if (section.Level == 2)
                text.Append(section.Title.ToUpperInvariant()).Append('\n');
            else
                text.Append(' ', HeadingIndent).Append(section.Title).Append("\n\n");
            var blocks = PlainText.Blocks(section.Blocks, Width - TextIndent);
            // Get-Help takes the fifth line of the file as the synopsis.
            if (section.Title == "Short description" && (blocks.Count != 1 || blocks[0].Contains('\n', StringComparison.Ordinal)))
                errors.Add($"{page.Name}: the short description must be one line of at most {Width - TextIndent} columns");
            var lines = string.Join("\n\n", blocks).Split('\n').Select(line => line.Length == 0 ? "" : new string(' ', TextIndent) + line);
            text.AppendJoin('\n', lines).Append('\n');
        }

        errors.AddRange(text.ToString().Split('\n').Where(line => line.Length > Width).Select(line => $"{page.Name}: too long: {line}"));
        write(text.ToString());
        return errors;
    }
}
