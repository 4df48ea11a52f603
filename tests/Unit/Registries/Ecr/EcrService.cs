using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace CvManager.Unit.Registries.Ecr;

/// <summary>
/// The five operations of Amazon ECR as in its API reference: one missing tag fails a whole DescribeImages, and deleting the last tag
/// deletes the image. Counts requests by operation.
/// </summary>
internal sealed class EcrService : HttpMessageHandler
{
    private const string ManifestType = "application/vnd.oci.image.manifest.v1+json";
    private const string IndexType = "application/vnd.oci.image.index.v1+json";

    private readonly object _gate = new();
    private readonly Dictionary<string, (string Manifest, List<string> Tags)> _images = [];

    public List<(string Operation, Uri Uri, JsonObject Body)> Requests { get; } = [];

    public string Repository { get; set; } = "team/app";

    /// <summary>If it returns a response, that replaces the response of the service.</summary>
    public Func<string, JsonObject, HttpResponseMessage?>? Fault { get; set; }

    public TimeSpan TokenLife { get; set; } = TimeSpan.FromHours(12);

    public TimeProvider Time { get; set; } = TimeProvider.System;

    /// <summary>Whether BatchGetImage returns an image with the requested tag, or (as some emulations) with its latest one.</summary>
    public bool NamesImagesByLatestTag { get; set; }

    public int PageSize { get; set; } = 1000;

    public string Push(string content, params string[] tags) =>
        Store($$"""{"schemaVersion":2,"mediaType":"{{ManifestType}}","layers":["{{content}}"]}""", tags);

    /// <summary>A manifest with a configuration of this type, which DescribeImages returns.</summary>
    public string PushArtifact(string configType, params string[] tags) =>
        Store(
            $$"""{"schemaVersion":2,"mediaType":"{{ManifestType}}","config":{"mediaType":"{{configType}}","digest":"sha256:{{new string('c', 64)}}","size":2},"layers":[]}""",
            tags
        );

    public string PushIndex(string[] children, params string[] tags) =>
        Store(
            $$"""{"schemaVersion":2,"mediaType":"{{IndexType}}","manifests":[{{string.Join(',', children.Select(c => $$$"""{"mediaType":"{{{ManifestType}}}","digest":"{{{c}}}","platform":{"os":"linux"}}"""))}}]}""",
            tags
        );

