using System.Text;

namespace CvManager.HelpWriter;

/// <summary>A parsed page of docs/. Empty lines separate paragraphs; inline Markdown is not interpreted.</summary>
internal sealed class CmdletPage
{
    private CmdletPage(string name) => Name = name;

    public string Name { get; }

    public List<string> Synopsis { get; } = [];

    public List<string> Description { get; } = [];

    public List<PageExample> Examples { get; } = [];

    public Dictionary<string, List<string>> Parameters { get; } = new(StringComparer.OrdinalIgnoreCase);

    public List<string> Outputs { get; } = [];

    public List<string> Notes { get; } = [];

    /// <summary>
    /// Reads a page of this format: <c># Name</c> and the synopsis; <c>## Description</c>; <c>## Examples</c> with <c>###</c> title, fenced
    /// code and remarks; <c>## Parameters</c> with <c>### -Name</c>; <c>## Outputs</c>; <c>## Notes</c>.
    /// </summary>
    /// <exception cref="InvalidDataException">The page has another heading.</exception>
    public static CmdletPage Read(string path)
    {
        var lines = File.ReadAllLines(path);
        CmdletPage page = new(Path.GetFileNameWithoutExtension(path));
        var section = "";
        List<string> paragraphs = [];
        var fence = false;
        StringBuilder code = new();
        StringBuilder paragraph = new();
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i];
            if (line.StartsWith("```", StringComparison.Ordinal))
            {
                fence = !fence;
                if (!fence && section == "Examples" && page.Examples.Count > 0 && page.Examples[^1].Code.Length == 0)
                    page.Examples[^1] = page.Examples[^1] with { Code = code.ToString().TrimEnd('\n') };
                else if (!fence)
                    paragraphs.Add(code.ToString().TrimEnd('\n'));
                code.Clear();
            }
            else if (fence)
            {
                code.Append(line).Append('\n');
            }
            else if (line.StartsWith('#'))
            {
                End(paragraph, paragraphs);
                var level = line.TakeWhile(c => c == '#').Count();
                var title = line[level..].Trim();
                (section, paragraphs) = (level, section, title) switch
                {
                    (1, _, _) when title == page.Name || page.Name == "common-parameters" => ("", page.Synopsis),
                    (2, _, "Description") => (title, page.Description),
                    (2, _, "Examples" or "Parameters") => (title, []),
                    (2, _, "Outputs") => (title, page.Outputs),
                    (2, _, "Notes") => (title, page.Notes),
                    (3, "Examples", _) => (section, page.AddExample(title)),
                    (3, "Parameters", _) when title.StartsWith('-') => (section, page.AddParameter(title[1..])),
                    _ => throw new InvalidDataException($"{path}({i + 1}): unknown heading '{line}'."),
                };
            }
            else if (string.IsNullOrWhiteSpace(line))
            {
                End(paragraph, paragraphs);
            }
            else
            {
                // A list item or a table row keeps its line.
                if (paragraph.Length > 0)
                    paragraph.Append(line.StartsWith("- ", StringComparison.Ordinal) || line.StartsWith('|') ? '\n' : ' ');
                paragraph.Append(line.Trim());
            }
        }

        End(paragraph, paragraphs);
        return page;
    }

    private List<string> AddExample(string title)
    {
        Examples.Add(new PageExample(title, "", []));
        return Examples[^1].Remarks;
    }

    private List<string> AddParameter(string name) => Parameters[name] = [];

    private static void End(StringBuilder paragraph, List<string> paragraphs)
    {
        if (paragraph.Length > 0)
            paragraphs.Add(paragraph.ToString());
        paragraph.Clear();
    }
}

internal sealed record PageExample(string Title, string Code, List<string> Remarks);
