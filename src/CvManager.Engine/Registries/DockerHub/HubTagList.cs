using System.Text.Json;
using System.Text.Json.Serialization;
using CvManager.Registries.Oci;

namespace CvManager.Registries.DockerHub;

/// <summary>The list of tags of Docker Hub's API ("List repository tags"), newest first, with digests. Thread-safe.</summary>
/// <param name="transport">To the Hub's API, with a budget of its own: these requests are no pulls.</param>
/// <param name="login">Of those who have one; others see public repositories.</param>
internal sealed class HubTagList(RegistryTransport transport, HubLogin login)
{
    /// <summary>The most that the API gives.</summary>
    private const int TagsPerPage = 100;
    private const int Limit = 8 * 1024 * 1024;

    /// <returns>Null where the Hub cannot or may not tell: then the registry is to be asked, and says what is wrong.</returns>
    public async Task<HubPage?> ReadPageAsync(ImageRepository repository, int page, CancellationToken cancellationToken)
    {
        if (repository.Path.Split('/') is not [string ns, string name])
            return null;
        (bool refused, Grant? grant) = await login.FindAsync(repository, cancellationToken).ConfigureAwait(false);
        if (refused)
            return null;
        try
        {
            RegistryResponse response = await transport.SendAsync(
                new RegistryRequest(HttpMethod.Get, new Uri(HubApi.Address, $"v2/namespaces/{ns}/repositories/{name}/tags?page={page}&page_size={TagsPerPage}"),
                    repository, RegistryAccess.Pull) { What = "a page of tags", Limit = Limit, Accept = ["application/json"], Grant = grant },
                cancellationToken).ConfigureAwait(false);
            return response.IsSuccess ? Page(JsonSerializer.Deserialize(response.Body, HubJson.Default.HubTagPage)) : null;
        }
        catch (CvException e)
        {
            if (e.Kind is CvErrorKind.Unauthenticated or CvErrorKind.Forbidden)
                login.Forget(grant);
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
                [.. page.Results.Where(r => ImageReference.IsTag(r?.Name)).Select(r => new RegistryTag(r!.Name!, ImageReference.IsDigest(r.Digest) ? r.Digest : null, r.PushedAt))],
                page.Count,
                page.Next is null);
}

/// <summary>A page of the list.</summary>
/// <param name="Tags">Those that can be told apart as tags; a digest is null where the Hub has none, as for images from before it kept them.</param>
/// <param name="Count">How many tags the repository has, by the Hub's count.</param>
/// <param name="IsLast">True where no page comes behind it.</param>
internal sealed record HubPage(IReadOnlyList<RegistryTag> Tags, int Count, bool IsLast);

/// <summary>The Hub's API: other than its registry, and with limits of its own.</summary>
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

    /// <summary>Of the index, where the tag points at one.</summary>
    [JsonPropertyName("digest")]
    public string? Digest { get; init; }

    [JsonPropertyName("tag_last_pushed")]
    public DateTimeOffset? PushedAt { get; init; }
}

/// <summary>What the Hub is asked for an access token with ("Create access token").</summary>
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
