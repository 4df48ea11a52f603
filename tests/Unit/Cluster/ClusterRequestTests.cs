using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Support.Cluster;
using CvManager.Support.Network;
using Xunit;

namespace CvManager.Unit.Cluster;

/// <summary>Requests to an API server: paths, queries, content types, pages, watches.</summary>
public sealed class ClusterRequestTests
{
    private static readonly ResourcePath Deployments = new("apps", "v1", "deployments", "shop");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("", "v1", "pods", null, null, null, "api/v1/pods")]
    [InlineData("", "v1", "namespaces", null, "shop", null, "api/v1/namespaces/shop")]
    [InlineData("apps", "v1", "deployments", "shop", "web", null, "apis/apps/v1/namespaces/shop/deployments/web")]
    [InlineData("apps", "v1", "deployments", "shop", "web", "status", "apis/apps/v1/namespaces/shop/deployments/web/status")]
    [InlineData("apps", "v1", "deployments", "a/b", "../c", null, "apis/apps/v1/namespaces/a%2Fb/deployments/..%2Fc")]
    public void A_path_has_a_title(
        string group,
        string version,
        string plural,
        string? ns,
        string? name,
        string? subresource,
        string expected
    ) => Assert.Equal(expected, new ResourcePath(group, version, plural, ns, name, subresource).ToString());

    [Theory]
    [InlineData(PatchKind.Json, "application/json-patch+json")]
    [InlineData(PatchKind.Merge, "application/merge-patch+json")]
    [InlineData(PatchKind.StrategicMerge, "application/strategic-merge-patch+json")]
    [InlineData(PatchKind.Apply, "application/apply-patch+yaml")]
    public async Task A_patch_has_its_content_type_and_field_manager(PatchKind kind, string contentType)
    {
        using var server = FakeApiServer.Always(200, "{}");
        using var cluster = server.Connect();

        await cluster.PatchAsync(Deployments with { Name = "web" }, kind, new JsonObject { ["a"] = 1 }, Token);

        var request = Assert.Single(server.Requests);
        Assert.Equal(
            ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web", "fieldManager=cvmanager"),
            (request.Method, request.Path, request.Query)
        );
        Assert.Equal((contentType, """{"a":1}"""), (request.ContentType, request.Body));
    }

    [Theory]
    [InlineData(200, null)]
    [InlineData(404, null)]
    [InlineData(403, ErrorIds.ClusterRefused)]
    public async Task An_object_that_does_not_exist_is_null(int code, string? errorId)
    {
        using var server = FakeApiServer.Always(code, code == 200 ? "{}" : FakeApiServer.Status(code, "Other", "no"));
        using var cluster = server.Connect();

        var error = await Record.ExceptionAsync(async () =>
            Assert.Equal(code == 200, await cluster.FindAsync(Deployments with { Name = "web" }, Token) is not null)
        );

        Assert.Equal(errorId, (error as CvException)?.ErrorId);
    }

    [Fact]
    public async Task A_list_is_read_in_pages_with_its_selectors_on_each()
    {
        using FakeApiServer server = new(request =>
            FakeApiServer.Answer(
                200,
                request.Query.Contains("continue=n%2", StringComparison.Ordinal)
                    ? """{"metadata":{},"items":[{"n":3}]}"""
                    : """{"metadata":{"continue":"n%2"},"items":[{"n":1},{"n":2}]}"""
            )
        );
        using var cluster = server.Connect();

        var items = await cluster.ListAsync(Deployments, "cvapp,a!=b", "metadata.name=x", Token);

        Assert.Equal([1, 2, 3], items.Select(item => item["n"]!.GetValue<int>()));
        Assert.Equal(2, server.Requests.Count);
        Assert.All(
            server.Requests,
            request =>
                Assert.StartsWith(
                    "labelSelector=cvapp,a!=b&fieldSelector=metadata.name=x&limit=100",
                    request.Query,
                    StringComparison.Ordinal
                )
        );
    }

    [Fact]
    public async Task A_list_whose_continue_token_expired_is_read_again_completely()
    {
        var expired = 0;
        using FakeApiServer server = new(request =>
        {
            if (request.Query.Contains("continue", StringComparison.Ordinal) && expired++ == 0)
                return FakeApiServer.Answer(410, FakeApiServer.Status(410, "Expired", "The provided continue parameter is too old"));
            return FakeApiServer.Answer(
                200,
                request.Query.Contains("continue", StringComparison.Ordinal)
                    ? """{"metadata":{},"items":[{"n":2}]}"""
                    : """{"metadata":{"continue":"next"},"items":[{"n":1}]}"""
            );
        });
        using var cluster = server.Connect();

        var items = await cluster.ListAsync(Deployments, null, null, Token);

        Assert.Equal([1, 2], items.Select(item => item["n"]!.GetValue<int>()));
        Assert.Equal(4, server.Requests.Count);
    }

    [Fact]
    public async Task A_list_that_keeps_expiring_is_an_error()
    {
        using var server = FakeApiServer.Always(410, FakeApiServer.Status(410, "Expired", "too old"));
        using var cluster = server.Connect();

        var error = await Assert.ThrowsAsync<CvException>(() => cluster.ListAsync(Deployments, null, null, Token));

        Assert.Equal("ResourceExpired", error.ErrorId);
        Assert.Equal(3, server.Requests.Count);
    }

    [Fact]
    public async Task An_object_is_deleted_only_with_the_specified_uid()
    {
        using var server = FakeApiServer.Always(200, "{}");
        using var cluster = server.Connect();

        await cluster.DeleteAsync(Deployments with { Name = "web" }, Token, "u-1", "Foreground");

        var request = Assert.Single(server.Requests);
        var body = JsonNode.Parse(request.Body)!;
        Assert.Equal("DELETE", request.Method);
        Assert.Equal(
            ("u-1", "Foreground"),
            (body["preconditions"]!["uid"]!.GetValue<string>(), body["propagationPolicy"]!.GetValue<string>())
        );
    }

    [Fact]
    public async Task A_watch_returns_each_event_and_ends_when_the_server_ends_it()
    {
        using var server = FakeApiServer.Always(
            200,
            """
            {"type":"ADDED","object":{"n":1}}

            {"type":"BOOKMARK","object":{"n":2}}
            """
        );
        using var cluster = server.Connect();

        List<string> seen = [];
        await foreach ((var type, var item) in cluster.WatchAsync(Deployments, "cvapp", "42", 60, Token))
            seen.Add($"{type} {item["n"]}");

        Assert.Equal(["ADDED 1", "BOOKMARK 2"], seen);
        Assert.Equal(
            "watch=1&allowWatchBookmarks=true&labelSelector=cvapp&resourceVersion=42&timeoutSeconds=60",
            Assert.Single(server.Requests).Query
        );
    }

    [Fact]
    public async Task An_expired_resource_version_is_the_same_error_before_and_within_a_watch()
    {
        using var within = FakeApiServer.Always(
            200,
            $$"""{"type":"ERROR","object":{{FakeApiServer.Status(410, "Expired", "too old resource version")}}}"""
        );
        using var before = FakeApiServer.Always(410, FakeApiServer.Status(410, "Gone", "too old resource version"));

        Assert.Equal("ResourceExpired", (await WatchAsync(within)).ErrorId);
        Assert.Equal("ResourceExpired", (await WatchAsync(before)).ErrorId);
    }

    [Fact]
    public async Task A_watch_that_the_server_never_ends_times_out()
    {
        using FakeApiServer server = new(_ => new HttpResponseMessage { Content = new StreamContent(new SilentStream()) });

        // With the 30 s of grace, the timeout has already elapsed.
        var error = await WatchAsync(server, -30);

        Assert.Equal(("ClusterTimeout", CvErrorKind.Timeout), (error.ErrorId, error.Kind));
    }

    [Fact]
    public async Task An_unreadable_object_does_not_prevent_others_of_a_list_from_being_read()
    {
        using var server = FakeApiServer.Always(
            200,
            """
            {"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a"},"n":1},{"metadata":{"name":"b","namespace":"shop"},"n":"x"},null,"text",
             {"metadata":5},{"metadata":{"name":"c","name":"d"}},{"metadata":{"name":"e"},"n":99999999999},{"metadata":{"name":"f"},"n":2}]}
            """
        );
        using var cluster = server.Connect();

        var list = await cluster.ListAsync(Deployments, null, null, item => ObjectShape.Validate(item)["n"]!.GetValue<int>(), Token);

        Assert.Equal([1, 2], list.Items);
        Assert.Equal("7", list.ResourceVersion);
        Assert.Equal(
            ["shop/b", "(without a name)", "(without a name)", "(without a name)", "(without a name)", "e"],
            list.Unreadable.Select(bad => bad.Name)
        );
        Assert.All(list.Unreadable, bad => Assert.Equal("ObjectUnreadable", bad.Why.ErrorId));
        Assert.Throws<CvException>(list.ThrowIfUnreadable);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"error":"log in"}""")]
    [InlineData("""{"metadata":{"resourceVersion":"1"}}""")]
    [InlineData("""{"metadata":{"resourceVersion":"1"},"items":{}}""")]
    [InlineData("""{"metadata":{"resourceVersion":1},"items":[]}""")]
    [InlineData("""{"metadata":{"continue":[]},"items":[]}""")]
    [InlineData("""{"metadata":"x","items":[]}""")]
    [InlineData("""{"metadata":{"a":1,"a":2},"items":[]}""")]
    [InlineData("""{"metadata":{"continue":"always the same"},"items":[]}""")]
    public async Task A_response_without_items_is_not_an_empty_list(string body)
    {
        using var server = FakeApiServer.Always(200, body);
        using var cluster = server.Connect();

        var error = await Assert.ThrowsAsync<CvException>(() => cluster.ListAsync(Deployments, null, null, Token));

        Assert.Equal(("ClusterResponseInvalid", true), (error.ErrorId, error.IsTransient));
    }

    [Fact]
    public async Task A_null_list_is_empty()
    {
        using var server = FakeApiServer.Always(200, """{"kind":"DeploymentList","metadata":{"resourceVersion":"5"},"items":null}""");
        using var cluster = server.Connect();

        Assert.Empty(await cluster.ListAsync(Deployments, null, null, Token));
    }

    [Theory]
    [InlineData("""{"metadata":"x"}""")]
    [InlineData("""{"a":{"b":1,"b":2}}""")]
    public async Task A_malformed_object_fails_only_with_a_CvException(string body)
    {
        using var server = FakeApiServer.Always(200, body);
        using var cluster = server.Connect();

        Assert.Equal(
            "ClusterResponseInvalid",
            (await Assert.ThrowsAsync<CvException>(() => cluster.GetAsync(Deployments with { Name = "web" }, Token))).ErrorId
        );
    }

    [Theory]
    [InlineData("""{"type":5,"object":{}}""", "ClusterResponseInvalid")]
    [InlineData("""{"object":{}}""", "ClusterResponseInvalid")]
    [InlineData("""["ADDED"]""", "ClusterResponseInvalid")]
    [InlineData("""{"type":"ADDED","object":{"kind":""", "ClusterResponseInvalid")]
    [InlineData("""{"type":"ADDED","type":"ADDED","object":{}}""", "ClusterResponseInvalid")]
    [InlineData("not json", "ClusterResponseInvalid")]
    [InlineData("""{"type":"ERROR"}""", "ClusterFailed")]
    [InlineData("""{"type":"ERROR","object":"x"}""", "ClusterFailed")]
    [InlineData("""{"type":"ERROR","object":{"code":"410"}}""", "ClusterFailed")]
    [InlineData("""{"type":"ERROR","object":{"code":1.5,"code":3}}""", "ClusterFailed")]
    public async Task A_line_that_is_not_an_event_ends_the_watch_with_an_error(string line, string errorId) =>
        Assert.Equal(errorId, (await WatchAsync(FakeApiServer.Always(200, line + "\n"))).ErrorId);

    [Fact]
    public async Task An_unreadable_object_does_not_end_a_watch()
    {
        using var server = FakeApiServer.Always(
            200,
            """
            {"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"1"},"n":1}}
            {"type":"ADDED","object":{"metadata":"x"}}
            {"type":"ADDED","object":null}
            {"type":"MODIFIED","object":{"metadata":{"name":"b","resourceVersion":12},"n":"y"}}
            {"type":"MODIFIED","object":{"metadata":{"name":"b","resourceVersion":"3"},"n":"y"}}
            {"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"4"}}}
            """
        );
        using var cluster = server.Connect();

        List<WatchChange<int>> changes = [];
        await foreach (
            var change in cluster.WatchAsync(Deployments, null, "0", 60, item => ObjectShape.Validate(item)["n"]!.GetValue<int>(), Token)
        )
            changes.Add(change);

        Assert.Equal(["1", null, null, null, "3", "4"], changes.Select(change => change.ResourceVersion));
        Assert.Equal([null, "(without a name)", "(without a name)", "b", "b", null], changes.Select(change => change.Unreadable?.Name));
    }

    [Fact]
    public async Task An_endless_watch_event_is_an_error_at_its_limit()
    {
        using EndlessStream endless = new(long.MaxValue);
        using FakeApiServer server = new(_ => new HttpResponseMessage { Content = new StreamContent(endless) });

        var error = await WatchAsync(server);

        Assert.Equal("ClusterResponseTooLarge", error.ErrorId);
        Assert.InRange(endless.BytesRead, 8 * 1024 * 1024, 17 * 1024 * 1024);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(100_000)]
    public async Task Lines_are_complete_however_their_bytes_arrive(int chunk)
    {
        string[] lines = ["", "a", new('b', 40_000), "c\u00e9", new('d', 16 * 1024), ""];
        var bytes = System.Text.Encoding.UTF8.GetBytes(string.Join("\r\n", lines) + "\nlast");
        using LineReader reader = new(new ChunkedStream(bytes, chunk), 50_000);

        List<string> read = [];
        while (await reader.ReadAsync(Token) is { } line)
            read.Add(System.Text.Encoding.UTF8.GetString(line.Span));

        Assert.Equal([.. lines, "last"], read);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(403)]
    public async Task An_error_response_with_a_truncated_body_is_classified_by_its_status(int code)
    {
        HttpResponseMessage Answer(ApiRequest _) =>
            new((System.Net.HttpStatusCode)code) { Content = new StreamContent(new EndlessStream(100)) };
        using FakeApiServer get = new(Answer);
        using var cluster = get.Connect();

        var error = await Assert.ThrowsAsync<CvException>(() => cluster.GetAsync(Deployments, Token));

        Assert.Equal((code == 403 ? "ClusterResponseInvalid" : "ClusterFailed", true), (error.ErrorId, error.IsTransient));
        Assert.Equal(error.ErrorId, (await WatchAsync(new FakeApiServer(Answer))).ErrorId);
    }

    [Fact]
    public async Task An_error_response_is_truncated_at_its_limit()
    {
        using EndlessStream endless = new(long.MaxValue);
        using FakeApiServer server = new(_ => new HttpResponseMessage(System.Net.HttpStatusCode.InternalServerError)
        {
            Content = new StreamContent(endless),
        });
        using var cluster = server.Connect();

        Assert.Equal("ClusterFailed", (await Assert.ThrowsAsync<CvException>(() => cluster.GetAsync(Deployments, Token))).ErrorId);
        Assert.InRange(endless.BytesRead, 1, 256 * 1024);
    }

    public static TheoryData<Exception, string> Failures =>
        new()
        {
            { new IOException("reset"), "ClusterUnreachable" },
            { new HttpRequestException("refused"), "ClusterUnreachable" },
            { new UriFormatException("Invalid URI"), "ClusterUnreachable" },
            { new InvalidOperationException("an odd header"), "ClusterUnreachable" },
            { new NotSupportedException("an odd proxy"), "ClusterUnreachable" },
            { new System.Net.Sockets.SocketException(104), "ClusterUnreachable" },
            { new CertificateRejectedException("bad certificate"), "ClusterCertificateInvalid" },
            { new System.Security.Authentication.AuthenticationException("a corrupted frame"), "ClusterTlsFailed" },
            { new TaskCanceledException("connect", new TimeoutException()), "ClusterTimeout" },
        };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task All_failures_of_the_network_are_transient_errors(Exception failure, string errorId)
    {
        using FakeApiServer server = new(_ => throw failure);
        using var cluster = server.Connect();

        var error = await Assert.ThrowsAsync<CvException>(() => cluster.GetAsync(Deployments, Token));

        Assert.Equal((errorId, true), (error.ErrorId, error.IsTransient));
        Assert.Equal(errorId, (await WatchAsync(new FakeApiServer(_ => throw failure))).ErrorId);
    }

    [Fact]
    public async Task A_stalled_response_times_out()
    {
        Microsoft.Extensions.Time.Testing.FakeTimeProvider time = new();
        using FakeApiServer server = new(_ => new HttpResponseMessage { Content = new StreamContent(new SilentStream()) });
        using var cluster = ClusterConnection.FromHandler(server, new Uri("https://api.test"), null, time: time);

        var pending = cluster.GetAsync(Deployments, Token);
        time.Advance(TimeSpan.FromSeconds(31));

        Assert.Equal("ClusterTimeout", (await Assert.ThrowsAsync<CvException>(() => pending)).ErrorId);
    }

    private static async Task<CvException> WatchAsync(FakeApiServer server, int timeoutSeconds = 60)
    {
        using var cluster = server.Connect();
        return await Assert.ThrowsAsync<CvException>(async () =>
        {
            await foreach (var _ in cluster.WatchAsync(Deployments, null, "1", timeoutSeconds, Token))
                Assert.Fail("Unexpected event.");
        });
    }

    /// <summary>Bytes in chunks of a fixed size.</summary>
    private sealed class ChunkedStream(byte[] bytes, int chunk) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, chunk)], cancellationToken);
    }

    /// <summary>A line without an end; at the given length, the connection fails.</summary>
    private sealed class EndlessStream(long length) : ReadOnlyStream
    {
        public long BytesRead { get; private set; }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (BytesRead >= length)
                throw new IOException("The response ended prematurely.");
            var count = (int)Math.Min(buffer.Length, length - BytesRead);
            buffer.Span[..count].Fill((byte)' ');
            BytesRead += count;
            return ValueTask.FromResult(count);
        }
    }

    /// <summary>A half-open connection: no data and no end of the stream.</summary>
    private sealed class SilentStream : ReadOnlyStream
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            return 0;
        }
    }

    [Theory]
    [InlineData("""{"type":"BOOKMARK","object":null}""")]
    [InlineData("""{"type":"BOOKMARK","object":[]}""")]
    [InlineData("""{"type":"ADDED","object":{"metadata":{"uid":"a","uid":"b"}}}""")]
    [InlineData("""{"type":"ADDED","object":{"metadata":null,"metadata":null}}""")]
    public async Task An_unreadable_watch_event_is_an_error_with_an_id(string line)
    {
        using var server = FakeApiServer.Always(200, line + "\n");
        using var cluster = server.Connect();

        var error = await Assert.ThrowsAsync<CvException>(async () =>
        {
            await foreach (
                var _ in cluster.WatchAsync(new ResourcePath("", "v1", "pods", "a"), null, "1", 5, TestContext.Current.CancellationToken)
            )
                Assert.Fail("The line was accepted.");
        });

        Assert.Contains(error.ErrorId, (string[])["ObjectUnreadable", "ClusterResponseInvalid"]);
    }
}
