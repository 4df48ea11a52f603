using System.Globalization;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Http;

namespace CvManager.Sandbox.Registry;

/// <summary>Handles lists of tags, repositories and referrers.</summary>
internal sealed class ListRequests(RegistryContent content, int? pageSize)
{
    public RegistryResponse Handle(RegistryRequest request, RegistryTarget target, QueryParameters query)
    {
        if (request.Method is not ("GET" or "HEAD"))
            throw RegistryError.Unsupported();
        return target.Kind switch
        {
            RegistryRequestKind.Catalog => Page(
                content.Repositories(),
                query,
                "/v2/_catalog",
                page => new JsonObject { ["repositories"] = page }
            ),
            RegistryRequestKind.Tags => Page(
                content.Tags(target.Repository),
                query,
                $"/v2/{target.Repository}/tags/list",
                page => new JsonObject { ["name"] = target.Repository, ["tags"] = page }
            ),
            RegistryRequestKind.Referrers => Referrers(target, query["artifactType"]),
            _ => throw RegistryError.Unsupported(),
        };
    }

    /// <summary>At most <c>n</c> entries after <c>last</c>, with a Link header if there are more.</summary>
    private RegistryResponse Page(IReadOnlyList<string> all, QueryParameters query, string path, Func<JsonArray, JsonObject> shape)
    {
        var size = pageSize ?? int.MaxValue;
        if (query["n"] is { Length: > 0 } text)
        {
            if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var requested))
                throw RegistryError.PageInvalid(text);
            size = Math.Min(size, requested);
        }
        var last = query["last"];
        var page = all.Where(entry => string.CompareOrdinal(entry, last) > 0).Take(size).ToList();
        var response = RegistryResponse.Json(shape(new JsonArray([.. page.Select(entry => (JsonNode)entry)])));
        return page.Count > 0 && string.CompareOrdinal(page[^1], all[^1]) < 0
            ? response.With("Link", $"<{path}?last={Uri.EscapeDataString(page[^1])}&n={size}>; rel=\"next\"")
            : response;
    }

    private RegistryResponse Referrers(RegistryTarget target, string artifactType)
    {
        if (!ContentNames.IsDigest(target.Reference))
            throw RegistryError.DigestInvalid(target.Reference);
        var referrers = content
            .Referrers(target.Repository, target.Reference)
            .Where(m => artifactType.Length == 0 || m.ArtifactType == artifactType);
        var response = RegistryResponse.Json(
            new JsonObject
            {
                ["schemaVersion"] = 2,
                ["mediaType"] = Manifest.OciIndex,
                ["manifests"] = new JsonArray([.. referrers.Select(m => (JsonNode)m.ToDescriptor())]),
            }
        ) with
        {
            ContentType = Manifest.OciIndex,
        };
        return artifactType.Length == 0 ? response : response.With("OCI-Filters-Applied", "artifactType");
    }
}
