using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace CvManager.Resources;

/// <summary>Writes JSON as YAML that <see cref="YamlDocuments"/> and kubectl read as the same JSON. Thread-safe.</summary>
public static partial class YamlWriter
{
    /// <summary>One document, which begins with <c>---</c> and ends with a line break.</summary>
    public static string Write(JsonNode document)
    {
        ArgumentNullException.ThrowIfNull(document);
        using StringWriter text = new() { NewLine = "\n" };
        Emitter emitter = new(text, EmitterSettings.Default.WithMaxSimpleKeyLength(1024).WithBestWidth(int.MaxValue));
        emitter.Emit(new StreamStart());
        emitter.Emit(new DocumentStart(null, null, isImplicit: false));
        Emit(emitter, document);
        emitter.Emit(new DocumentEnd(isImplicit: true));
        emitter.Emit(new StreamEnd());
        return text.ToString();
    }

    private static void Emit(Emitter emitter, JsonNode? node)
    {
        switch (node)
        {
            case JsonObject map:
                emitter.Emit(
                    new MappingStart(
                        AnchorName.Empty,
                        TagName.Empty,
                        isImplicit: true,
                        map.Count > 0 ? MappingStyle.Block : MappingStyle.Flow
                    )
                );
                foreach (var (key, value) in map)
                {
                    emitter.Emit(Text(key));
                    Emit(emitter, value);
                }
                emitter.Emit(new MappingEnd());
                break;
            case JsonArray list:
                emitter.Emit(
                    new SequenceStart(
                        AnchorName.Empty,
                        TagName.Empty,
                        isImplicit: true,
                        list.Count > 0 ? SequenceStyle.Block : SequenceStyle.Flow
                    )
                );
                foreach (var item in list)
                    Emit(emitter, item);
                emitter.Emit(new SequenceEnd());
                break;
            case JsonValue value when value.GetValueKind() == JsonValueKind.String:
                emitter.Emit(Text(value.GetValue<string>()));
                break;
            default:
                emitter.Emit(new Scalar(AnchorName.Empty, TagName.Empty, node?.ToJsonString() ?? "null", ScalarStyle.Plain, true, false));
                break;
        }
    }

    /// <summary>
    /// Only text that no parser takes for a number, a date, a boolean or null is written without quotes: kubectl reads YAML 1.1, in which
    /// <c>no</c>, <c>1_000</c>, <c>1e10</c> (a git SHA) and <c>12:30</c> are not text.
    /// </summary>
    private static Scalar Text(string text) =>
        Word().IsMatch(text) && !Reserved().IsMatch(text)
            ? new Scalar(AnchorName.Empty, TagName.Empty, text, ScalarStyle.Plain, true, false)
            : new Scalar(AnchorName.Empty, TagName.Empty, text, ScalarStyle.DoubleQuoted, false, true);

    [GeneratedRegex(@"\A[A-Za-z][A-Za-z0-9_./-]*(:[0-9]+/[A-Za-z0-9_./-]+)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Word();

    [GeneratedRegex(@"\A(true|false|yes|no|on|off|y|n|null)\z", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Reserved();
}
