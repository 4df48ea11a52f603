using System.Net;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Support;
using CvManager.Support.Network;
using CvManager.Support.Registries;
using Xunit;
using static CvManager.Support.Registries.ScriptedRegistry;

namespace CvManager.Unit.Registries;

/// <summary>Registries with invalid, oversized, redirected or missing responses.</summary>
public sealed class BadRegistryTests
{
    private const string Index = "application/vnd.oci.image.index.v1+json";
    private static readonly ImageRepository App = ImageRepository.Parse("registry.test/app");
    private static readonly string Digest = "sha256:" + new string('a', 64);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_HTML_response_is_an_error()
    {
        using var handler = new ScriptedRegistry(_ => Json("<html>Welcome</html>", type: "text/html"));
        using var catalog = handler.Catalog();

        Assert.Equal("RegistryResponseInvalid", await Id(r => r.FindTagAsync(App, "demo", Token), catalog));
        Assert.Equal("RegistryResponseInvalid", await Id(r => r.AddTagAsync(App, "v1", "demo", Token), catalog));
        Assert.Equal("RegistryResponseInvalid", await Id(List, catalog));
    }

    [Fact]
    public async Task A_manifest_that_is_not_JSON_is_an_error()
    {
        using var handler = new ScriptedRegistry(_ => Json("{\"manifests\": [", type: Index));
        using var catalog = handler.Catalog();

        Assert.Equal("RegistryResponseInvalid", await Id(r => r.ReadLabelsAsync(App, Digest, Token), catalog));
    }

