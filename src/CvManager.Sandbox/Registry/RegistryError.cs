using System.Text.Json.Nodes;

namespace CvManager.Sandbox.Registry;

/// <summary>An error response of the registry: a code of the distribution specification ("Error Codes") and an HTTP status.</summary>
internal sealed class RegistryError(int status, string code, string message) : Exception(message)
{
    public int Status { get; } = status;

    public string Code { get; } = code;

    /// <summary>The digest, tag or value concerned; null for none.</summary>
    public string? Detail { get; init; }

    /// <summary>Additional response headers: a challenge, Retry-After.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    public JsonObject ToJson()
    {
        var error = new JsonObject { ["code"] = Code, ["message"] = Message };
        if (Detail is not null)
            error["detail"] = Detail;
        return new JsonObject { ["errors"] = new JsonArray(error) };
    }

    public static RegistryError NameUnknown(string repository) =>
        new(404, "NAME_UNKNOWN", "repository name not known to registry") { Detail = repository };

    public static RegistryError NameInvalid(string repository) =>
        new(400, "NAME_INVALID", "invalid repository name") { Detail = repository };

    public static RegistryError TagInvalid(string tag) => new(400, "TAG_INVALID", "manifest tag did not match URI") { Detail = tag };

    public static RegistryError DigestInvalid(string digest) =>
        new(400, "DIGEST_INVALID", "provided digest did not match uploaded content") { Detail = digest };

    public static RegistryError ManifestUnknown(string reference) =>
        new(404, "MANIFEST_UNKNOWN", "manifest unknown") { Detail = reference };

    public static RegistryError ManifestInvalid(string detail) => new(400, "MANIFEST_INVALID", "manifest invalid") { Detail = detail };

    public static RegistryError ManifestBlobUnknown(string digest) =>
        new(404, "MANIFEST_BLOB_UNKNOWN", "manifest references a manifest or blob unknown to registry") { Detail = digest };

    public static RegistryError BlobUnknown(string digest) => new(404, "BLOB_UNKNOWN", "blob unknown to registry") { Detail = digest };

    public static RegistryError UploadUnknown(string id) =>
        new(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry") { Detail = id };

    public static RegistryError TooLarge(long limit) => new(413, "SIZE_INVALID", $"content exceeds the limit of {limit} bytes");

    public static RegistryError Full(long limit) => new(413, "SIZE_INVALID", $"the registry is full: its limit is {limit} bytes");

    public static RegistryError Unsupported() => new(405, "UNSUPPORTED", "the operation is unsupported");

    public static RegistryError PageInvalid(string value) =>
        new(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested") { Detail = value };

    public static RegistryError Denied(string repository) =>
        new(403, "DENIED", "requested access to the resource is denied") { Detail = repository };

    public static RegistryError Unauthorized(string challenge) =>
        new(401, "UNAUTHORIZED", "authentication required") { Headers = [new("WWW-Authenticate", challenge)] };

    public static RegistryError Unavailable() => new(503, "UNAVAILABLE", "the registry is unavailable");

    /// <summary>A simulated error that replaces the registry's own response.</summary>
    public static RegistryError Injected(int status, RequestFault fault) =>
        new(status, fault.Reason ?? CodeOf(status), fault.Message ?? $"injected fault: {status}")
        {
            Headers = fault.RetryAfterSeconds is int seconds ? [RetryAfter(seconds)] : [],
        };

    public static KeyValuePair<string, string> RetryAfter(int seconds) =>
        new("Retry-After", seconds.ToString(System.Globalization.CultureInfo.InvariantCulture));

    private static string CodeOf(int status) =>
        status switch
        {
            401 => "UNAUTHORIZED",
            403 => "DENIED",
            404 => "MANIFEST_UNKNOWN",
            405 => "UNSUPPORTED",
            429 => "TOOMANYREQUESTS",
            503 => "UNAVAILABLE",
            _ => "UNKNOWN",
        };
}
