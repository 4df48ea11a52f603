using System.Text.Json.Nodes;

namespace CvManager.Sandbox.Api;

/// <summary>
/// The API server without a transport: a request in, an answer out. Thread-safe. It never throws for what a client did wrong; that is
/// an answer too.
/// </summary>
internal sealed class ApiServer(SandboxOptions options, string token)
{
    /// <summary>The API server's own limit on request bodies, 3 MiB.</summary>
    public const int BodyLimit = 3 * 1024 * 1024;

    public const string KubernetesVersion = "v1.31.4";

    public async ValueTask<ApiResponse> HandleAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        ApiResponse response;
        try
        {
            Authenticate(request);
            byte[] body = request.Body is null ? [] : await ReadBodyAsync(request.Body, cancellationToken).ConfigureAwait(false);
            response = Answer(request, body);
        }
        catch (ApiException error)
        {
            response = ApiResponse.FromError(error);
        }
        options.RequestLog?.Invoke(new SandboxRequestRecord(
            options.TimeProvider.GetUtcNow(), request.Method, request.RawPathAndQuery, request.UserAgent, response.StatusCode));
        return response;
    }

    private static ApiResponse Answer(ApiRequest request, byte[] body)
    {
        _ = body;
        return request.Path switch
        {
            ["healthz" or "livez" or "readyz", ..] => ApiResponse.FromText("ok"),
            ["version"] => ApiResponse.FromJson(Version()),
            _ => throw ApiException.NoSuchPath(),
        };
    }

    private void Authenticate(ApiRequest request)
    {
        if (token.Length > 0 && request.Authorization != "Bearer " + token)
            throw ApiException.Unauthorized();
    }

    private static async ValueTask<byte[]> ReadBodyAsync(Stream body, CancellationToken cancellationToken)
    {
        using var buffer = new MemoryStream();
        var chunk = new byte[16 * 1024];
        int read;
        while ((read = await body.ReadAsync(chunk, cancellationToken).ConfigureAwait(false)) > 0)
        {
            if (buffer.Length + read > BodyLimit)
                throw ApiException.TooLarge(BodyLimit);
            buffer.Write(chunk, 0, read);
        }
        return buffer.ToArray();
    }

    private static JsonObject Version() => new()
    {
        ["major"] = "1",
        ["minor"] = "31",
        ["gitVersion"] = KubernetesVersion,
        ["gitCommit"] = "",
        ["gitTreeState"] = "clean",
        ["buildDate"] = "2024-12-10T00:00:00Z",
        ["goVersion"] = "",
        ["compiler"] = "",
        ["platform"] = "linux/amd64",
    };
}
