using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Records;
using CvManager.Support;
using CvManager.Support.Cluster;
using CvManager.Support.Records;
using CvManager.Watching;
using CvManager.Web;
using CvManager.Workloads;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Web;

/// <summary>The REST API and its login, with an API server that knows three tokens.</summary>
public sealed class RestPagesTests : IDisposable
{
    private const string Administrator = "token-of.an_administrator";
    private const string ShopViewer = "token-of.a_viewer";
    private const string Stranger = "token-of.a_stranger";
    private const string Own = "token-of.the_controller";

    private const string Reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    private const string Secret = "the_other_namespace";

    private readonly FakeTimeProvider _time = new();
    private readonly EventLog _log = new();
    private readonly FakeApiServer _server;
    private readonly ClusterConnection _cluster;
    private readonly List<IDisposable> _owned = [];
    private PageDispatcher _pages = null!;
    private ClusterSnapshot? _snapshot;
    private Func<ApiRequest, HttpResponseMessage?> _fault = _ => null;

    public RestPagesTests()
    {
        _server = new FakeApiServer(request => _fault(request) ?? (request.Path == Reviews ? Review(request) : null));
        _cluster = _server.Connect(Own);
        _snapshot = new(
            [Resource("shop", "app", "r.example/app"), Resource("bank", "app", "r.example/app")],
            [Deployment("shop", "web", "2.0.0"), Deployment("bank", Secret, "1.0.0"), Deployment("other", "unmanaged", "1.0.0")]
        );
        Serve(isOpen: false);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private IEnumerable<ApiRequest> Asked => _server.Requests.Where(request => request.Path == Reviews);

    public void Dispose()
    {
        _cluster.Dispose();
        foreach (var one in _owned)
            one.Dispose();
        _server.Dispose();
    }

    [Fact]
    public async Task The_workloads_have_the_fields_of_the_original_program_in_its_order_and_then_those_of_the_cmdlet()
    {
        var response = await GetAsync("/v1/cv/workloads?namespace=shop", Administrator);

        Assert.Equal(200, response.StatusCode);
        Assert.Equal("application/json", response.ContentType);
        Assert.True(response.IsRevalidated);
        Assert.Equal(
            """
            [{"Namespace":"shop","Name":"web","Type":"Deployment","Container":"main","Version":"2.0.0","AvailablePods":2,"CV":"app","Tag":"demo",
            "Desired":3,"Image":"r.example/app:2.0.0","LatestVersion":"2.0.0","Progress":"2 of 3 updated replicas are available"}]
            """.ReplaceLineEndings(""),
            TextOf(response)
        );
    }

    [Theory]
    [InlineData("/v1/cv/workloads")]
    [InlineData("/v1/cv/workloads?format=json")]
    [InlineData("/v1/cv/workloads?format=xml")]
    [InlineData("/v1/cv/rollouts")]
    public async Task A_list_without_entries_is_an_empty_array(string path)
    {
        _snapshot = new([], []);

        var response = await GetAsync(path, Administrator);

        Assert.Equal((200, "application/json", "[]"), (response.StatusCode, response.ContentType, TextOf(response)));
    }

    [Fact]
    public async Task The_rollouts_have_the_properties_of_the_cmdlet()
    {
        var rows = JsonNode.Parse(TextOf(await GetAsync("/v1/cv/rollouts", ShopViewer)))!.AsArray();

        var row = Assert.Single(rows)!.AsObject();
        Assert.Equal(
            typeof(CvManager.PowerShell.CvRollout).GetProperties().Select(property => property.Name),
            row.Select(field => field.Key)
        );
        Assert.Equal("2026-01-01T12:00:00Z", row["Started"]!.GetValue<string>());
        Assert.Equal("web", row["Workload"]!.GetValue<string>());
        Assert.Equal("r.example/app:2.0.0", row["Image"]!.GetValue<string>());
        Assert.Equal(2, row["Available"]!.GetValue<int>());
        Assert.Null(row["Finished"]);
    }

    [Fact]
    public async Task The_history_is_the_text_of_the_original_program()
    {
        await WriteHistoryAsync("shop", "web");

        var response = await GetAsync("/v1/cv/workloads/web?namespace=shop", ShopViewer);

        Assert.Equal((200, "text/plain; charset=utf-8"), (response.StatusCode, response.ContentType));
        Assert.Equal("Update occurred at:2026-01-01T12:00:30Z:\nWorkload:web to version:2222222\n", TextOf(response));
    }

    [Fact]
    public async Task The_history_as_JSON_has_the_properties_of_the_cmdlet()
    {
        await WriteHistoryAsync("shop", "web");

        var rows = JsonNode.Parse(TextOf(await GetAsync("/v1/cv/workloads/web?namespace=shop&format=json", ShopViewer)))!.AsArray();

        var row = Assert.Single(rows)!.AsObject();
        Assert.Equal(
            typeof(CvManager.PowerShell.CvRolloutRecord)
                .GetProperties()
                .Select(property => property.Name)
                .Where(name => name != nameof(CvManager.PowerShell.CvRolloutRecord.ToRecord)),
            row.Select(field => field.Key)
        );
        Assert.Equal("2026-01-01T12:00:30Z", row["Finished"]!.GetValue<string>());
    }

    [Fact]
    public async Task The_history_of_the_namespace_default_is_the_default()
    {
        await WriteHistoryAsync("default", "web");

        Assert.Equal(200, (await GetAsync("/v1/cv/workloads/web", Administrator)).StatusCode);
    }

    [Fact]
    public async Task A_workload_without_a_history_has_an_empty_one_and_an_unknown_one_is_not_found()
    {
        var text = await GetAsync("/v1/cv/workloads/web?namespace=shop", Administrator);
        Assert.Equal((200, ""), (text.StatusCode, TextOf(text)));
        Assert.Equal("[]", TextOf(await GetAsync("/v1/cv/workloads/web?namespace=shop&format=json", Administrator)));
        Assert.Equal(404, (await GetAsync("/v1/cv/workloads/gone?namespace=shop", Administrator)).StatusCode);
        Assert.Equal(404, (await GetAsync("/v1/cv/workloads/web?namespace=gone", Administrator)).StatusCode);
    }

    [Fact]
    public async Task A_ConfigMap_that_is_no_history_is_not_shown()
    {
        _server.Put(
            "/api/v1/namespaces/shop/configmaps/passwords.history",
            JsonNode.Parse("""{"kind":"ConfigMap","metadata":{"name":"passwords.history"},"data":{"Info":"secret"}}""")!.AsObject()
        );

        Assert.Equal(404, (await GetAsync("/v1/cv/workloads/passwords?namespace=shop", Administrator)).StatusCode);
    }

    [Theory]
    [InlineData("/v1/cv/workloads/web?namespace=../../kube-system")]
    [InlineData("/v1/cv/workloads/web?namespace=..")]
    [InlineData("/v1/cv/workloads/WEB?namespace=shop")]
    [InlineData("/v1/cv/workloads/a%20b?namespace=shop")]
    [InlineData("/v1/cv/workloads/a?b?namespace=shop")]
    public async Task A_name_that_no_object_can_have_is_not_asked_for(string path)
    {
        Assert.Equal(404, (await GetAsync(path, Administrator)).StatusCode);
        Assert.DoesNotContain(_server.Requests, request => request.Path.Contains("/../", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_history_is_read_once_in_five_seconds_and_the_lists_cause_no_request_but_one_about_rights_in_a_minute()
    {
        await WriteHistoryAsync("shop", "web");
        _server.Requests.Clear();

        for (var i = 0; i < 10; i++)
        {
            await GetAsync("/v1/cv/workloads", Administrator);
            await GetAsync("/v1/cv/rollouts", Administrator);
            await GetAsync("/v1/cv/workloads/web?namespace=shop", Administrator);
        }

        Assert.Equal([Reviews, "/api/v1/namespaces/shop/configmaps/web.history"], _server.Requests.Select(request => request.Path));
        _time.Advance(TimeSpan.FromSeconds(61));
        await GetAsync("/v1/cv/workloads", Administrator);
        Assert.Equal(2, Asked.Count());
    }

    [Theory]
    [InlineData("/v1/cv/workloads")]
    [InlineData("/v1/cv/workloads?format=html")]
    [InlineData("/v1/cv/workloads?namespace=bank")]
    [InlineData("/v1/cv/workloads?namespace=bank&format=html")]
    [InlineData("/v1/cv/rollouts")]
    [InlineData("/v1/cv/rollouts?namespace=bank")]
    [InlineData("/v1/cv/workloads/the_other_namespace?namespace=bank")]
    [InlineData("/v1/cv/workloads/the-history?namespace=bank&format=json")]
    [InlineData("/v1/cv/workloads/the-history?namespace=bank&format=html")]
    [InlineData("/v1/cv/workloads/the-history?namespace=shop")]
    public async Task A_viewer_of_one_namespace_sees_nothing_of_another(string path)
    {
        await WriteHistoryAsync("bank", "the-history");
        _server.Requests.Clear();

        var text = TextOf(await GetAsync(path, ShopViewer));

        Assert.DoesNotContain(Secret, text, StringComparison.Ordinal);
        Assert.DoesNotContain("bank", text, StringComparison.Ordinal);
        Assert.DoesNotContain("2222222", text, StringComparison.Ordinal);
        Assert.DoesNotContain(_server.Requests, request => request.Path.Contains("/bank/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_viewer_of_one_namespace_sees_that_one()
    {
        var workloads = JsonNode.Parse(TextOf(await GetAsync("/v1/cv/workloads", ShopViewer)))!.AsArray();

        Assert.Equal("web", Assert.Single(workloads)!["Name"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_denied_namespace_and_one_that_does_not_exist_look_the_same()
    {
        foreach (var path in new[] { "/v1/cv/workloads?namespace=", "/v1/cv/rollouts?namespace=", "/v1/cv/workloads/app?namespace=" })
        {
            var existing = await GetAsync(path + "bank", ShopViewer);
            var unknown = await GetAsync(path + "gone", ShopViewer);

            Assert.Equal(403, existing.StatusCode);
            Assert.Equal((existing.StatusCode, TextOf(existing)), (unknown.StatusCode, TextOf(unknown)));
        }
    }

    [Fact]
    public async Task A_viewer_without_rights_gets_empty_lists() =>
        Assert.Equal("[]", TextOf(await GetAsync("/v1/cv/workloads", Stranger)));

    [Theory]
    [InlineData(null)]
    [InlineData("expired")]
    [InlineData("not a token\u00e9")]
    [InlineData("")]
    public async Task Without_a_valid_token_there_is_nothing_to_see(string? token)
    {
        foreach (var path in new[] { "/v1/cv/workloads", "/v1/cv/rollouts", "/v1/cv/workloads/web?namespace=shop" })
        {
            var response = await GetAsync(path, token);
            Assert.Equal((401, "Unauthorized"), (response.StatusCode, TextOf(response)));
            Assert.Contains(response.Headers, header => header is { Key: "WWW-Authenticate", Value: "Bearer" });
            response = await GetAsync($"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}format=html", token);
            Assert.Equal((303, "/login"), (response.StatusCode, response.Headers.Single(header => header.Key == "Location").Value));
        }
    }

    [Fact]
    public async Task The_controllers_own_login_is_never_sent_with_a_question_about_a_viewer()
    {
        await GetAsync("/v1/cv/workloads", ShopViewer);

        Assert.NotEmpty(Asked);
        Assert.All(Asked, request => Assert.Equal($"Bearer {ShopViewer}", request.Authorization));
    }

    [Fact]
    public async Task Guessed_tokens_cost_the_API_server_a_bounded_number_of_requests()
    {
        List<int> codes = [];
        for (var i = 0; i < 100; i++)
            codes.Add((await GetAsync("/v1/cv/workloads", $"guess-{i}")).StatusCode);
        Assert.Equal(ViewerRights.MaxNewTokens, Asked.Count());
        Assert.Equal([401, 429], codes.Distinct());

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(200, (await GetAsync("/v1/cv/workloads", Administrator)).StatusCode);
    }

    [Fact]
    public async Task A_namespace_as_long_as_the_request_is_neither_asked_for_nor_kept()
    {
        Assert.Equal(403, (await GetAsync($"/v1/cv/workloads?namespace={new string('a', 10_000)}", ShopViewer)).StatusCode);
        Assert.Single(Asked);
    }

    [Fact]
    public async Task A_viewer_of_some_of_very_many_namespaces_has_to_name_one()
    {
        _snapshot = new(
            [
                .. Enumerable
                    .Range(0, ViewerRights.MaxNamespaces + 1)
                    .Select(i => Resource(i == 0 ? "shop" : $"ns-{i}", "app", "r.example/app")),
            ],
            [Deployment("shop", "web", "2.0.0")]
        );

        var all = await GetAsync("/v1/cv/workloads", ShopViewer);
        Assert.Equal(403, all.StatusCode);
        Assert.DoesNotContain("ns-", TextOf(all), StringComparison.Ordinal);
        Assert.Equal(200, (await GetAsync("/v1/cv/workloads?namespace=shop", ShopViewer)).StatusCode);
        Assert.Equal(200, (await GetAsync("/v1/cv/workloads", Administrator)).StatusCode);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(429)]
    public async Task While_the_API_server_fails_nobody_new_sees_anything_and_the_text_says_nothing_about_it(int code)
    {
        await GetAsync("/v1/cv/workloads", Administrator);
        _fault = _ => FakeApiServer.Answer(code, FakeApiServer.Status(code, "InternalError", "etcd at 10.0.0.1 is down"));

        var response = await GetAsync("/v1/cv/workloads", ShopViewer);

        Assert.Equal(503, response.StatusCode);
        Assert.DoesNotContain("etcd", TextOf(response), StringComparison.Ordinal);
        Assert.Equal(200, (await GetAsync("/v1/cv/workloads", Administrator)).StatusCode);
        Assert.Equal(503, (await GetAsync("/v1/cv/workloads/web?namespace=shop", Administrator)).StatusCode);
    }

    [Fact]
    public async Task Before_the_initial_sync_there_is_no_list_that_could_be_taken_for_a_complete_one()
    {
        _snapshot = null;

        Assert.Equal(503, (await GetAsync("/v1/cv/workloads", Administrator)).StatusCode);
        Assert.Equal(401, (await GetAsync("/v1/cv/workloads", null)).StatusCode);
    }

    [Fact]
    public async Task With_anonymous_read_everyone_sees_everything_and_nothing_is_asked()
    {
        Serve(isOpen: true);

        Assert.Equal(2, JsonNode.Parse(TextOf(await GetAsync("/v1/cv/workloads", null)))!.AsArray().Count);
        Assert.Equal(200, (await GetAsync("/v1/cv/workloads/web?namespace=shop", "expired")).StatusCode);
        Assert.Equal(303, (await GetAsync("/login", null)).StatusCode);
        Assert.Empty(Asked);
    }

    [Fact]
    public async Task Text_of_the_cluster_is_shown_as_text()
    {
        _snapshot = new([Resource("shop", "app", "r.example/app")], [Deployment("shop", "web", "<script>alert(1)</script>\\u202e&")]);

        var response = await GetAsync("/v1/cv/workloads?format=html", Administrator);

        Assert.Equal("text/html; charset=utf-8", response.ContentType);
        Assert.DoesNotContain("<script", TextOf(response), StringComparison.Ordinal);
        Assert.DoesNotContain("\u202e", TextOf(response), StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;", TextOf(response), StringComparison.Ordinal);
        Assert.StartsWith("default-src 'none'; style-src 'sha256-", response.ContentSecurityPolicy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_style_of_a_page_is_the_one_that_its_policy_allows()
    {
        var response = await GetAsync("/login", null);

        var html = TextOf(response);
        var style = html[(html.IndexOf("<style>", StringComparison.Ordinal) + 7)..html.IndexOf("</style>", StringComparison.Ordinal)];
        var hash = Convert.ToBase64String(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(style)));
        Assert.Contains($"style-src 'sha256-{hash}'", response.ContentSecurityPolicy, StringComparison.Ordinal);
        Assert.DoesNotContain(" style=", html, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "cvmanager-token=token-of.a_viewer; Path=/; HttpOnly; SameSite=Strict")]
    [InlineData("https", "cvmanager-token=token-of.a_viewer; Path=/; HttpOnly; SameSite=Strict; Secure")]
    public async Task A_login_keeps_the_token_in_a_cookie_that_scripts_and_other_sites_cannot_use(string scheme, string cookie)
    {
        var response = await PostAsync("/login", $"token=+{ShopViewer}%0A", ("X-Forwarded-Proto", scheme));

        Assert.Equal(303, response.StatusCode);
        Assert.Equal(cookie, response.Headers.Single(header => header.Key == "Set-Cookie").Value);
        var page = await RespondAsync("GET", "/v1/cv/workloads", "", ("Cookie", $"a=b; {ViewerRights.CookieName}={ShopViewer}"));
        Assert.Equal("shop", JsonNode.Parse(TextOf(page))![0]!["Namespace"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_logout_removes_the_cookie() =>
        Assert.Equal(
            "cvmanager-token=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0",
            (await PostAsync("/logout", "")).Headers.Single(header => header.Key == "Set-Cookie").Value
        );

    [Theory]
    [InlineData("token=expired", 401)]
    [InlineData("token=", 401)]
    [InlineData("", 401)]
    [InlineData("token=a%3B%20Domain%3Dexample.com", 401)]
    [InlineData("token=a%0d%0aX:%20y", 401)]
    public async Task A_login_without_a_valid_token_sets_no_cookie(string body, int status)
    {
        var response = await PostAsync("/login", body);

        Assert.Equal(status, response.StatusCode);
        Assert.Empty(response.Headers);
    }

    [Fact]
    public async Task A_login_with_a_token_that_no_cookie_can_hold_is_refused()
    {
        var response = await PostAsync("/login", "token=" + new string('a', LoginPages.MaxToken + 1));

        Assert.Equal(400, response.StatusCode);
        Assert.Empty(Asked);
    }

    [Theory]
    [InlineData("/login")]
    [InlineData("/logout")]
    public async Task A_login_or_logout_that_another_site_sends_is_refused(string path) =>
        Assert.Equal(403, (await PostAsync(path, $"token={ShopViewer}", ("Sec-Fetch-Site", "cross-site"))).StatusCode);

    [Fact]
    public async Task Tokens_are_neither_logged_nor_shown()
    {
        _fault = request => request.Path == Reviews ? FakeApiServer.Answer(500, request.Authorization!) : null;
        var texts = new List<string>
        {
            TextOf(await GetAsync("/v1/cv/workloads", ShopViewer)),
            TextOf(await PostAsync("/login", $"token={ShopViewer}")),
        };

        Assert.All(texts, text => Assert.DoesNotContain(ShopViewer, text, StringComparison.Ordinal));
        Assert.DoesNotContain(_log.Events, one => $"{one}".Contains(ShopViewer, StringComparison.Ordinal));
    }

    private void Serve(bool isOpen)
    {
        EngineEnvironment environment = new(_time, _log);
        RestPages pages = new(() => _snapshot, _cluster, new ViewerRights(isOpen ? null : _cluster, _time), environment);
        _pages = new PageDispatcher(pages.Routes, isLoopback: false, _log);
        _owned.AddRange([_pages, pages]);
    }

    private Task<PageResponse> GetAsync(string target, string? token) =>
        token is null ? RespondAsync("GET", target, "") : RespondAsync("GET", target, "", ("Authorization", $"Bearer {token}"));

    private Task<PageResponse> PostAsync(string target, string body, params (string Name, string Value)[] headers) =>
        RespondAsync("POST", target, body, headers);

    private async Task<PageResponse> RespondAsync(string method, string target, string body, params (string Name, string Value)[] headers)
    {
        var parts = target.Split('?', 2);
        PageRequest request = new(
            method,
            parts[0],
            parts.Length > 1 ? parts[1] : "",
            headers.Where(header => header.Value.Length > 0).ToDictionary(header => header.Name, header => header.Value)
        )
        {
            Body = Encoding.UTF8.GetBytes(body),
        };
        return await _pages.RespondAsync(request, Token);
    }

    private Task WriteHistoryAsync(string ns, string workload) =>
        new RolloutHistory(_cluster, new(TimeProvider.System, _log)).AppendAsync(ns, new(), [RecordSamples.Record(name: workload)], Token);

    private static string TextOf(PageResponse response) => Encoding.UTF8.GetString(response.Body.Span);

    private static HttpResponseMessage Review(ApiRequest request)
    {
        var ns = JsonNode.Parse(request.Body)!["spec"]!["resourceAttributes"]!["namespace"]!.GetValue<string>();
        bool? allowed = request.Authorization switch
        {
            $"Bearer {Administrator}" or $"Bearer {Own}" => true,
            $"Bearer {ShopViewer}" => ns == "shop",
            $"Bearer {Stranger}" => false,
            _ => null,
        };
        return allowed is { } known
            ? FakeApiServer.Answer(201, $$"""{"kind":"SelfSubjectAccessReview","status":{"allowed":{{(known ? "true" : "false")}} } }""")
            : FakeApiServer.Answer((int)HttpStatusCode.Unauthorized, FakeApiServer.Status(401, "Unauthorized", "Unauthorized"));
    }

    private static CvManager.Resources.ContainerVersion Resource(string ns, string name, string repository) =>
        ContainerVersionStore.Read(
            JsonNode
                .Parse(
                    $$$"""
                    {"apiVersion":"custom.k8s.io/v1","kind":"ContainerVersion","metadata":{"name":"{{{name}}}","namespace":"{{{ns}}}","uid":"u-{{{ns}}}","resourceVersion":"1","generation":1},
                     "spec":{"imageRepo":"{{{repository}}}","tag":"demo","selector":{"cvapp":"app"},"container":{"name":"main"}},
                     "status":{"latest":{"tag":"demo","version":"2.0.0","digest":"sha256:{{{new string(
                        'a',
                        64
                    )}}}","seenAt":"2026-01-01T12:00:00Z"},
                      "rollout":{"id":"1","version":"2.0.0","digest":"sha256:{{{new string(
                        'a',
                        64
                    )}}}","phase":"Progressing","startedAt":"2026-01-01T12:00:00Z",
                       "workloads":[{"kind":"Deployment","name":"{{{(
                        ns == "shop" ? "web" : Secret
                    )}}}","phase":"Progressing","fromImage":"{{{repository}}}:1.0.0","toImage":"{{{repository}}}:2.0.0"}]} } }
                    """
                )!
                .AsObject()
        );

    private static Workload Deployment(string ns, string name, string version) =>
        WorkloadKind
            .All.Single(kind => kind.Name == "Deployment")
            .Read(
                JsonNode
                    .Parse(
                        $$$"""
                        {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"{{{name}}}","namespace":"{{{ns}}}","uid":"u2","resourceVersion":"1","generation":1,"labels":{"cvapp":"app"} },
                         "spec":{"replicas":3,"selector":{"matchLabels":{"app":"app"}},"template":{"metadata":{"labels":{"app":"app"}},"spec":{"containers":[{"name":"main","image":"r.example/app:{{{version}}}"}]} } },
                         "status":{"observedGeneration":1,"replicas":3,"updatedReplicas":3,"readyReplicas":2,"availableReplicas":2} }
                        """
                    )!
                    .AsObject(),
                "v1"
            );
}
