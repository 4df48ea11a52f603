using System.Net;
using System.Text.Json.Nodes;
using System.Web;
using CvManager.Registries.Oci;
using static CvManager.Support.Registries.ScriptedRegistry;

namespace CvManager.Unit.Registries.DockerHub;

/// <summary>
/// Docker Hub as its documentation describes it: the registry at registry-1.docker.io, its token server at auth.docker.io, and the API with
/// the list of tags at hub.docker.com.
/// </summary>
internal sealed class HubServer
{
    public const string User = "ci";
    public const string Password = "geheim";

    private readonly List<(string Tag, string Digest)> _tags = [];

    /// <summary>Path and visibility of the one repository.</summary>
    public string Path { get; init; } = "nearmap/cvm-example";

    public bool IsPrivate { get; init; }

    /// <summary>The status of all responses of the Hub's API.</summary>
    public HttpStatusCode? ApiFails { get; set; }

    /// <summary>The rate limit headers of the registry.</summary>
    public (int Limit, int Remaining)? RateLimit { get; set; }

    /// <summary>Called with the number of each page of the Hub that was read.</summary>
    public Action<int> PageRead { get; set; } = _ => { };

    public static string DigestOf(string content) => ImageManifest.DigestOf(Manifest(content), "sha256:");

    /// <summary>Points a tag at the image with some content and makes it the newest.</summary>
    public void Push(string tag, string content)
    {
        Remove(tag);
        _tags.Insert(0, (tag, DigestOf(content)));
        Contents[DigestOf(content)] = content;
    }

    public void Remove(string tag) => _tags.RemoveAll(t => t.Tag == tag);

    private Dictionary<string, string> Contents { get; } = [];

    public HttpResponseMessage Answer(HttpRequestMessage request)
    {
        var answer = request.RequestUri!.Host switch
        {
            "hub.docker.com" => ApiFails is { } status ? Status(status) : Api(request),
            "auth.docker.io" => Token(request),
            "registry-1.docker.io" => Registry(request),
            _ => throw new HttpRequestException($"There is no {request.RequestUri.Host}."),
        };
        answer.RequestMessage = request;
        return answer;
    }

    private HttpResponseMessage Api(HttpRequestMessage request)
    {
        if (request.RequestUri!.AbsolutePath == "/v2/auth/token")
        {
            using StreamReader reader = new(request.Content!.ReadAsStream());
            var login = JsonNode.Parse(reader.ReadToEnd())!;
            return (string?)login["identifier"] == User && (string?)login["secret"] == Password
                ? Json("""{"access_token":"hub-token"}""")
                : Status(HttpStatusCode.Unauthorized);
        }

        var parts = Path.Split('/');
        if (
            request.RequestUri.AbsolutePath != $"/v2/namespaces/{parts[0]}/repositories/{parts[1]}/tags"
            || (IsPrivate && request.Headers.Authorization?.ToString() != "Bearer hub-token")
        )
            return Json("""{"message":"object not found"}""", HttpStatusCode.NotFound);
        var query = HttpUtility.ParseQueryString(request.RequestUri.Query);
        var page = int.Parse(query["page"]!, System.Globalization.CultureInfo.InvariantCulture);
        var size = Math.Min(100, int.Parse(query["page_size"]!, System.Globalization.CultureInfo.InvariantCulture));
        JsonArray results =
        [
            .. _tags
                .Skip((page - 1) * size)
                .Take(size)
                .Select(t => new JsonObject
                {
                    ["name"] = t.Tag,
                    ["digest"] = t.Digest,
                    ["media_type"] = ImageManifest.OciManifest,
                    ["images"] = new JsonArray(new JsonObject { ["architecture"] = "amd64", ["digest"] = t.Digest }),
                }),
        ];
        var body = new JsonObject
        {
            ["count"] = _tags.Count,
            ["next"] = page * size < _tags.Count ? $"https://hub.docker.com/v2/namespaces/x/repositories/y/tags?page={page + 1}" : null,
            ["previous"] = null,
            ["results"] = results,
        }.ToJsonString();
        PageRead(page);
        return Json(body);
    }

    private static HttpResponseMessage Token(HttpRequestMessage request)
    {
        var login = "Basic " + Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"{User}:{Password}"));
        var given = request.Headers.Authorization?.ToString();
        if (given is not null && given != login)
            return Status(HttpStatusCode.Unauthorized);
        return Json(given is null ? """{"token":"anonymous"}""" : """{"token":"logged-in"}""");
    }

    private HttpResponseMessage Registry(HttpRequestMessage request)
    {
        var token = request.Headers.Authorization?.Parameter;
        if (token is null || (IsPrivate && token != "logged-in"))
            return Status(
                HttpStatusCode.Unauthorized,
                (
                    "WWW-Authenticate",
                    $"Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:{Path}:pull\"{(token is null ? "" : ",error=\"insufficient_scope\"")}"
                )
            );
        var answer = Content(request);
        if (RateLimit is var (limit, remaining))
        {
            answer.Headers.TryAddWithoutValidation("ratelimit-limit", $"{limit};w=21600");
            answer.Headers.TryAddWithoutValidation("ratelimit-remaining", $"{remaining};w=21600");
        }

        return answer;
    }

    private HttpResponseMessage Content(HttpRequestMessage request)
    {
        var path = request.RequestUri!.AbsolutePath;
        if (path == $"/v2/{Path}/tags/list")
            return Json(
                new JsonObject
                {
                    ["tags"] = new JsonArray([.. _tags.Select(t => (JsonNode)t.Tag).OrderBy(t => (string?)t, StringComparer.Ordinal)]),
                }.ToJsonString()
            );
        if (!path.StartsWith($"/v2/{Path}/manifests/", StringComparison.Ordinal))
            return Status(HttpStatusCode.NotFound);
        if (request.Method == HttpMethod.Get && RateLimit is { Remaining: 0 })
            return Json(
                """{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}""",
                HttpStatusCode.TooManyRequests
            );
        var reference = path[(path.LastIndexOf('/') + 1)..];
        var digest = Contents.ContainsKey(reference) ? reference : _tags.Find(t => t.Tag == reference).Digest;
        if (digest is null)
            return Json("""{"errors":[{"code":"MANIFEST_UNKNOWN"}]}""", HttpStatusCode.NotFound);
        HttpResponseMessage answer = new()
        {
            Content = new ByteArrayContent(request.Method == HttpMethod.Head ? [] : Manifest(Contents[digest])),
        };
        answer.Content.Headers.ContentType = new(ImageManifest.OciManifest);
        answer.Headers.TryAddWithoutValidation("Docker-Content-Digest", digest);
        return answer;
    }

    private static byte[] Manifest(string content) =>
        System.Text.Encoding.UTF8.GetBytes(
            $$"""{"schemaVersion":2,"mediaType":"{{ImageManifest.OciManifest}}","annotations":{"content":"{{content}}"} }"""
        );
}
