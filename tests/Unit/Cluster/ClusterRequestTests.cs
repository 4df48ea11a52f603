using System.Text.Json.Nodes;
using CvManager.Cluster;
using Xunit;

namespace CvManager.Unit.Cluster;

/// <summary>What is asked of an API server: paths, queries, content types, pages, watches.</summary>
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
    public void A_path_names_what_it_is_for(string group, string version, string plural, string? space, string? name, string? subresource, string expected) =>
        Assert.Equal(expected, new ResourcePath(group, version, plural, space, name, subresource).ToString());

    [Theory]
    [InlineData(PatchKind.Json, "application/json-patch+json")]
    [InlineData(PatchKind.Merge, "application/merge-patch+json")]
    [InlineData(PatchKind.StrategicMerge, "application/strategic-merge-patch+json")]
    [InlineData(PatchKind.Apply, "application/apply-patch+yaml")]
    public async Task A_patch_says_how_it_is_read_and_who_wrote_it(PatchKind kind, string contentType)
    {
        using ScriptedServer server = ScriptedServer.Always(200, "{}");
        using ClusterConnection cluster = server.Connect();

        await cluster.PatchAsync(Deployments with { Name = "web" }, kind, new JsonObject { ["a"] = 1 }, Token);

        ScriptedRequest request = Assert.Single(server.Requests);
        Assert.Equal(("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web", "fieldManager=cvmanager"), (request.Method, request.Path, request.Query));
        Assert.Equal((contentType, """{"a":1}"""), (request.ContentType, request.Body));
    }

    [Fact]
    public async Task A_list_is_read_in_pages_with_its_selectors_on_each()
    {
        using ScriptedServer server = new(request => ScriptedServer.Answer(200, request.Query.Contains("continue=n%2", StringComparison.Ordinal)
            ? """{"metadata":{},"items":[{"n":3}]}"""
            : """{"metadata":{"continue":"n%2"},"items":[{"n":1},{"n":2}]}"""));
        using ClusterConnection cluster = server.Connect();

        IReadOnlyList<JsonObject> items = await cluster.ListAsync(Deployments, "cvapp,a!=b", "metadata.name=x", Token);

        Assert.Equal([1, 2, 3], items.Select(item => item["n"]!.GetValue<int>()));
        Assert.Equal(2, server.Requests.Count);
        Assert.All(server.Requests, request =>
            Assert.StartsWith("labelSelector=cvapp,a!=b&fieldSelector=metadata.name=x&limit=500", request.Query, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_list_whose_continuation_expired_is_read_again_whole()
    {
        int expired = 0;
        using ScriptedServer server = new(request =>
        {
            if (request.Query.Contains("continue", StringComparison.Ordinal) && expired++ == 0)
                return ScriptedServer.Answer(410, ScriptedServer.Status(410, "Expired", "The provided continue parameter is too old"));
            return ScriptedServer.Answer(200, request.Query.Contains("continue", StringComparison.Ordinal)
                ? """{"metadata":{},"items":[{"n":2}]}"""
                : """{"metadata":{"continue":"next"},"items":[{"n":1}]}""");
        });
        using ClusterConnection cluster = server.Connect();

        IReadOnlyList<JsonObject> items = await cluster.ListAsync(Deployments, null, null, Token);

        Assert.Equal([1, 2], items.Select(item => item["n"]!.GetValue<int>()));
        Assert.Equal(4, server.Requests.Count);
    }

    [Fact]
    public async Task A_list_that_expires_for_ever_is_an_error()
    {
        using ScriptedServer server = ScriptedServer.Always(410, ScriptedServer.Status(410, "Expired", "too old"));
        using ClusterConnection cluster = server.Connect();

        CvException error = await Assert.ThrowsAsync<CvException>(() => cluster.ListAsync(Deployments, null, null, Token));

        Assert.Equal("ResourceExpired", error.ErrorId);
        Assert.Equal(3, server.Requests.Count);
    }

    [Fact]
    public async Task Only_the_very_object_is_deleted_where_its_uid_is_given()
    {
        using ScriptedServer server = ScriptedServer.Always(200, "{}");
        using ClusterConnection cluster = server.Connect();

        await cluster.DeleteAsync(Deployments with { Name = "web" }, Token, "u-1", "Foreground");

        ScriptedRequest request = Assert.Single(server.Requests);
        JsonNode body = JsonNode.Parse(request.Body)!;
        Assert.Equal("DELETE", request.Method);
        Assert.Equal(("u-1", "Foreground"), (body["preconditions"]!["uid"]!.GetValue<string>(), body["propagationPolicy"]!.GetValue<string>()));
    }

    [Fact]
    public async Task A_watch_gives_each_line_and_ends_when_the_server_does()
    {
        using ScriptedServer server = ScriptedServer.Always(200, """
            {"type":"ADDED","object":{"n":1}}

            {"type":"BOOKMARK","object":{"n":2}}
            """);
        using ClusterConnection cluster = server.Connect();

        List<string> seen = [];
        await foreach ((string type, JsonObject item) in cluster.WatchAsync(Deployments, "cvapp", "42", 60, Token))
            seen.Add($"{type} {item["n"]}");

        Assert.Equal(["ADDED 1", "BOOKMARK 2"], seen);
        Assert.Equal("watch=1&allowWatchBookmarks=true&labelSelector=cvapp&resourceVersion=42&timeoutSeconds=60", Assert.Single(server.Requests).Query);
    }

    [Fact]
    public async Task A_watch_from_a_version_that_is_gone_is_the_same_error_before_and_within_it()
    {
        using ScriptedServer within = ScriptedServer.Always(200,
            $$"""{"type":"ERROR","object":{{ScriptedServer.Status(410, "Expired", "too old resource version")}}}""");
        using ScriptedServer before = ScriptedServer.Always(410, ScriptedServer.Status(410, "Gone", "too old resource version"));

        Assert.Equal("ResourceExpired", (await WatchAsync(within)).ErrorId);
        Assert.Equal("ResourceExpired", (await WatchAsync(before)).ErrorId);
    }

    [Fact]
    public async Task A_watch_that_the_server_never_ends_is_given_up()
    {
        using ScriptedServer server = new(_ => new HttpResponseMessage { Content = new StreamContent(new SilentStream()) });

        // The server's own limit of 30 s less than none: it is over at once.
        CvException error = await WatchAsync(server, -30);

        Assert.Equal(("ClusterTimeout", CvErrorKind.Timeout), (error.ErrorId, error.Kind));
    }

    private static async Task<CvException> WatchAsync(ScriptedServer server, int timeoutSeconds = 60)
    {
        using ClusterConnection cluster = server.Connect();
        return await Assert.ThrowsAsync<CvException>(async () =>
        {
            await foreach (var _ in cluster.WatchAsync(Deployments, null, "1", timeoutSeconds, Token))
                Assert.Fail("There is no change to give.");
        });
    }

    /// <summary>A half-open connection: nothing comes, and no end either.</summary>
    private sealed class SilentStream : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            return 0;
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
