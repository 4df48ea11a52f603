using System.Net;
using System.Net.Http.Headers;

namespace CvManager.Registries.Oci;

/// <summary>A request to a registry, which can be sent more than once.</summary>
internal sealed record RegistryRequest(HttpMethod Method, Uri Uri, ImageRepository Repository, RegistryAccess Access)
{
    /// <summary>What the response contains, for error messages: "a manifest".</summary>
    public string What { get; init; } = "a response";

    /// <summary>The maximum size of the response body in bytes.</summary>
    public int Limit { get; init; } = 1024 * 1024;

    public IReadOnlyList<string> Accept { get; init; } = [];

    /// <summary>A header that was obtained elsewhere; null to answer the server's challenges.</summary>
    public RegistryAuthorization? Authorization { get; init; }

    public ReadOnlyMemory<byte>? Body { get; init; }

    public string? ContentType { get; init; }
}

/// <summary>A response with its complete body.</summary>
internal sealed record RegistryResponse(HttpStatusCode Status, byte[] Body, Uri Uri)
{
    public string? ContentType { get; init; }

    public string? ContentDigest { get; init; }

    /// <summary>The lines of the Link header.</summary>
    public IReadOnlyList<string> Links { get; init; } = [];

    public Uri? Location { get; init; }

    public TimeSpan? RetryAfter { get; init; }

    public IReadOnlyList<Challenge> Challenges { get; init; } = [];

    /// <summary>The secrets that were sent with the request and must not appear in messages.</summary>
    public Secrets Secrets { get; init; } = Secrets.None;

    public bool IsRedirect => (int)Status is 301 or 302 or 303 or 307 or 308;

    /// <summary>The target of a redirect; null if it is not valid.</summary>
    public Uri? RedirectTarget => Location is not null && Uri.TryCreate(Uri, Location, out var target) ? target : null;

    public bool IsSuccess => (int)Status is >= 200 and < 300;

    /// <summary>Sanitizes text from the response for messages.</summary>
    public string Show(string? text) => RemoteText.Show(text, Secrets);

    public static RegistryResponse Of(HttpResponseMessage message, byte[] body, Uri uri, DateTimeOffset now) =>
        new(message.StatusCode, body, uri)
        {
            ContentType = message.Content.Headers.ContentType?.MediaType,
            ContentDigest = First(message.Headers, "Docker-Content-Digest"),
            Links = message.Headers.NonValidated.TryGetValues("Link", out var links) ? [.. links] : [],
            Location = message.Headers.Location,
            RetryAfter = message.Headers.RetryAfter switch
            {
                { Delta: TimeSpan delta } => delta,
                { Date: DateTimeOffset date } => date > now ? date - now : TimeSpan.Zero,
                _ => null,
            },
            Challenges =
                message.StatusCode == HttpStatusCode.Unauthorized
                && message.Headers.NonValidated.TryGetValues("WWW-Authenticate", out var lines)
                    ? Challenge.ParseAll(lines)
                    : [],
        };

    private static string? First(HttpResponseHeaders headers, string name) =>
        headers.NonValidated.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;
}
