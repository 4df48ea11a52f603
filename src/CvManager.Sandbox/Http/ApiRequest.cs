namespace CvManager.Sandbox.Http;

/// <summary>One request, independent of the transport.</summary>
internal sealed record ApiRequest
{
    public required string Method { get; init; }

    /// <summary>The decoded path segments; none is empty.</summary>
    public required string[] Path { get; init; }

    public required string RawPathAndQuery { get; init; }

    public required QueryParameters Query { get; init; }

    public string Accept { get; init; } = "";

    public string ContentType { get; init; } = "";

    public string Authorization { get; init; } = "";

    public string UserAgent { get; init; } = "";

    /// <summary>Null if the request has no body.</summary>
    public Stream? Body { get; init; }

    /// <summary>Splits a raw request target (<c>/api/v1/pods?watch=1</c>) into decoded segments and parameters.</summary>
    public static (string[] Path, QueryParameters Query) ParseTarget(string target)
    {
        var question = target.IndexOf('?', StringComparison.Ordinal);
        var path = question < 0 ? target : target[..question];
        var segments = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        for (var i = 0; i < segments.Length; i++)
            segments[i] = Uri.UnescapeDataString(segments[i]);
        return (segments, QueryParameters.Parse(question < 0 ? "" : target[(question + 1)..]));
    }
}
