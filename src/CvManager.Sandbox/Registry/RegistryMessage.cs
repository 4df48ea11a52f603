using System.Text.Json.Nodes;
using CvManager.Sandbox.Api;

namespace CvManager.Sandbox.Registry;

/// <summary>One request, whatever transport brought it.</summary>
internal sealed record RegistryRequest
{
    public required string Method { get; init; }

    public required string PathAndQuery { get; init; }

    /// <summary>What the client calls this server, e.g. <c>http://127.0.0.1:5000</c>: the base of the addresses that it is given.</summary>
    public required string Origin { get; init; }

    /// <summary>One header's value; several values are joined with commas; null where it is missing.</summary>
    public required Func<string, string?> Header { get; init; }

    public Stream Body { get; init; } = Stream.Null;
}

/// <summary>One answer.</summary>
internal sealed record RegistryResponse(int Status)
{
    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Null for an answer without a body.</summary>
    public string? ContentType { get; init; }

    /// <summary>What Content-Length says, where no body is sent (HEAD); null: the body's length.</summary>
    public long? Length { get; init; }

    public List<KeyValuePair<string, string>> Headers { get; init; } = [];

    public RegistryResponse With(string name, string value)
    {
        Headers.Add(new(name, value));
        return this;
    }

    public static RegistryResponse Json(JsonNode node, int status = 200) =>
        new(status) { Body = JsonText.Utf8(node), ContentType = "application/json" };

    public static RegistryResponse FromError(RegistryError error) => Json(error.ToJson(), error.Status) with { Headers = [.. error.Headers] };

    /// <summary>Without its body, as HEAD wants it.</summary>
    public RegistryResponse HeadersOnly() => this with { Length = Length ?? Body.Length, Body = ReadOnlyMemory<byte>.Empty };
}
