using System.Text.Json;
using System.Text.Json.Serialization;
using CvManager.Registries.Oci;

namespace CvManager.Registries.DockerHub;

/// <summary>Lists tags with digests through Docker Hub's API ("List repository tags"), newest first. Thread-safe.</summary>
/// <param name="transport">For the Hub's API, with its own budget: these requests do not count as pulls.</param>
/// <param name="login">For private repositories.</param>
internal sealed class HubTagList(RegistryTransport transport, HubLogin login)
{
    /// <summary>The maximum of the API.</summary>
    private const int TagsPerPage = 100;
    private const int Limit = 8 * 1024 * 1024;

    /// <returns>Null on failure: then the caller uses the registry, which reports the error.</returns>
    public async Task<HubPage?> ReadPageAsync(ImageRepository repository, int page, CancellationToken cancellationToken)
    {
        if (repository.Path.Split('/') is not [string ns, string name])
            return null;
        (var refused, var authorization) = await login.FindAsync(repository, cancellationToken);
        if (refused)
            return null;
        try
        {
            var response = await transport.SendAsync(
                new RegistryRequest(
                    HttpMethod.Get,
                    new Uri(HubApi.Address, $"v2/namespaces/{ns}/repositories/{name}/tags?page={page}&page_size={TagsPerPage}"),
                    repository,
                    RegistryAccess.Pull
                )
                {
                    What = "a page of tags",
                    Limit = Limit,
                    Accept = ["application/json"],
                    Authorization = authorization,
                },
                cancellationToken
            );
            return response.IsSuccess ? Page(JsonSerializer.Deserialize(response.Body, HubJson.Default.HubTagPage)) : null;
        }
        catch (CvException e)
        {
            if (e.Kind is CvErrorKind.Unauthenticated or CvErrorKind.Forbidden)
                login.Invalidate(authorization);
            return null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static HubPage? Page(HubTagPage? page) =>
        page?.Results is null
            ? null
            : new HubPage(
                [
                    .. page
                        .Results.Where(r => ImageReference.IsTag(r?.Name))
                        .Select(r => new RegistryTag(r!.Name!, ImageReference.IsDigest(r.Digest) ? r.Digest : null, r.PushedAt)),
                ],
                page.Count,
                page.Next is null
            );
}

/// <summary>A page of tags.</summary>
/// <param name="Tags">The valid tags; a digest is null if the Hub has none, as for old images.</param>
/// <param name="Count">The number of tags of the repository.</param>
/// <param name="IsLast">True for the last page.</param>
internal sealed record HubPage(IReadOnlyList<RegistryTag> Tags, int Count, bool IsLast);

/// <summary>The Hub's API, which is separate from its registry and has its own rate limits.</summary>
internal static class HubApi
{
    public const string Host = "hub.docker.com";

    public static readonly Uri Address = new($"https://{Host}/");
}

internal sealed class HubTagPage
{
    [JsonPropertyName("count")]
    public int Count { get; init; }

    [JsonPropertyName("next")]
    public string? Next { get; init; }

    [JsonPropertyName("results")]
    public List<HubTag?>? Results { get; init; }
}

internal sealed class HubTag
{
    [JsonPropertyName("name")]
    public string? Name { get; init; }

    /// <summary>Of the index, if the tag points at one.</summary>
    [JsonPropertyName("digest")]
    public string? Digest { get; init; }

    [JsonPropertyName("tag_last_pushed")]
    public DateTimeOffset? PushedAt { get; init; }
}

/// <summary>The request for an access token ("Create access token").</summary>
internal sealed class HubTokenRequest
{
    [JsonPropertyName("identifier")]
    public required string Identifier { get; init; }

    [JsonPropertyName("secret")]
    public required string Secret { get; init; }
}

internal sealed class HubToken
{
    [JsonPropertyName("access_token")]
    public string? AccessToken { get; init; }
}

[JsonSerializable(typeof(HubTagPage))]
[JsonSerializable(typeof(HubTokenRequest))]
[JsonSerializable(typeof(HubToken))]
internal sealed partial class HubJson : JsonSerializerContext;
