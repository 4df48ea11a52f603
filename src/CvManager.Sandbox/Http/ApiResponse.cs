using System.Text;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Http;

/// <summary>One response: a complete body, or the stream of a watch.</summary>
internal sealed class ApiResponse
{
    public const string Json = "application/json";

    public int StatusCode { get; init; } = 200;

    public string ContentType { get; init; } = Json;

    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Null unless this is a watch. The sender of the response disposes it.</summary>
    public Stream? Stream { get; init; }

    /// <summary>The texts of the Warning headers (code 299).</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    public int? RetryAfterSeconds { get; init; }

    public static ApiResponse FromJson(JsonNode node, int statusCode = 200) =>
        new() { StatusCode = statusCode, Body = JsonText.Utf8(node) };

    public static ApiResponse FromText(string text, int statusCode = 200) =>
        new()
        {
            StatusCode = statusCode,
            ContentType = "text/plain; charset=utf-8",
            Body = Encoding.UTF8.GetBytes(text),
        };

    public static ApiResponse FromError(ApiException error) =>
        new()
        {
            StatusCode = error.Code,
            Body = JsonText.Utf8(error.ToStatus()),
            RetryAfterSeconds = error.RetryAfterSeconds,
        };
}