    private string Store(string manifest, string[] tags)
    {
        var digest = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(manifest)));
        lock (_gate)
        {
            _images.TryAdd(digest, (manifest, []));
            foreach (var tag in tags)
                Move(tag, digest);
        }

        return digest;
    }

    public string? DigestOf(string tag)
    {
        lock (_gate)
            return Find(tag);
    }

    public IReadOnlyList<string> TagsOf(string digest)
    {
        lock (_gate)
            return _images.TryGetValue(digest, out var image) ? [.. image.Tags] : [];
    }

    public IEnumerable<string> Operations => Requests.Select(r => r.Operation);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var operation = request.Headers.GetValues("X-Amz-Target").Single().Split('.')[1];
        var body = JsonNode.Parse(await request.Content!.ReadAsStringAsync(cancellationToken))!.AsObject();
        lock (_gate)
        {
            Requests.Add((operation, request.RequestUri!, body));
            if (Fault?.Invoke(operation, body) is { } fault)
                return fault;
            if (
                !request.Headers.TryGetValues("Authorization", out var authorization)
                || !authorization.Single().StartsWith("AWS4-HMAC-SHA256", StringComparison.Ordinal)
            )
                return Error("MissingAuthenticationTokenException", "Missing Authentication Token");
            if (operation != "GetAuthorizationToken" && (string?)body["repositoryName"] != Repository)
            {
                return Error(
                    "RepositoryNotFoundException",
                    $"The repository with name '{body["repositoryName"]}' does not exist in the registry with id '{body["registryId"]}'"
                );
            }

            return operation switch
            {
                "DescribeImages" => Describe(body),
                "BatchGetImage" => Get(body),
                "PutImage" => Put(body),
                "BatchDeleteImage" => Delete(body),
                "GetAuthorizationToken" => Token(),
                _ => Error("InvalidAction", operation),
            };
        }
    }

    public static HttpResponseMessage Error(string code, string message, HttpStatusCode status = HttpStatusCode.BadRequest) =>
        Answer(new JsonObject { ["__type"] = code, ["message"] = message }, status);

    private static HttpResponseMessage Answer(JsonObject body, HttpStatusCode status = HttpStatusCode.OK) =>
        new(status) { Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/x-amz-json-1.1") };

    private HttpResponseMessage Describe(JsonObject body)
    {
        IEnumerable<string> digests;
        var skip = 0;
        if (body["imageIds"] is JsonArray ids)
        {
            if (ids.Count > 100)
                return Error(
                    "InvalidParameterException",
                    "'imageIds' failed to satisfy constraint: Member must have length less than or equal to 100"
                );
            List<string> found = [];
            foreach (var id in ids)
            {
                if (Find(id!) is not { } digest)
                {
                    return Error(
                        "ImageNotFoundException",
                        $"The image with imageId {{imageDigest:'{id!["imageDigest"] ?? "null"}', imageTag:'{id["imageTag"] ?? "null"}'}} does not exist within the "
                            + $"repository with name '{Repository}' in the registry with id '{body["registryId"]}'"
                    );
                }

                found.Add(digest);
            }

            digests = found.Distinct();
        }
        else
        {
            digests = _images.Where(i => i.Value.Tags.Count > 0).Select(i => i.Key).Order(StringComparer.Ordinal);
            skip = int.Parse((string?)body["nextToken"] ?? "0", null);
        }

        string[] all = [.. digests];
        JsonObject answer = new()
        {
            ["imageDetails"] = new JsonArray([
                .. all.Skip(skip)
                    .Take(PageSize)
                    .Select(d => new JsonObject
                    {
                        ["imageDigest"] = d,
                        ["imageTags"] = new JsonArray([.. _images[d].Tags.Select(t => (JsonNode)t)]),
                        ["imageManifestMediaType"] = TypeOf(d),
                        ["artifactMediaType"] = (string?)JsonNode.Parse(_images[d].Manifest)!["config"]?["mediaType"],
                        ["imagePushedAt"] = 1.6E9 + _images.Keys.ToList().IndexOf(d),
                    }),
            ]),
        };
        if (skip + PageSize < all.Length)
            answer["nextToken"] = $"{skip + PageSize}";
        return Answer(answer);
    }

    private HttpResponseMessage Get(JsonObject body)
    {
        JsonArray images = [];
        JsonArray failures = [];
        foreach (var id in body["imageIds"]!.AsArray())
        {
            if (Find(id!) is { } digest)
                images.Add(Image(digest, NamesImagesByLatestTag ? _images[digest].Tags[^1] : (string?)id!["imageTag"]));
            else
                failures.Add(
                    new JsonObject
                    {
                        ["imageId"] = id!.DeepClone(),
                        ["failureCode"] = "ImageNotFound",
                        ["failureReason"] = "Requested image not found",
                    }
                );
        }

        return Answer(new JsonObject { ["images"] = images, ["failures"] = failures });
    }

    private HttpResponseMessage Put(JsonObject body)
    {
        var tag = (string)body["imageTag"]!;
        var manifest = (string)body["imageManifest"]!;
        var digest = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(manifest)));
        if (Find(tag) == digest)
            return Error("ImageAlreadyExistsException", $"Image with digest '{digest}' and tag '{tag}' already exists");
        _images.TryAdd(digest, (manifest, []));
        Move(tag, digest);
        return Answer(new JsonObject { ["image"] = Image(digest, tag) });
    }

    private HttpResponseMessage Delete(JsonObject body)
    {
        JsonArray deleted = [];
        JsonArray failures = [];
        foreach (var id in body["imageIds"]!.AsArray())
        {
            if (id!["imageDigest"] is { } whole)
            {
                _images.Remove((string)whole!);
                deleted.Add(id.DeepClone());
                continue;
            }

            var tag = (string)id["imageTag"]!;
            if (Find(tag) is not { } digest)
            {
                failures.Add(
                    new JsonObject
                    {
                        ["imageId"] = id.DeepClone(),
                        ["failureCode"] = "ImageNotFound",
                        ["failureReason"] = "Requested image not found",
                    }
                );
                continue;
            }

            _images[digest].Tags.Remove(tag);
            if (_images[digest].Tags.Count == 0)
                _images.Remove(digest);
            deleted.Add(new JsonObject { ["imageDigest"] = digest, ["imageTag"] = tag });
        }

        return Answer(new JsonObject { ["imageIds"] = deleted, ["failures"] = failures });
    }

    private HttpResponseMessage Token() =>
        Answer(
            new JsonObject
            {
                ["authorizationData"] = new JsonArray(
                    new JsonObject
                    {
                        ["authorizationToken"] = Convert.ToBase64String(
                            Encoding.UTF8.GetBytes($"AWS:token-{Requests.Count(r => r.Operation == "GetAuthorizationToken")}")
                        ),
                        ["expiresAt"] = (Time.GetUtcNow() + TokenLife).ToUnixTimeMilliseconds() / 1000.0,
                        ["proxyEndpoint"] = "https://123456789012.dkr.ecr.us-east-1.amazonaws.com",
                    }
                ),
            }
        );

    private JsonObject Image(string digest, string? tag) =>
        new()
        {
            ["imageId"] = new JsonObject { ["imageDigest"] = digest, ["imageTag"] = tag },
            ["imageManifest"] = _images[digest].Manifest,
            ["imageManifestMediaType"] = TypeOf(digest),
            ["repositoryName"] = Repository,
        };

    private string TypeOf(string digest) => (string)JsonNode.Parse(_images[digest].Manifest)!["mediaType"]!;

    private string? Find(JsonNode id) =>
        id["imageTag"] is { } tag ? Find((string)tag!)
        : (string?)id["imageDigest"] is { } digest && _images.ContainsKey(digest) ? digest
        : null;

    private string? Find(string tag) => _images.FirstOrDefault(i => i.Value.Tags.Contains(tag)).Key;

    private void Move(string tag, string digest)
    {
        foreach (var image in _images.Values)
            image.Tags.Remove(tag);
        _images[digest].Tags.Add(tag);
    }
}
