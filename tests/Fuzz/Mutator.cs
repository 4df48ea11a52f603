using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.Fuzz;

/// <summary>Creates inputs from samples: changes bytes and slices, inserts words of the format, and replaces values in JSON.</summary>
internal sealed class Mutator(Random random)
{
    private const int MaxInput = 256 * 1024;

    private static readonly byte[][] Words =
    [
        .. new[]
        {
            "",
            "\0",
            " ",
            "\n",
            "\r\n",
            "\t",
            "\u001b[31m",
            "\u0007",
            "\u2019",
            "\u00e4",
            "\ud83d\ude00",
            "\ufeff",
            "null",
            "true",
            "[]",
            "{}",
            "\"",
            "'",
            "\\",
            "\\u0000",
            "%00",
            "%",
            "0",
            "-1",
            "1e999",
            "2147483648",
            "9223372036854775808",
            "0x7f000001",
            "99999999999999999999999999",
            ".5",
            "1.",
            "&a ",
            "*a",
            "&a [*a]",
            "a: &a {b: *a}\n",
            "!!binary ",
            "|",
            ">",
            "<<: *a",
            "- ",
            ": ",
            "#",
            ",",
            ";",
            "=",
            "/",
            "//",
            "..",
            ":",
            "@",
            "[",
            "]",
            "{",
            "}",
            "(",
            ")",
            "(a+)+$",
            "[^",
            "(?<",
            "{1,1000}",
            "https://",
            "http://[::1",
            "[::1]:99999",
            ":99999",
            "sha256:",
            "rel=\"next\"",
            "Bearer ",
            "Basic ",
            "realm=",
            "scope=",
            "2026-01-01T00:00:00Z",
            "9999-99-99T99:99:99Z",
            "data:",
            "---\n",
            "...\n",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    private static readonly string[] Values =
    [
        "null",
        "true",
        "0",
        "-1",
        "1.5",
        "1e30",
        "9223372036854775808",
        "\"\"",
        "\"x\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "[]",
        "{}",
        "[null]",
        "[[]]",
        "{\"\":null}",
        "\"9999-12-31T23:59:59Z\"",
        "\"0001-01-01T00:00:00+14:00\"",
    ];

    public byte[] Mutate(IReadOnlyList<byte[]> samples, IReadOnlyList<byte[]> words)
    {
        var input = Pick(samples);
        if (random.Next(3) == 0 && ReplaceValue(input) is { } replaced)
            input = replaced;
        for (var times = random.Next(4); times > 0 && input.Length <= MaxInput; times--)
        {
            var at = random.Next(input.Length + 1);
            var length = Math.Min(input.Length - at, 1 + random.Next(random.Next(4) == 0 ? 200 : 8));
            input = random.Next(10) switch
            {
                0 when input.Length > 0 => Splice(input, Math.Min(at, input.Length - 1), 1, [(byte)random.Next(256)]),
                1 => Splice(input, at, length, []),
                2 => Splice(input, at, 0, input.AsSpan(at, length)),
                3 => Splice(input, at, length, Pick(Words)),
                4 or 5 => Splice(input, at, 0, Pick(words.Count > 0 && random.Next(2) == 0 ? words : Words)),
                6 => input[..at],
                7 => Splice(input, at, 0, Repeat(input.AsSpan(at, length), 1 << random.Next(15))),
                8 => Splice(input, at, 0, Repeat(Pick(Words), 1 << random.Next(14))),
                _ => Join(input, at, Pick(samples)),
            };
        }

        return input.Length <= MaxInput ? input : input[..MaxInput];
    }

    private byte[] Pick(IReadOnlyList<byte[]> from) => from[random.Next(from.Count)];

    private byte[] Join(byte[] input, int at, byte[] other) => [.. input.AsSpan(0, at), .. other.AsSpan(random.Next(other.Length + 1))];

    private static byte[] Splice(byte[] input, int at, int length, ReadOnlySpan<byte> inserted) =>
        [.. input.AsSpan(0, at), .. inserted, .. input.AsSpan(at + length)];

    private static byte[] Repeat(ReadOnlySpan<byte> piece, int times)
    {
        times = piece.Length == 0 ? 0 : Math.Min(times, MaxInput / piece.Length);
        var repeated = new byte[piece.Length * times];
        for (var i = 0; i < times; i++)
            piece.CopyTo(repeated.AsSpan(i * piece.Length));
        return repeated;
    }

    /// <summary>Replaces one value in the JSON of a sample (in the body of an HTTP response); null if it has no JSON.</summary>
    private byte[]? ReplaceValue(byte[] input)
    {
        var start = input.AsSpan().IndexOf("\n\n"u8) is >= 0 and var blank && input.AsSpan(0, 5).SequenceEqual("HTTP "u8) ? blank + 2 : 0;
        try
        {
            if (JsonNode.Parse(input.AsSpan(start)) is not { } root)
                return null;
            List<JsonNode> nodes = [];
            Collect(root, nodes);
            if (nodes.Count == 0)
                return null;
            var chosen = nodes[random.Next(nodes.Count)];
            var value = JsonNode.Parse(Values[random.Next(Values.Length)]);
            if (chosen.Parent is JsonObject map)
                map[chosen.GetPropertyName()] = value;
            else
                chosen.Parent!.AsArray()[chosen.GetElementIndex()] = value;
            return [.. input.AsSpan(0, start), .. Encoding.UTF8.GetBytes(root.ToJsonString())];
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            return null;
        }
    }

    private static void Collect(JsonNode node, List<JsonNode> nodes)
    {
        var inner =
            node is JsonObject map ? map.Select(pair => pair.Value)
            : node is JsonArray list ? list
            : [];
        foreach (var child in inner.OfType<JsonNode>())
        {
            nodes.Add(child);
            Collect(child, nodes);
        }
    }
}
