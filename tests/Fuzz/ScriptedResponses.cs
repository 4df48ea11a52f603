using System.Net;
using System.Text;

namespace CvManager.Fuzz;

/// <summary>
/// Responds to requests with the responses in a fuzzed text: "HTTP 200", header lines, a blank line and a body. A line "=====" separates
/// responses. The last one is repeated for all further requests.
/// </summary>
internal sealed class ScriptedResponses(byte[] input) : HttpMessageHandler
{
    private static readonly byte[] Separator = "\n=====\n"u8.ToArray();

    private readonly List<byte[]> _responses = Split(input);
    private int _next;

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var text = _responses[Math.Min(_next++, _responses.Count - 1)];
        var end = text.AsSpan().IndexOf("\n\n"u8);
        var head = Encoding.Latin1.GetString(end < 0 ? text : text[..end]).Split('\n');
        var code =
            head[0].Split(' ') is [_, var written, ..] && int.TryParse(written, out var read) && read is >= 200 and <= 599 ? read : 200;
        HttpResponseMessage response = new((HttpStatusCode)code)
        {
            RequestMessage = request,
            Content = new ByteArrayContent(end < 0 || request.Method == HttpMethod.Head ? [] : text[(end + 2)..]),
        };
        foreach (var line in head.Skip(1))
        {
            // A real handler rejects invalid header fields (RFC 9110, 5.1 and 5.5).
            if (
                line.Split(':', 2) is not [var name, var value]
                || name.Length == 0
                || value.Any(c => c is '\r' or '\n' or '\0')
                || name.Any(c => !char.IsAsciiLetterOrDigit(c) && c != '-')
            )
                continue;
            if (!response.Headers.TryAddWithoutValidation(name, value.Trim()))
                response.Content.Headers.TryAddWithoutValidation(name, value.Trim());
        }

        response.Content.Headers.ContentLength ??= null;
        return Task.FromResult(response);
    }

    private static List<byte[]> Split(byte[] input)
    {
        List<byte[]> responses = [];
        ReadOnlySpan<byte> rest = input;
        while (responses.Count < 16 && rest.IndexOf(Separator) is >= 0 and var at)
        {
            responses.Add(rest[..at].ToArray());
            rest = rest[(at + Separator.Length)..];
        }

        responses.Add(rest.ToArray());
        return responses;
    }
}
