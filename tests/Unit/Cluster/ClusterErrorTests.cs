using System.Security.Authentication;
using CvManager.Cluster;
using Xunit;

namespace CvManager.Unit.Cluster;

/// <summary>Failures of an API server, as people read them. The bodies are those that Kubernetes 1.20 answers with.</summary>
public sealed class ClusterErrorTests
{
    private static readonly ResourcePath Deployment = new("apps", "v1", "deployments", "shop", "web");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(400, "BadRequest", "ResourceInvalid", CvErrorKind.Invalid)]
    [InlineData(401, "Unauthorized", "ClusterUnauthorized", CvErrorKind.Unauthenticated)]
    [InlineData(403, "Forbidden", "ClusterForbidden", CvErrorKind.Forbidden)]
    [InlineData(404, "NotFound", "ResourceNotFound", CvErrorKind.NotFound)]
    [InlineData(408, "Timeout", "ClusterTimeout", CvErrorKind.Timeout)]
    [InlineData(409, "Conflict", "ResourceConflict", CvErrorKind.Conflict)]
    [InlineData(409, "AlreadyExists", "ResourceAlreadyExists", CvErrorKind.Conflict)]
    [InlineData(410, "Expired", "ResourceExpired", CvErrorKind.Conflict)]
    [InlineData(422, "Invalid", "ResourceInvalid", CvErrorKind.Invalid)]
    [InlineData(429, "TooManyRequests", "ClusterRateLimited", CvErrorKind.LimitExceeded)]
    [InlineData(500, "InternalError", "ClusterFailed", CvErrorKind.Unavailable)]
    [InlineData(503, "ServiceUnavailable", "ClusterFailed", CvErrorKind.Unavailable)]
    [InlineData(504, "Timeout", "ClusterTimeout", CvErrorKind.Timeout)]
    public async Task Each_answer_has_an_id_of_its_own_and_keeps_the_servers_words(int code, string reason, string errorId, CvErrorKind kind)
    {
        CvException error = await GetAsync(ScriptedServer.Always(code, ScriptedServer.Status(code, reason, "what the server says")));

        Assert.Equal((errorId, kind), (error.ErrorId, error.Kind));
        Assert.Contains("what the server says", error.Message, StringComparison.Ordinal);
        Assert.Equal("deployments.apps shop/web", error.Target);
        Assert.NotEmpty(error.Remedy);
    }

    [Theory]
    [InlineData(404, "404 page not found\n", "ResourceNotFound")]
    [InlineData(502, "<html><body>Bad Gateway</body></html>", "ClusterFailed")]
    [InlineData(401, "", "ClusterUnauthorized")]
    [InlineData(503, "[]", "ClusterFailed")]
    public async Task An_answer_of_somebody_between_goes_by_its_code(int code, string body, string errorId)
    {
        CvException error = await GetAsync(ScriptedServer.Always(code, body));

        Assert.Equal(errorId, error.ErrorId);
        Assert.DoesNotContain("<html>", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_proxys_password_is_in_no_error()
    {
        HttpRequestException failure = new("The proxy tunnel request to proxy 'http://me:geheim@proxy.test:3128/' failed with status code '407'.");

        CvException error = ClusterErrors.From(failure, new Uri("https://cluster.test"));

        Assert.Equal("ClusterUnreachable", error.ErrorId);
        Assert.Contains("'http://proxy.test:3128/' failed with status code '407'", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("geheim", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(""" {"reason":5,"message":["no","text"],"details":7} """)]
    [InlineData(""" {"reason":null,"details":{"causes":[7,{"field":{}},{"field":null}]}} """)]
    public async Task A_status_of_another_shape_is_no_other_failure(string body)
    {
        CvException error = await GetAsync(ScriptedServer.Always(422, body));

        Assert.Equal("ResourceInvalid", error.ErrorId);
    }

    [Fact]
    public async Task What_is_invalid_is_named_by_its_fields()
    {
        CvException error = await GetAsync(ScriptedServer.Always(422, ScriptedServer.Status(422, "Invalid", "is invalid",
            """{"causes":[{"reason":"FieldValueRequired","field":"spec.replicas"},{"field":"spec.replicas"},{"field":"metadata.name"}]}""")));

        Assert.Equal("Mend spec.replicas, metadata.name.", error.Remedy);
    }

    [Theory]
    [InlineData("404 page not found\n")]
    [InlineData("""{"kind":"Status","code":404,"reason":"NotFound","message":"the server could not find the requested resource","details":{}}""")]
    public async Task A_cluster_without_the_custom_resource_says_how_to_install_it(string body)
    {
        using ScriptedServer server = ScriptedServer.Always(404, body);
        using ClusterConnection cluster = server.Connect();
        ContainerVersionStore store = new(cluster);

        CvException list = await Assert.ThrowsAsync<CvException>(() => store.ListAsync(null, null, Token));
        CvException get = await Assert.ThrowsAsync<CvException>(() => store.GetAsync("shop", "web", Token));

        Assert.Equal(("CrdNotInstalled", "CrdNotInstalled"), (list.ErrorId, get.ErrorId));
        Assert.Contains("Install-CvController -CrdOnly", list.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_resource_that_does_not_exist_is_no_missing_custom_resource()
    {
        using ScriptedServer server = ScriptedServer.Always(404,
            ScriptedServer.Status(404, "NotFound", "not found", """{"name":"web","group":"custom.k8s.io","kind":"containerversions"}"""));
        using ClusterConnection cluster = server.Connect();

        CvException error = await Assert.ThrowsAsync<CvException>(() => new ContainerVersionStore(cluster).GetAsync("shop", "web", Token));

        Assert.Equal("ResourceNotFound", error.ErrorId);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[1]")]
    [InlineData("<html>Log in</html>")]
    public async Task An_answer_that_is_no_object_is_said_so(string body) =>
        Assert.Equal("ClusterAnswerInvalid", (await GetAsync(ScriptedServer.Always(200, body))).ErrorId);

    [Fact]
    public async Task A_server_that_cannot_be_reached_is_named()
    {
        CvException error = await GetAsync(new ScriptedServer(_ => throw new HttpRequestException("Connection refused (api.test:443)")));

        Assert.Equal(("ClusterUnreachable", CvErrorKind.Unavailable), (error.ErrorId, error.Kind));
        Assert.Contains("https://api.test/", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_that_is_not_trusted_is_told_from_a_server_that_is_down()
    {
        CvException error = await GetAsync(new ScriptedServer(_ => throw new HttpRequestException("TLS", new AuthenticationException("untrusted root"))));

        Assert.Equal("ClusterCertificateInvalid", error.ErrorId);
        Assert.Contains("untrusted root", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_cancels_gets_the_cancellation_and_no_error_of_the_clusters()
    {
        using CancellationTokenSource source = new();
        using ScriptedServer server = new(_ =>
        {
            source.Cancel();
            throw new OperationCanceledException(source.Token);
        });
        using ClusterConnection cluster = server.Connect();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cluster.GetAsync(Deployment, source.Token));
    }

    [Fact]
    public async Task No_error_repeats_the_token()
    {
        using ScriptedServer server = ScriptedServer.Always(401, ScriptedServer.Status(401, "Unauthorized", "Unauthorized"));
        using ClusterConnection cluster = server.Connect("t0psecret");

        CvException error = await Assert.ThrowsAsync<CvException>(() => cluster.GetAsync(Deployment, Token));

        Assert.Equal("Bearer t0psecret", Assert.Single(server.Requests).Authorization);
        Assert.DoesNotContain("t0psecret", error.ToString() + error.Remedy, StringComparison.Ordinal);
    }

    private static async Task<CvException> GetAsync(ScriptedServer server)
    {
        using (server)
        {
            using ClusterConnection cluster = server.Connect();
            return await Assert.ThrowsAsync<CvException>(() => cluster.GetAsync(Deployment, Token));
        }
    }
}
