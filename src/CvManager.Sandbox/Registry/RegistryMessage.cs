using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Registry;

/// <summary>One request, independent of the transport.</summary>
internal sealed record RegistryRequest
{
    public required string Method { get; init; }

    public required string PathAndQuery { get; init; }

    /// <summary>The origin that the client uses, such as <c>http://127.0.0.1:5000</c>: the base of URLs in responses.</summary>
    public required string Origin { get; init; }

    /// <summary>Returns the value of a header; several values are joined with commas; null if it is missing.</summary>
    public required Func<string, string?> Header { get; init; }

    public Stream Body { get; init; } = Stream.Null;
}

/// <summary>One response.</summary>
internal sealed record RegistryResponse(int Status)
{
    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Null for a response without a body.</summary>
    public string? ContentType { get; init; }

    /// <summary>The Content-Length of a response to HEAD; null to use the body's length.</summary>
    public long? Length { get; init; }

    public List<KeyValuePair<string, string>> Headers { get; init; } = [];

    public RegistryResponse With(string name, string value)
    {
        Headers.Add(new(name, value));
        return this;
    }

    public static RegistryResponse Json(JsonNode node, int status = 200) =>
        new(status) { Body = JsonText.Utf8(node), ContentType = "application/json" };

    public static RegistryResponse FromError(RegistryError error) =>
        Json(error.ToJson(), error.Status) with
        {
            Headers = [.. error.Headers],
        };

    /// <summary>The response to HEAD: without the body.</summary>
    public RegistryResponse HeadersOnly() => this with { Length = Length ?? Body.Length, Body = ReadOnlyMemory<byte>.Empty };
}