    [Fact]
    public async Task A_digest_is_checked()
    {
        using var handler = new ScriptedRegistry(_ => Json("{}", type: Index));
        using var catalog = handler.Catalog();
        Assert.Equal("RegistryResponseInvalid", await Id(r => r.ReadLabelsAsync(App, Digest, Token), catalog));

        using var liar = new ScriptedRegistry(request =>
        {
            var answer = request.Method == HttpMethod.Head ? Status(HttpStatusCode.NotFound) : Json("{}", type: Index);
            answer.Headers.Add("Docker-Content-Digest", Digest);
            return answer;
        });
        using var lied = liar.Catalog();
        Assert.Equal("RegistryResponseInvalid", await Id(r => r.AddTagAsync(App, "v1", "demo", Token), lied));
        Assert.DoesNotContain(liar.Requests, r => r.Method == "PUT");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_manifest_of_50_MB_is_rejected(bool saysSo)
    {
        using var endless = new EndlessStream(50 << 20);
        using var handler = new ScriptedRegistry(_ =>
        {
            var answer = new HttpResponseMessage { Content = new StreamContent(endless) };
            answer.Content.Headers.ContentType = new(Index);
            answer.Content.Headers.ContentLength = saysSo ? 50 << 20 : null;
            return answer;
        });
        using var catalog = handler.Catalog();

        Assert.Equal("RegistryResponseTooLarge", await Id(r => r.ReadLabelsAsync(App, Digest, Token), catalog));
        Assert.True(endless.Position < 5 << 20);
        Assert.Single(handler.Requests);
    }

    [Fact]
    public async Task An_endless_list_is_an_error()
    {
        var page = 0;
        using var repeats = new ScriptedRegistry(_ => Page("""{"tags":["a","b"]}""", $"/v2/app/tags/list?last={page++}"));
        using var empty = new ScriptedRegistry(_ => Page("""{"tags":null}""", $"/v2/app/tags/list?last={page++}"));
        using var same = new ScriptedRegistry(_ => Page($$"""{"tags":["t{{page++}}"]}""", "/v2/app/tags/list?last=x"));
        using var growing = new ScriptedRegistry(_ => Page($$"""{"tags":["t{{page++}}"]}""", $"/v2/app/tags/list?last={page}"));

        foreach (var registry in (ScriptedRegistry[])[repeats, empty, same, growing])
        {
            using var catalog = registry.Catalog();
            Assert.Equal("RegistryResponseInvalid", await Id(List, catalog));
            Assert.InRange(registry.Requests.Count, 2, 10_000);
        }
    }

    [Theory]
    [InlineData("<https://elsewhere.test/v2/app/tags/list?last=a>; rel=\"next\"")]
    [InlineData("<http://registry.test/v2/app/tags/list?last=a>; rel=\"next\"")]
    [InlineData("nonsense")]
    public async Task A_list_continues_on_the_same_server_only(string link)
    {
        using var handler = new ScriptedRegistry(_ =>
        {
            var answer = Json("""{"tags":["a"]}""");
            answer.Headers.TryAddWithoutValidation("Link", link);
            return answer;
        });
        using var catalog = handler.Catalog();

        Assert.Equal("RegistryResponseInvalid", await Id(List, catalog));
        Assert.Single(handler.Requests);
    }

    [Fact]
    public async Task Credentials_are_not_forwarded_on_a_redirect_to_another_server()
    {
        var body = """{"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:CONFIG"}}""";
        const string Config = """{"config":{"Labels":{"a":"b"}}}""";
        body = body.Replace("sha256:CONFIG", Sha(Config), StringComparison.Ordinal);
        using var handler = new ScriptedRegistry(request =>
            request.RequestUri!.Host switch
            {
                "storage.test" => Json(Config, type: "application/octet-stream"),
                _ when request.Headers.Authorization is null => Status(
                    HttpStatusCode.Unauthorized,
                    ("WWW-Authenticate", "Basic realm=\"x\"")
                ),
                _ when request.RequestUri.AbsolutePath.Contains("/blobs/", StringComparison.Ordinal) => Status(
                    HttpStatusCode.TemporaryRedirect,
                    ("Location", "https://storage.test/blob")
                ),
                _ => Json(body, type: "application/vnd.oci.image.manifest.v1+json"),
            }
        );
        using var catalog = handler.Catalog(RegistryCredential.OfPassword("ci", "geheim"));

        Assert.Equal("b", (await catalog.For(App).ReadLabelsAsync(App, Sha(body), Token))["a"]);
        Assert.Null(Assert.Single(handler.Requests, r => r.Uri.Host == "storage.test").Authorization);
    }

    [Theory]
    [InlineData("http://registry.test/v2/app/manifests/demo")]
    [InlineData("https://registry.test/v2/app/manifests/demo")]
    [InlineData("ftp://registry.test/")]
    public async Task Endless_redirects_and_downgrades_to_HTTP_are_not_followed(string location)
    {
        using var handler = new ScriptedRegistry(_ => Status(HttpStatusCode.Found, ("Location", location)));
        using var catalog = handler.Catalog();

        Assert.Equal("RegistryResponseInvalid", await Id(r => r.FindTagAsync(App, "demo", Token), catalog));
        Assert.InRange(handler.Requests.Count, 1, 6);
    }

    [Theory]
    [InlineData("http://tokens.test/token")]
    [InlineData("http://127.0.0.1:9/token")]
    [InlineData("https://user:pass@tokens.test/")]
    [InlineData("nowhere")]
    public async Task A_credential_is_not_sent_over_HTTP(string realm)
    {
        using var handler = new ScriptedRegistry(_ =>
            Status(HttpStatusCode.Unauthorized, ("WWW-Authenticate", $"Bearer realm=\"{realm}\",service=\"s\""))
        );
        using var catalog = handler.Catalog(RegistryCredential.OfPassword("ci", "geheim"));

        Assert.Equal("RegistryResponseInvalid", await Id(r => r.FindTagAsync(App, "demo", Token), catalog));
        Assert.Single(handler.Requests);
    }

    [Fact]
    public async Task An_identity_token_is_sent_by_POST_with_the_required_scope()
    {
        string? form = null;
        using var handler = new ScriptedRegistry(request =>
        {
            if (request.RequestUri!.Host == "tokens.test")
            {
                using var reader = new StreamReader(request.Content!.ReadAsStream());
                form = reader.ReadToEnd();
                return Json("""{"access_token":"abc","expires_in":300}""");
            }

            return request.Headers.Authorization?.ToString() == "Bearer abc"
                ? Head(Digest)
                : Status(
                    HttpStatusCode.Unauthorized,
                    (
                        "WWW-Authenticate",
                        "Basic realm=\"r\", Bearer realm=\"https://tokens.test/token\",service=\"s\",scope=\"repository:app:pull\""
                    )
                );
        });
        using var catalog = handler.Catalog(RegistryCredential.OfIdentityToken("refresh-me"));

        Assert.Equal(Digest, (await catalog.For(App).FindTagAsync(App, "demo", Token))?.Digest);
        Assert.Contains("grant_type=refresh_token", form, StringComparison.Ordinal);
        Assert.Contains("refresh_token=refresh-me", form, StringComparison.Ordinal);
        Assert.Contains("scope=repository%3Aapp%3Apull", form, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connection_that_closes_early_is_retried_and_then_reported()
    {
        using var handler = new ScriptedRegistry(_ => throw new HttpRequestException("Connection reset"));
        using var catalog = handler.Catalog();

        Assert.Equal("RegistryUnreachable", await Id(r => r.FindTagAsync(App, "demo", Token), catalog));
        Assert.Equal(4, handler.Requests.Count);
    }

    [Fact]
    public async Task A_missing_repository_is_distinguished_from_a_missing_tag()
    {
        using var handler = new ScriptedRegistry(_ =>
            Json("""{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known"}]}""", HttpStatusCode.NotFound)
        );
        using var catalog = handler.Catalog();

        Assert.Equal("RegistryRepositoryNotFound", await Id(List, catalog));
        Assert.Equal("RegistryRepositoryNotFound", await Id(r => r.AddTagAsync(App, "v1", "demo", Token), catalog));
    }

    private static HttpResponseMessage Page(string body, string next)
    {
        var answer = Json(body);
        answer.Headers.TryAddWithoutValidation("Link", $"<{next}>; rel=\"next\"");
        return answer;
    }

    private static async Task List(IRegistry registry)
    {
        await foreach (var _ in registry.ListTagsAsync(App, Token)) { }
    }

    private static Task<string?> Id(Func<IRegistry, Task> action, RegistryCatalog catalog) =>
        Thrown.ErrorIdAsync(() => action(catalog.For(App)));

    private static string Sha(string text) =>
        "sha256:" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)));

    private sealed class EndlessStream(long length) : ReadOnlyStream
    {
        public override long Position { get; set; }

        public override int Read(byte[] buffer, int offset, int count)
        {
            var read = (int)Math.Min(count, length - Position);
            Array.Fill(buffer, (byte)' ', offset, read);
            Position += read;
            return read;
        }
    }
}
