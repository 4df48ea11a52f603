using System.Net;
using System.Text;

namespace CvManager.Fuzz;

/// <summary>
/// Answers requests with what a fuzzed text says: "HTTP 200", header lines, a blank line and a body; several answers are divided by a line
/// "=====", and the last is given again to every request after it.
/// </summary>
internal sealed class Answers(byte[] input) : HttpMessageHandler
{
    private static readonly byte[] Divider = "\n=====\n"u8.ToArray();

    private readonly List<byte[]> _answers = Split(input);
    private int _next;

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        byte[] answer = _answers[Math.Min(_next++, _answers.Count - 1)];
        int end = answer.AsSpan().IndexOf("\n\n"u8);
        string[] head = Encoding.Latin1.GetString(end < 0 ? answer : answer[..end]).Split('\n');
        int code = head[0].Split(' ') is [_, var written, ..] && int.TryParse(written, out int read) && read is >= 200 and <= 599 ? read : 200;
        HttpResponseMessage response = new((HttpStatusCode)code) { RequestMessage = request, Content = new ByteArrayContent(end < 0 || request.Method == HttpMethod.Head ? [] : answer[(end + 2)..]) };
        foreach (string line in head.Skip(1))
        {
            // A real handler refuses what is no header (RFC 9110, 5.1 and 5.5), and so does this one.
            if (line.Split(':', 2) is not [var name, var value] || name.Length == 0 || value.Any(c => c is '\r' or '\n' or '\0') || name.Any(c => !char.IsAsciiLetterOrDigit(c) && c != '-'))
                continue;
            if (!response.Headers.TryAddWithoutValidation(name, value.Trim()))
                response.Content.Headers.TryAddWithoutValidation(name, value.Trim());
        }

        response.Content.Headers.ContentLength ??= null;
        return Task.FromResult(response);
    }

    private static List<byte[]> Split(byte[] input)
    {
        List<byte[]> answers = [];
        ReadOnlySpan<byte> rest = input;
        while (answers.Count < 16 && rest.IndexOf(Divider) is >= 0 and var at)
        {
            answers.Add(rest[..at].ToArray());
            rest = rest[(at + Divider.Length)..];
        }

        answers.Add(rest.ToArray());
        return answers;
    }
}
