using System.Net;
using System.Text;
using CsCheck;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Support;
using CvManager.Support.Registries;
using CvManager.Support.Resources;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using static CvManager.Support.Registries.ScriptedRegistry;

namespace CvManager.Unit.Registries;

/// <summary>Registries that work but deviate from the specification.</summary>
public sealed class OddRegistryTests
{
    private const string Manifest = "application/vnd.oci.image.manifest.v1+json";
    private const string Index = "application/vnd.oci.image.index.v1+json";
    private const string Image = """{"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}""";
    private static readonly ImageRepository App = ImageRepository.Parse("registry.test/team/app");
    private static readonly RegistryCredential Old = RegistryCredential.OfPassword("me", "old-secret");
    private static readonly RegistryCredential Good = RegistryCredential.OfPassword("me", "good-secret");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(400)]
    [InlineData(404)]
    [InlineData(405)]
    [InlineData(501)]
    public async Task An_unsupported_HEAD_is_followed_by_a_GET(int status)
    {
        using var handler = new ScriptedRegistry(request =>
            request.Method == HttpMethod.Head ? Status((HttpStatusCode)status) : Json(Image, type: Manifest)
        );
        using var catalog = handler.Catalog();

        Assert.Equal(Sha(Image), (await catalog.For(App).FindTagAsync(App, "demo", Token))?.Digest);
        Assert.Equal(Sha(Image), (await catalog.For(App).FindTagAsync(App, "demo", Token))?.Digest);

        // HEAD is not tried again after it was unsupported.
        Assert.Equal(status is 405 or 501 ? 3 : 4, handler.Requests.Count);
    }

    [Fact]
    public async Task A_denied_HEAD_is_followed_by_a_GET_that_succeeds_or_reports_the_reason()
    {
        using var open = new ScriptedRegistry(request =>
            request.Method == HttpMethod.Head ? Status(HttpStatusCode.Forbidden) : Json(Image, type: Manifest)
        );
        using var closed = new ScriptedRegistry(request =>
            request.Method == HttpMethod.Head
                ? Status(HttpStatusCode.Forbidden)
                : Json("""{"errors":[{"code":"DENIED","message":"blocked by the scanner"}]}""", HttpStatusCode.Forbidden)
        );
        using var catalog = open.Catalog();
        using var refusing = closed.Catalog();

        Assert.Equal(Sha(Image), (await catalog.For(App).FindTagAsync(App, "demo", Token))?.Digest);
        var error = await Assert.ThrowsAsync<CvException>(() => refusing.For(App).FindTagAsync(App, "demo", Token));

        Assert.Equal("RegistryForbidden", error.ErrorId);
        Assert.Contains("blocked by the scanner", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("application/vnd.docker.distribution.manifest.v1+prettyjws", 200, "{}", "RegistryManifestOutdated")]
    [InlineData("application/vnd.docker.distribution.manifest.v1+json", 200, "{}", "RegistryManifestOutdated")]
    [InlineData("application/vnd.oci.artifact.manifest.v1+json", 200, "{}", "RegistryNotAnImage")]
    [InlineData("application/json", 200, """{"mediaType":"application/vnd.cncf.oras.artifact.manifest.v1+json"}""", "RegistryNotAnImage")]
    [InlineData(
        "application/json",
        400,
        """{"errors":[{"code":"MANIFEST_INVALID","message":"cannot be parsed"}]}""",
        "RegistryManifestUnreadable"
    )]
    [InlineData("text/plain", 400, "Client sent an HTTP request to an HTTPS server.", "RegistryResponseInvalid")]
    [InlineData("text/html", 200, "<html>", "RegistryResponseInvalid")]
    public async Task A_tag_that_points_at_an_artifact_is_reported_with_its_type(string type, int status, string body, string errorId)
    {
        using var handler = new ScriptedRegistry(_ => Json(body, (HttpStatusCode)status, type));
        using var catalog = handler.Catalog();

        var error = await Assert.ThrowsAsync<CvException>(() => catalog.For(App).FindTagAsync(App, "odd", Token));

        Assert.Equal((errorId, false), (error.ErrorId, error.IsTransient));
        // Only for a response that is not from a registry.
        Assert.Equal(errorId != "RegistryResponseInvalid", error.Target == $"{App}:odd");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("md5:d41d8cd98f00b204e9800998ecf8427e")]
    [InlineData("sha256:ABCDEF")]
    public async Task A_missing_digest_header_is_replaced_by_the_digest_of_the_body(string? header)
    {
        using var handler = new ScriptedRegistry(_ =>
        {
            var answer = Json(Image, type: Manifest);
            if (header is not null)
                answer.Headers.TryAddWithoutValidation("Docker-Content-Digest", header);
            return answer;
        });
        using var catalog = handler.Catalog();

        Assert.Equal(Sha(Image), (await catalog.For(App).FindTagAsync(App, "demo", Token))?.Digest);
    }

    [Theory]
    [InlineData("text/plain", true)]
    [InlineData("application/json", true)]
    [InlineData("application/octet-stream", true)]
    [InlineData("text/html", false)]
    public async Task A_generic_content_type_is_replaced_by_that_of_the_manifest(string type, bool read)
    {
        using var handler = new ScriptedRegistry(_ => Json(Image, type: type));
        using var catalog = handler.Catalog();

        Assert.Equal(
            read ? null : "RegistryResponseInvalid",
            await Thrown.ErrorIdAsync(() => catalog.For(App).FindTagAsync(App, "demo", Token))
        );
    }

    [Theory]
    [InlineData("""{"token":"T","expires_in":"300"}""")]
    [InlineData("""{"token":"T","expires_in":300.5}""")]
    [InlineData("""{"token":"T","expires_in":null}""")]
    [InlineData("""{"token":"T","expires_in":-1}""")]
    [InlineData("""{"token":"T","expires_in":{"a":[]}}""")]
    [InlineData("""{"token":"","access_token":"T"}""")]
    [InlineData("""{"Access_Token":"T"}""")]
    [InlineData("\ufeff{\"token\":\"T\"}")]
    public async Task Tokens_in_all_response_formats_are_read(string answer)
    {
        using var handler = new ScriptedRegistry(request =>
            request.RequestUri!.Host == "auth.test" ? Json(answer, HttpStatusCode.Created, "text/plain")
            : request.Headers.Authorization?.Parameter == "T" ? Head(Sha(Image))
            : Status(HttpStatusCode.Unauthorized, ("WWW-Authenticate", "Bearer realm=\"https://auth.test/token\""))
        );
        using var catalog = handler.Catalog();

        Assert.NotNull(await catalog.For(App).FindTagAsync(App, "demo", Token));
    }

    [Theory]
    [InlineData("https://auth.test/other?x=1", true, null)]
    [InlineData("https://elsewhere.test/token", false, null)]
    [InlineData("http://auth.test/token", false, "RegistryResponseInvalid")]
    [InlineData("https://127.0.0.1/token", false, "RegistryResponseInvalid")]
    public async Task A_redirect_of_the_token_server_does_not_forward_the_credential(string location, bool withLogin, string? error)
    {
        using var handler = new ScriptedRegistry(request =>
            request.RequestUri!.AbsoluteUri == location ? Json("""{"token":"T"}""")
            : request.RequestUri.Host == "auth.test" ? Status(HttpStatusCode.TemporaryRedirect, ("Location", location))
            : request.Headers.Authorization?.Parameter == "T" ? Head(Sha(Image))
            : Status(HttpStatusCode.Unauthorized, ("WWW-Authenticate", "Bearer realm=\"https://auth.test/token\""))
        );
        using var catalog = handler.Catalog(Good);

        Assert.Equal(error, await Thrown.ErrorIdAsync(() => catalog.For(App).FindTagAsync(App, "demo", Token)));
        if (error is null)
            Assert.Equal(withLogin, handler.Requests.First(r => r.Uri.AbsoluteUri == location).Authorization is not null);
        else
            Assert.DoesNotContain(handler.Requests, r => r.Uri.AbsoluteUri == location);
    }

    [Fact]
    public async Task A_registry_behind_a_redirect_gets_an_anonymous_token_and_no_credential()
    {
        using var handler = new ScriptedRegistry(request =>
            request.RequestUri! switch
            {
                { Host: "registry.test" } => Status(
                    HttpStatusCode.TemporaryRedirect,
                    ("Location", "https://back.test/v2/other/app/manifests/demo")
                ),
                { AbsolutePath: "/token" } => Json("""{"token":"B"}"""),
                _ when request.Headers.Authorization?.Parameter == "B" => Head(Sha(Image)),
                _ => Status(HttpStatusCode.Unauthorized, ("WWW-Authenticate", "Bearer realm=\"https://back.test/token\",service=\"back\"")),
            }
        );
        using var catalog = handler.Catalog(Good);

        Assert.NotNull(await catalog.For(App).FindTagAsync(App, "demo", Token));

        (var _, var uri, var authorization) = handler.Requests.Single(r => r.Uri.AbsolutePath == "/token");
        Assert.Null(authorization);
        Assert.Contains(Uri.EscapeDataString("repository:other/app:pull"), uri.Query, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Basic realm=\"x\"")]
    [InlineData("Bearer realm=\"https://registry.test/token\"")]
    [InlineData(null)]
    public async Task Each_credential_for_a_registry_is_tried_until_one_is_accepted(string? challenge)
    {
        using var handler = new ScriptedRegistry(request => Answer(request, challenge, Good));
        using var catalog = new RegistryCatalog(
            handler.Options,
            new CredentialChain(new FixedCredential(Old), new FixedCredential(Good)),
            handler
        );

        Assert.NotNull(await catalog.For(App).FindTagAsync(App, "demo", Token));
        var first = handler.Requests.Count;
        Assert.NotNull(await catalog.For(App).FindTagAsync(App, "demo", Token));
        // The accepted credential is sent.
        Assert.Equal(first + 1, handler.Requests.Count);
    }

    [Fact]
    public async Task A_credential_without_permission_is_followed_by_one_with_permission()
    {
        using var handler = new ScriptedRegistry(request =>
            request.Headers.Authorization?.Parameter == Basic(Good) ? Head(Sha(Image))
            : request.Headers.Authorization is null ? Status(HttpStatusCode.Unauthorized, ("WWW-Authenticate", "Basic realm=\"x\""))
            : Status(HttpStatusCode.Forbidden)
        );
        using var catalog = new RegistryCatalog(
            handler.Options,
            new CredentialChain(new FixedCredential(Old), new FixedCredential(Good)),
            handler
        );
        using var alone = handler.Catalog(Old);

        Assert.NotNull(await catalog.For(App).FindTagAsync(App, "demo", Token));
        Assert.Equal("RegistryForbidden", await Thrown.ErrorIdAsync(() => alone.For(App).FindTagAsync(App, "demo", Token)));
    }

    [Theory]
    [InlineData("pull,push", "'push'")]
    [InlineData("push,pull", "'push'")]
    [InlineData("metadata_write", "'metadata_write'")]
    public async Task The_action_that_the_request_requires_is_reported_in_whichever_order_a_scope_lists_its_actions(
        string actions,
        string reported
    )
    {
        using var handler = new ScriptedRegistry(request =>
            request.RequestUri!.AbsolutePath == "/token" ? Json("""{"token":"T"}""")
            : request.Headers.Authorization?.Parameter != "T"
                ? Status(HttpStatusCode.Unauthorized, ("WWW-Authenticate", "Bearer realm=\"https://registry.test/token\""))
            : request.Method == HttpMethod.Put
                ? Status(
                    HttpStatusCode.Unauthorized,
                    (
                        "WWW-Authenticate",
                        $"Bearer realm=\"https://registry.test/token\",scope=\"repository:team/app:{actions}\",error=\"insufficient_scope\""
                    )
                )
            : request.RequestUri.AbsolutePath.EndsWith("/v1", StringComparison.Ordinal) ? Json(Image, type: Manifest)
            : Status(HttpStatusCode.NotFound)
        );
        using var catalog = handler.Catalog(Good);

        var error = await Assert.ThrowsAsync<CvException>(() => catalog.For(App).AddTagAsync(App, "v1", "demo", Token));

        Assert.Equal(ErrorIds.RegistryForbidden, error.ErrorId);
        Assert.Contains(reported, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Public_repositories_are_readable_with_a_rejected_credential()
    {
        using var handler = new ScriptedRegistry(request =>
            request.RequestUri!.AbsolutePath == "/token"
                ? request.Headers.Authorization is null
                    ? Json("""{"token":"T"}""")
                    : Status(HttpStatusCode.Unauthorized)
                : request.Headers.Authorization?.Parameter == "T"
                && request.RequestUri.AbsolutePath.Contains("/team/", StringComparison.Ordinal)
                    ? Head(Sha(Image))
                    : Status(HttpStatusCode.Unauthorized, ("WWW-Authenticate", "Bearer realm=\"https://registry.test/token\""))
        );
        using var expired = handler.Catalog(Old);
        using var unreadable = new RegistryCatalog(handler.Options, new Unreadable(), handler);
        var secret = ImageRepository.Parse("registry.test/private/app");

        Assert.NotNull(await expired.For(App).FindTagAsync(App, "demo", Token));
        Assert.NotNull(await unreadable.For(App).FindTagAsync(App, "demo", Token));
        // A private repository is reported with the cause.
        Assert.Equal(
            ErrorIds.RegistryUnauthorized,
            (await Assert.ThrowsAsync<CvException>(() => expired.For(secret).FindTagAsync(secret, "demo", Token))).ErrorId
        );
        Assert.Equal(
            "RegistryCredentialInvalid",
            await Thrown.ErrorIdAsync(() => unreadable.For(secret).FindTagAsync(secret, "demo", Token))
        );
    }

    [Fact]
    public async Task A_list_that_was_truncated_without_a_link_is_continued()
    {
        string[] tags = [.. Enumerable.Range(0, 130).Select(i => $"t{i:000}")];
        using var handler = new ScriptedRegistry(request =>
        {
            var last = System.Web.HttpUtility.ParseQueryString(request.RequestUri!.Query)["last"];
            return Json(
                System.Text.Json.JsonSerializer.Serialize(new { tags = tags.Where(t => string.CompareOrdinal(t, last) > 0).Take(100) })
            );
        });
        using var deaf = new ScriptedRegistry(_ => Json(System.Text.Json.JsonSerializer.Serialize(new { tags = tags.Take(100) })));

        Assert.Equal(130, await CountAsync(handler));
        Assert.Equal(100, await CountAsync(deaf));
        Assert.Equal((2, 2), (handler.Requests.Count, deaf.Requests.Count));
    }

    [Fact]
    public async Task A_list_is_limited_in_time_and_bytes()
    {
        FakeTimeProvider time = new();
        var page = 0;
        using var slow = new ScriptedRegistry(_ =>
        {
            time.Advance(TimeSpan.FromSeconds(20));
            return Linked($$"""{"tags":["t{{page++}}"]}""", page);
        })
        {
            Options = new() { TimeProvider = time },
        };
        string rubbish = new('x', 7_000_000);
        using var fat = new ScriptedRegistry(_ => Linked($$"""{"tags":["t{{page++}}"],"x":"{{rubbish}}"}""", page));

        Assert.Equal("RegistryTimeout", await Thrown.ErrorIdAsync(() => CountAsync(slow)));
        Assert.Equal("RegistryResponseTooLarge", await Thrown.ErrorIdAsync(() => CountAsync(fat)));
        Assert.InRange(slow.Requests.Count, 2, 20);
        Assert.InRange(fat.Requests.Count, 2, 20);
    }

    [Theory]
    [InlineData("both", null)]
    [InlineData("sparse", null)]
    [InlineData("foreign first", null)]
    [InlineData("attestation gone", null)]
    [InlineData("artifact gone", null)]
    [InlineData("nested", null)]
    [InlineData("only s390x", null)]
    [InlineData("arm64 gone", "RegistryImageIncomplete")]
    [InlineData("nested gone", "RegistryImageIncomplete")]
    [InlineData("nothing there", "RegistryImageIncomplete")]
    [InlineData("empty", "RegistryNotAnImage")]
    [InlineData("null", "RegistryNotAnImage")]
    [InlineData("only attestation", "RegistryNotAnImage")]
    public async Task An_index_is_complete_if_it_has_the_images_for_the_platforms_of_the_nodes(string shape, string? error)
    {
        var there = Sha(Image);
        var gone = "sha256:" + new string('e', 64);
        var inner = IndexOf(Child(shape == "nested gone" ? gone : there, "linux", "amd64"));
        var index = shape switch
        {
            "both" => IndexOf(Child(there, "linux", "amd64"), Child(there, "linux", "arm64")),
            "sparse" => IndexOf(Child(there, "linux", "amd64"), Child(gone, "linux", "s390x")),
            "foreign first" => IndexOf(Child(gone, "windows", "amd64"), Child(there, "linux", "amd64")),
            "attestation gone" => IndexOf(Child(there, "linux", "amd64"), Child(gone, "unknown", "unknown")),
            "artifact gone" => IndexOf(
                Child(there, "linux", "amd64"),
                $$"""{"mediaType":"{{Manifest}}","digest":"{{gone}}","artifactType":"application/spdx+json"}"""
            ),
            "nested" or "nested gone" => IndexOf($$"""{"mediaType":"{{Index}}","digest":"{{Sha(inner)}}"}"""),
            "only s390x" => IndexOf(Child(gone, "linux", "ppc64le"), Child(there, "linux", "s390x")),
            "arm64 gone" => IndexOf(Child(there, "linux", "amd64"), Child(gone, "linux", "arm64")),
            "nothing there" => IndexOf(Child(gone, "linux", "s390x"), Child(gone, "windows", "amd64")),
            "only attestation" => IndexOf(Child(there, "unknown", "unknown")),
            "null" => """{"manifests":null}""",
            _ => IndexOf(),
        };
        using var handler = new ScriptedRegistry(request =>
        {
            var asked = request.RequestUri!.Segments[^1];
            return asked == Sha(index) ? Json(index, type: Index)
                : asked == Sha(inner) ? Json(inner, type: Index)
                : asked == there ? Json(Image, type: Manifest)
                : Status(HttpStatusCode.NotFound);
        });
        using var catalog = handler.Catalog();

        Assert.Equal(error, await Thrown.ErrorIdAsync(() => catalog.For(App).RequireCompleteAsync(App, Sha(index), Token)));
    }

    [Theory]
    [InlineData("demo", null)]
    [InlineData("demo", "[0-9.]+")]
    [InlineData("semver:>=1", null)]
    [InlineData("newest:*", null)]
    public async Task A_chart_that_has_the_version_tag_is_named_and_not_rolled_out(string tag, string? syntax)
    {
        const string Chart = """{"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"sha256:x"},"layers":[]}""";
        using var handler = new ScriptedRegistry(request =>
            request.RequestUri!.AbsolutePath.EndsWith("/tags/list", StringComparison.Ordinal)
                ? Json("""{"tags":["demo","1.2.3"]}""")
                : Json(Chart, type: Manifest)
        );
        using var catalog = handler.Catalog();
        CvManager.Versions.VersionResolver resolver = new(catalog, new CvManager.Versions.VersionTagCache(), TimeProvider.System);

        // The policy newest skips images without a build time; none remains.
        Assert.Equal(
            tag == "newest:*" ? "VersionNotFound" : "RegistryNotAnImage",
            await Thrown.ErrorIdAsync(() => resolver.ResolveAsync(App, FollowedText.Parse(tag), syntax, [], Token))
        );
    }

    [Fact]
    public async Task A_chart_is_not_an_image()
    {
        const string Chart = """{"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"sha256:x"},"layers":[]}""";
        using var handler = new ScriptedRegistry(_ => Json(Chart, type: Manifest));
        using var catalog = handler.Catalog();

        Assert.Equal("RegistryNotAnImage", await Thrown.ErrorIdAsync(() => catalog.For(App).ReadLabelsAsync(App, Sha(Chart), Token)));
    }

    [Theory]
    [InlineData("MANIFEST_BLOB_UNKNOWN", 400)]
    [InlineData("DENIED", 409)]
    public async Task The_remedy_depends_on_the_error_code(string code, int status)
    {
        using var handler = new ScriptedRegistry(request =>
            request.Method == HttpMethod.Put ? Json($$"""{"errors":[{"code":"{{code}}","message":"no"}]}""", (HttpStatusCode)status)
            : request.RequestUri!.AbsolutePath.EndsWith("/v1", StringComparison.Ordinal) ? Json(Image, type: Manifest)
            : Status(HttpStatusCode.NotFound)
        );
        using var catalog = handler.Catalog();

        var error = await Assert.ThrowsAsync<CvException>(() => catalog.For(App).AddTagAsync(App, "v1", "demo", Token));

        Assert.Equal(ErrorIds.RegistryRefused, error.ErrorId);
        Assert.NotEqual(RegistryErrors.Refused(App, "", 400, null, "OTHER").Remedy, error.Remedy);
    }

    [Fact]
    public async Task A_connect_timeout_is_retried_and_then_reported()
    {
        using var handler = new ScriptedRegistry(_ => throw new TaskCanceledException("connect", new TimeoutException()));
        using var catalog = handler.Catalog();

        var error = await Assert.ThrowsAsync<CvException>(() => catalog.For(App).FindTagAsync(App, "demo", Token));

        Assert.Equal(("RegistryTimeout", true, 4), (error.ErrorId, error.IsTransient, handler.Requests.Count));
    }

    [Fact]
    public async Task All_failures_of_a_registry_are_CvExceptions()
    {
        string[] bodies =
        [
            "",
            "null",
            "{}",
            "[]",
            "7",
            "\"x\"",
            Image,
            "{\"tags\":7}",
            "{\"tags\":[1,{}]}",
            "{\"manifests\":{}}",
            "{\"manifests\":[null,7]}",
            "{\"config\":[]}",
            "{\"errors\":[{\"code\":7,\"message\":{}}]}",
            "{\"errors\":{}}",
            new string('[', 1000),
            "{\"token\":7}",
            "{\"token\":\"a\\u0000b\"}",
            "<html>",
            "\u0000\u001b[31m",
        ];
        string[] types = [Manifest, Index, "application/json", "text/html", "garbage", "a/b; charset=none"];
        (string, string)[] headers =
        [
            ("Location", "http://[bad"),
            ("Location", "//"),
            ("Location", "https://127.0.0.1:99999/"),
            ("Location", "/v2/x"),
            ("Location", "file:///x"),
            ("Location", ""),
            ("Link", "</x"),
            ("Link", "<http://[bad>; rel=next"),
            ("Link", "<//>; rel=next"),
            ("WWW-Authenticate", "Bearer realm=\"http://[bad\""),
            ("WWW-Authenticate", "Bearer realm=\"https://registry.test/t\""),
            ("WWW-Authenticate", "Basic"),
            ("WWW-Authenticate", "=,\""),
            ("Retry-After", "-5"),
            ("Retry-After", "99999999999999"),
            ("Docker-Content-Digest", "sha256:x\u001b"),
            ("ratelimit-reset", "9223372036854775807"),
        ];
        int[] statuses = [200, 201, 204, 299, 301, 304, 307, 400, 401, 403, 404, 405, 416, 429, 500, 501, 503, 999];
        Gen<(int Status, int Body, int Type, int[] Headers)> answers = Gen.Select(
            Gen.Int[0, statuses.Length - 1],
            Gen.Int[0, bodies.Length - 1],
            Gen.Int[0, types.Length - 1],
            Gen.Int[0, headers.Length - 1].Array[0, 3]
        );

        await answers
            .Array[1, 4]
            .SampleAsync(
                async script =>
                {
                    var next = 0;
                    using var handler = new ScriptedRegistry(_ =>
                    {
                        (var status, var body, var type, var which) = script[next++ % script.Length];
                        HttpResponseMessage answer = new((HttpStatusCode)statuses[status])
                        {
                            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(bodies[body])),
                        };
                        answer.Content.Headers.TryAddWithoutValidation("Content-Type", types[type]);
                        foreach (var header in which)
                            answer.Headers.TryAddWithoutValidation(headers[header].Item1, headers[header].Item2);
                        return answer;
                    })
                    {
                        Options = new()
                        {
                            Retries = 0,
                            MaxRetryAfter = TimeSpan.Zero,
                            RequestsPerSecond = 1e6,
                        },
                    };
                    using var catalog = handler.Catalog(Good);
                    var registry = catalog.For(App);
                    foreach (
                        var ask in (Func<Task>[])
                            [
                                () => registry.FindTagAsync(App, "demo", Token),
                                () => CountAsync(registry),
                                () => registry.ReadLabelsAsync(App, Sha(Image), Token),
                                () => registry.RequireCompleteAsync(App, Sha(Image), Token),
                                () => registry.AddTagAsync(App, "v1", "demo", Token),
                                () => registry.RemoveTagAsync(App, "demo", false, Token),
                            ]
                    )
                    {
                        if (await Record.ExceptionAsync(ask) is not { } error)
                            continue;
                        Assert.IsType<CvException>(error);
                        Assert.DoesNotContain(error.Message, char.IsControl);
                    }
                },
                iter: 200
            );
    }

    private static HttpResponseMessage Answer(HttpRequestMessage request, string? challenge, RegistryCredential accepted)
    {
        var sent = request.Headers.Authorization?.Parameter;
        if (request.RequestUri!.AbsolutePath == "/token")
            return sent == Basic(accepted) ? Json("""{"token":"T"}""") : Status(HttpStatusCode.Unauthorized);
        var bearer = challenge?.StartsWith("Bearer", StringComparison.Ordinal) == true;
        return sent == (bearer ? "T" : Basic(accepted)) ? Head(Sha(Image))
            : challenge is null ? Status(HttpStatusCode.Unauthorized)
            : Status(HttpStatusCode.Unauthorized, ("WWW-Authenticate", challenge));
    }

    private static HttpResponseMessage Linked(string body, int page)
    {
        var answer = Json(body);
        answer.Headers.TryAddWithoutValidation("Link", $"</v2/team/app/tags/list?last={page}>; rel=\"next\"");
        return answer;
    }

    private static async Task<int> CountAsync(ScriptedRegistry handler)
    {
        using var catalog = handler.Catalog();
        return await CountAsync(catalog.For(App));
    }

    private static async Task<int> CountAsync(IRegistry registry)
    {
        var count = 0;
        await foreach (var _ in registry.ListTagsAsync(App, Token))
            count++;
        return count;
    }

    private static string IndexOf(params string[] children) =>
        $$"""{"mediaType":"{{Index}}","manifests":[{{string.Join(',', children)}}]}""";

    private static string Child(string digest, string os, string architecture) =>
        $$$"""{"mediaType":"{{{Manifest}}}","digest":"{{{digest}}}","platform":{"os":"{{{os}}}","architecture":"{{{architecture}}}"}}""";

    private static string Basic(RegistryCredential credential) =>
        Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credential.UserName}:{credential.Password}"));

    private static string Sha(string text) =>
        "sha256:" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private sealed class Unreadable : ICredentialSource
    {
        public ValueTask<RegistryCredential?> FindAsync(ImageRepository repository, CancellationToken cancellationToken) =>
            throw CredentialErrors.Invalid("docker-credential-x", "the program cannot be started");
    }
}
