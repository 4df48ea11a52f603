using System.Text;
using Markdig;
using Markdig.Extensions.Tables;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace CvManager.HelpWriter;

/// <summary>Converts Markdown to plain text, without any of its syntax.</summary>
internal static class PlainText
{
    private const int CodeIndent = 4;

    /// <summary>The share of the width that the columns of a table but the last may take. In a wider table, each row is a list.</summary>
    private const double LargestShare = 0.5;

    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().UsePipeTables().Build();

    public static MarkdownDocument Parse(string markdown) => Markdown.Parse(markdown, Pipeline);

    /// <exception cref="InvalidDataException">The text contains HTML, or an image.</exception>
    public static string Of(ContainerInline? inlines)
    {
        StringBuilder text = new();
        foreach (var inline in inlines ?? Enumerable.Empty<Inline>())
        {
            text.Append(
                inline switch
                {
                    LiteralInline literal => literal.Content.ToString(),
                    CodeInline code => code.Content,
                    LineBreakInline => " ",
                    AutolinkInline link => link.Url,
                    HtmlEntityInline entity => entity.Transcoded.ToString(),
                    LinkInline { IsImage: false } link => OfLink(link),
                    EmphasisInline emphasis => Of(emphasis),
                    _ => throw new InvalidDataException($"line {inline.Line + 1}: {inline.GetType().Name} is not supported in help"),
                }
            );
        }

        return text.ToString();
    }

    /// <summary>The code of a block, without its fence.</summary>
    public static string Of(CodeBlock code) => code.Lines.ToString().TrimEnd();

    /// <summary>The text of each block, as lines of at most <paramref name="width"/> columns. Code is indented and is not wrapped.</summary>
    /// <exception cref="InvalidDataException">A block of this kind is not supported in help.</exception>
    public static IReadOnlyList<string> Blocks(IEnumerable<Block> blocks, int width = int.MaxValue) =>
        [.. blocks.Select(block => string.Join('\n', Lines(block, width)))];

    private static IEnumerable<string> Lines(Block block, int width) =>
        block switch
        {
            ParagraphBlock paragraph => Wrap(Of(paragraph.Inline), width),
            CodeBlock code => Of(code).Split('\n').Select(line => Indent(line, CodeIndent)),
            ListBlock list => Lines(list, width),
            Table table => Lines(table, width),
            QuoteBlock quote => Blocks(quote, Narrower(width, CodeIndent)).SelectMany(Split).Select(line => Indent(line, CodeIndent)),
            _ => throw new InvalidDataException($"line {block.Line + 1}: {block.GetType().Name} is not supported in help"),
        };

    private static IEnumerable<string> Lines(ListBlock list, int width)
    {
        var number = int.TryParse(list.OrderedStart, out var start) ? start : 1;
        foreach (var item in list.Cast<ListItemBlock>())
        {
            var bullet = list.IsOrdered ? $"{number++}. " : "- ";
            // A list with several paragraphs in an item has empty lines, as in the source.
            var lines = item.SelectMany(
                    (block, i) => Split(Blocks([block], Narrower(width, bullet.Length))[0]).Prepend(i > 0 && list.IsLoose ? "" : null)
                )
                .OfType<string>()
                .ToList();
            for (var i = 0; i < lines.Count; i++)
                yield return i == 0 ? bullet + lines[i] : Indent(lines[i], bullet.Length);
        }
    }

    private static IEnumerable<string> Lines(Table table, int width)
    {
        var rows = table.Cast<TableRow>().Select(row => row.Cast<TableCell>().Select(Cell).ToArray()).ToList();
        var widths = rows[0].Select((_, column) => rows.Max(row => row[column].Length)).ToArray();
        var before = widths[..^1].Sum(w => w + 2);
        if (width == int.MaxValue || before > width * LargestShare)
        {
            // Name, then the other cells as a paragraph, which also suits text that is wrapped later.
            foreach (var row in rows.Skip(1))
            {
                foreach (var line in Wrap($"- {row[0]}: {string.Join("; ", row.Skip(1).Where(cell => cell.Length > 0))}", width, 2))
                    yield return line;
            }

            yield break;
        }

        foreach (var (row, i) in rows.Select((row, i) => (row, i)))
        {
            var start = string.Concat(row[..^1].Select((cell, column) => cell.PadRight(widths[column] + 2)));
            foreach (var (line, j) in Wrap(row[^1], width - before).Select((line, j) => (line, j)))
                yield return ((j == 0 ? start : new string(' ', before)) + line).TrimEnd();
            if (i == 0)
                yield return string.Concat(widths.Select((w, column) => new string('-', Math.Min(w, width - before)).PadRight(w + 2)))
                    .TrimEnd();
        }
    }

    private static string Cell(TableCell cell) => string.Join(' ', cell.OfType<ParagraphBlock>().Select(paragraph => Of(paragraph.Inline)));

    private static string OfLink(LinkInline link)
    {
        var text = Of(link);
        return link.Url is { } url && Uri.IsWellFormedUriString(url, UriKind.Absolute) && text != url ? $"{text} ({url})" : text;
    }

    private static IEnumerable<string> Wrap(string text, int width, int hanging = 0)
    {
        StringBuilder line = new();
        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                yield return line.ToString();
                line.Clear().Append(' ', hanging).Append(word);
            }
            else
            {
                line.Append(line.Length > 0 ? " " : "").Append(word);
            }
        }

        yield return line.ToString();
    }

    private static int Narrower(int width, int by) => width == int.MaxValue ? width : width - by;

    private static string[] Split(string lines) => lines.Split('\n');

    private static string Indent(string line, int by) => line.Length == 0 ? "" : new string(' ', by) + line;
}
