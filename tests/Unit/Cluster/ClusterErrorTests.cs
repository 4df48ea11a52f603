using CvManager.Cluster;
using CvManager.Support;
using CvManager.Support.Cluster;
using Xunit;

namespace CvManager.Unit.Cluster;

/// <summary>Errors for failures of an API server, with response bodies of Kubernetes 1.20.</summary>
public sealed class ClusterErrorTests
{
    private static readonly ResourcePath Deployment = new("apps", "v1", "deployments", "shop", "web");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(400, "BadRequest", "ResourceInvalid", CvErrorKind.Invalid)]
    [InlineData(401, "Unauthorized", "ClusterUnauthorized", CvErrorKind.Unauthenticated)]
    [InlineData(403, "Forbidden", "ClusterRefused", CvErrorKind.Forbidden)]
    [InlineData(404, "NotFound", "ResourceNotFound", CvErrorKind.NotFound)]
    [InlineData(408, "Timeout", "ClusterTimeout", CvErrorKind.Timeout)]
    [InlineData(409, "Conflict", "ResourceConflict", CvErrorKind.Conflict)]
    [InlineData(409, "AlreadyExists", "ResourceAlreadyExists", CvErrorKind.Conflict)]
    [InlineData(409, "Forbidden", "ClusterRefused", CvErrorKind.Forbidden)]
    [InlineData(409, "", "ClusterRefused", CvErrorKind.Forbidden)]
    [InlineData(410, "Expired", "ResourceExpired", CvErrorKind.Conflict)]
    [InlineData(422, "Invalid", "ResourceInvalid", CvErrorKind.Invalid)]
    [InlineData(429, "TooManyRequests", "ClusterRateLimited", CvErrorKind.LimitExceeded)]
    [InlineData(500, "InternalError", "ClusterFailed", CvErrorKind.Unavailable)]
    [InlineData(503, "ServiceUnavailable", "ClusterFailed", CvErrorKind.Unavailable)]
    [InlineData(504, "Timeout", "ClusterTimeout", CvErrorKind.Timeout)]
    public async Task Each_error_has_its_own_id_and_keeps_the_server_message(int code, string reason, string errorId, CvErrorKind kind)
    {
        var error = await GetAsync(FakeApiServer.Always(code, FakeApiServer.Status(code, reason, "what the server says")));

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
    [InlineData(400, "<html>Bad Request</html>", "ClusterResponseInvalid")]
    [InlineData(403, "<html>Forbidden by the firewall</html>", "ClusterResponseInvalid")]
    [InlineData(403, "{\"error\":\"forbidden\"}", "ClusterResponseInvalid")]
    [InlineData(404, "<html>Not Found</html>", "ClusterResponseInvalid")]
    [InlineData(409, "", "ClusterResponseInvalid")]
    [InlineData(410, "gone", "ClusterResponseInvalid")]
    [InlineData(422, "{\"kind\":[\"Status\"]}", "ClusterResponseInvalid")]
    [InlineData(422, "{\"kind\":\"Status\",\"kind\":\"Status\"}", "ClusterResponseInvalid")]
    [InlineData(302, "", "ClusterResponseInvalid")]
    public async Task A_response_from_a_proxy_does_not_blame_an_object(int code, string body, string errorId)
    {
        var error = await GetAsync(FakeApiServer.Always(code, body));

        Assert.Equal(errorId, error.ErrorId);
        Assert.DoesNotContain("<html>", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_password_of_a_proxy_is_not_in_any_error()
    {
        HttpRequestException failure = new(
            "The proxy tunnel request to proxy 'http://me:geheim@proxy.test:3128/' failed with status code '407'."
        );

        var error = ClusterErrors.From(failure, new Uri("https://cluster.test"));

        Assert.Equal("ClusterUnreachable", error.ErrorId);
        Facts.AssertIn(error.Message, "http://proxy.test:3128/", "407");
        Assert.DoesNotContain("geheim", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(""" {"kind":"Status","reason":5,"message":["no","text"],"details":7} """)]
    [InlineData(""" {"kind":"Status","reason":null,"details":{"causes":[7,{"field":{}},{"field":null}]}} """)]
    public async Task A_malformed_status_does_not_change_the_error(string body)
    {
        var error = await GetAsync(FakeApiServer.Always(422, body));

        Assert.Equal("ResourceInvalid", error.ErrorId);
    }

    [Fact]
    public async Task Invalid_fields_are_reported_by_name()
    {
        var error = await GetAsync(
            FakeApiServer.Always(
                422,
                FakeApiServer.Status(
                    422,
                    "Invalid",
                    "is invalid",
                    """{"causes":[{"reason":"FieldValueRequired","field":"spec.replicas"},{"field":"spec.replicas"},{"field":"metadata.name"}]}"""
                )
            )
        );

        Facts.AssertIn(error.Remedy, "spec.replicas", "metadata.name");
    }

    [Theory]
    [InlineData("404 page not found\n")]
    [InlineData(
        """{"kind":"Status","code":404,"reason":"NotFound","message":"the server could not find the requested resource","details":{}}"""
    )]
    public async Task A_missing_custom_resource_definition_is_reported_with_how_to_install_it(string body)
    {
        using var server = FakeApiServer.Always(404, body);
        using var cluster = server.Connect();
        ContainerVersionStore store = new(cluster);

        var list = await Assert.ThrowsAsync<CvException>(() => store.ListAsync(null, null, Token));
        var get = await Assert.ThrowsAsync<CvException>(() => store.GetAsync("shop", "web", Token));

        Assert.Equal(("CrdNotInstalled", "CrdNotInstalled"), (list.ErrorId, get.ErrorId));
        Assert.Contains("Install-CvController -CrdOnly", list.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_resource_is_distinguished_from_a_missing_custom_resource_definition()
    {
        using var server = FakeApiServer.Always(
            404,
            FakeApiServer.Status(404, "NotFound", "not found", """{"name":"web","group":"custom.k8s.io","kind":"containerversions"}""")
        );
        using var cluster = server.Connect();

        var error = await Assert.ThrowsAsync<CvException>(() => new ContainerVersionStore(cluster).GetAsync("shop", "web", Token));

        Assert.Equal("ResourceNotFound", error.ErrorId);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[1]")]
    [InlineData("<html>Log in</html>")]
    public async Task A_response_that_is_not_an_object_is_a_transient_error(string body) =>
        Assert.Equal(
            ("ClusterResponseInvalid", true),
            await GetAsync(FakeApiServer.Always(200, body)) is var error ? (error.ErrorId, error.IsTransient) : default
        );

    /// <summary>The messages are those of the plugins of Kubernetes; only one of them is about a missing permission.</summary>
    [Theory]
    [InlineData(
        403,
        """deployments.apps \"web\" is forbidden: User \"system:serviceaccount:cvmanager:controller\" cannot patch resource \"deployments\" in API group \"apps\" in the namespace \"shop\": no rule allows it""",
        "ClusterForbidden"
    )]
    [InlineData(403, """forbidden: User \"sam\" cannot get path \"/version\": no rule allows it""", "ClusterForbidden")]
    [InlineData(
        403,
        """users \"lowpriv\" is forbidden: User \"sam\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope""",
        "ClusterForbidden"
    )]
    [InlineData(
        403,
        """clusterroles.rbac.authorization.k8s.io \"x\" is forbidden: user \"sam\" (groups=[\"dev\"]) is attempting to grant RBAC permissions not currently held""",
        "ClusterForbidden"
    )]
    [InlineData(
        403,
        """pods \"gate\" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=2, limited: pods=2""",
        "ClusterQuotaExceeded"
    )]
    [InlineData(403, """pods \"gate\" is forbidden: failed quota: compute: must specify limits.cpu for: gate""", "ClusterQuotaExceeded")]
    [InlineData(
        403,
        """pods \"gate\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)""",
        "ClusterPodSecurityDenied"
    )]
    [InlineData(
        403,
        """pods \"gate\" is forbidden: unable to validate against any security context constraint: []""",
        "ClusterPodSecurityDenied"
    )]
    [InlineData(
        403,
        """pods \"gate\" is forbidden: [maximum cpu usage per Container is 1, but limit is 2, minimum memory usage per Pod is 1Gi, but request is 1Mi]""",
        "ClusterLimitRangeViolated"
    )]
    [InlineData(
        403,
        """pods \"gate\" is forbidden: cpu max limit to request ratio per Container is 2, but provided ratio is 4.0""",
        "ClusterLimitRangeViolated"
    )]
    [InlineData(
        403,
        """pods \"gate\" is forbidden: unable to create new content in namespace shop because it is being terminated""",
        "NamespaceTerminating"
    )]
    [InlineData(
        403,
        """deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no""",
        "ClusterPolicyDenied"
    )]
    [InlineData(
        422,
        """deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no""",
        "ClusterPolicyDenied"
    )]
    [InlineData(
        403,
        """admission webhook \"w.example.com\" denied the request: User \"x\" cannot do that on a Friday""",
        "ClusterAdmissionDenied"
    )]
    [InlineData(400, """admission webhook \"w.example.com\" denied the request without explanation""", "ClusterAdmissionDenied")]
    [InlineData(409, """admission webhook \"w.example.com\" denied the request: the object has been modified""", "ClusterAdmissionDenied")]
    [InlineData(429, """admission webhook \"w.example.com\" denied the request: too many""", "ClusterAdmissionDenied")]
    [InlineData(500, """admission webhook \"w.example.com\" denied the request: it broke""", "ClusterAdmissionDenied")]
    [InlineData(
        500,
        """Internal error occurred: failed calling webhook \"w.example.com\": Post: connection refused""",
        "ClusterWebhookFailed"
    )]
    [InlineData(403, """pods \"web\" is forbidden: node \"n\" is not allowed""", "ClusterRefused")]
    public async Task A_rejection_is_classified_by_the_component_that_rejects(int code, string message, string errorId)
    {
        var error = await GetAsync(FakeApiServer.Always(code, FakeApiServer.Status(code, "Forbidden", message)));

        Assert.Equal(errorId, error.ErrorId);
        Assert.Equal(errorId == "ClusterWebhookFailed" ? CvErrorKind.Unavailable : CvErrorKind.Forbidden, error.Kind);
    }

    [Theory]
    [InlineData("DisruptionBudget", "PodDisruptionBudgetViolated")]
    [InlineData("Other", "ClusterRateLimited")]
    public async Task An_eviction_blocked_by_a_disruption_budget_is_not_a_rate_limit(string cause, string errorId) =>
        Assert.Equal(
            errorId,
            (
                await GetAsync(
                    FakeApiServer.Always(
                        429,
                        FakeApiServer.Status(429, "TooManyRequests", "Cannot evict pod", $$$"""{"causes":[{"reason":"{{{cause}}}"}]}""")
                    )
                )
            ).ErrorId
        );

    [Fact]
    public async Task An_unreachable_server_is_reported_by_name()
    {
        var error = await GetAsync(new FakeApiServer(_ => throw new HttpRequestException("Connection refused (api.test:443)")));

        Assert.Equal(("ClusterUnreachable", CvErrorKind.Unavailable), (error.ErrorId, error.Kind));
        Assert.Contains("https://api.test/", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_untrusted_certificate_is_distinguished_from_an_unreachable_server()
    {
        var error = await GetAsync(
            new FakeApiServer(_ => throw new HttpRequestException("TLS", new CertificateRejectedException("untrusted root")))
        );

        Assert.Equal("ClusterCertificateInvalid", error.ErrorId);
        Assert.Contains("untrusted root", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancellation_by_the_caller_is_not_an_error_of_the_cluster()
    {
        using CancellationTokenSource source = new();
        using FakeApiServer server = new(_ =>
        {
            source.Cancel();
            throw new OperationCanceledException(source.Token);
        });
        using var cluster = server.Connect();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cluster.GetAsync(Deployment, source.Token));
    }

    [Fact]
    public async Task Errors_do_not_contain_the_token()
    {
        using var server = FakeApiServer.Always(401, FakeApiServer.Status(401, "Unauthorized", "Unauthorized"));
        using var cluster = server.Connect("t0psecret");

        var error = await Assert.ThrowsAsync<CvException>(() => cluster.GetAsync(Deployment, Token));

        Assert.Equal("Bearer t0psecret", Assert.Single(server.Requests).Authorization);
        Assert.DoesNotContain("t0psecret", error.ToString() + error.Remedy, StringComparison.Ordinal);
    }

    private static async Task<CvException> GetAsync(FakeApiServer server)
    {
        using (server)
        {
            using var cluster = server.Connect();
            return await Assert.ThrowsAsync<CvException>(() => cluster.GetAsync(Deployment, Token));
        }
    }
}
