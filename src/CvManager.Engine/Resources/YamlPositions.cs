using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace CvManager.Resources;

/// <summary>The positions of the fields of a YAML document, for messages about a field. Immutable, thread-safe.</summary>
public sealed class YamlPositions
{
    private readonly Dictionary<string, TextPosition> _fields;

    private YamlPositions(Dictionary<string, TextPosition> fields) => _fields = fields;

    /// <summary>
    /// Reads the positions of each document that is a map or a list. Those are all documents of <see cref="YamlDocuments.Read"/>, in the same
    /// order, unless one of them is a single value.
    /// </summary>
    /// <param name="text">A text that <see cref="YamlDocuments.Read"/> accepts, so that its depth is limited.</param>
    public static IReadOnlyList<YamlPositions> Read(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        Parser parser = new(new StringReader(text));
        List<YamlPositions> documents = [];
        parser.Consume<StreamStart>();
        while (parser.TryConsume<DocumentStart>(out _))
        {
            if (parser.Accept<Scalar>(out _))
            {
                parser.SkipThisAndNestedEvents();
            }
            else
            {
                Dictionary<string, TextPosition> fields = new(StringComparer.Ordinal) { [""] = Of(parser.Current!.Start) };
                Read(parser, "", fields);
                documents.Add(new YamlPositions(fields));
            }
            parser.Consume<DocumentEnd>();
        }

        return documents;
    }

    /// <summary>Returns the position of a field; if it is missing, that of the closest field that contains it.</summary>
    /// <param name="field">A path such as <c>spec.container.verify[0].tag</c>.</param>
    public TextPosition Find(string field)
    {
        ArgumentNullException.ThrowIfNull(field);
        TextPosition position;
        while (!_fields.TryGetValue(field, out position))
            field = field[..Math.Max(0, field.LastIndexOfAny(['.', '[']))];
        return position;
    }

    private static void Read(Parser parser, string path, Dictionary<string, TextPosition> fields)
    {
        if (parser.TryConsume<MappingStart>(out _))
        {
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                var key = parser.Consume<Scalar>();
                var field = path.Length == 0 ? key.Value : $"{path}.{key.Value}";
                fields[field] = Of(key.Start);
                Read(parser, field, fields);
            }
        }
        else if (parser.TryConsume<SequenceStart>(out _))
        {
            for (var index = 0; !parser.TryConsume<SequenceEnd>(out _); index++)
            {
                var item = string.Create(CultureInfo.InvariantCulture, $"{path}[{index}]");
                fields[item] = Of(parser.Current!.Start);
                Read(parser, item, fields);
            }
        }
        else
        {
            parser.MoveNext();
        }
    }

    private static TextPosition Of(Mark mark) => new(mark.Line, mark.Column);
}
