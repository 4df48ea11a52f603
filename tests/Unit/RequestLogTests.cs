using System.Net;
using CvManager.Cluster;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Support;
using CvManager.Support.Cluster;
using CvManager.Support.Registries;
using CvManager.Unit.Registries.Ecr;
using Microsoft.Extensions.Logging;
using Xunit;

namespace CvManager.Unit;

/// <summary>The log of requests to clusters and registries.</summary>
public sealed class RequestLogTests
{
    private const string Digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    private static readonly ResourcePath Pods = new("", "v1", "pods", "shop");
    private static readonly ImageRepository App = ImageRepository.Parse("registry.test/team/app");
    private static readonly RegistryCredential Login = RegistryCredential.OfPassword("robot", "hidden-password").From("config.json");

    private readonly EventLog _log = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_request_to_a_cluster_is_logged_with_its_status()
    {
        using var server = FakeApiServer.Always(404, FakeApiServer.Status(404, "NotFound", "no"));
        using var cluster = server.Connect("hidden-token");

        await cluster.LoggedBy(_log).FindAsync(Pods with { Name = "web" }, Token);

        var line = Assert.Single(_log.Events);
        Assert.Equal((LogLevel.Debug, LogEvents.RequestSent), (line.Level, line.Id));
        Assert.Equal(("GET", "404"), (line.Fields["Method"], line.Fields["Status"]));
        Assert.Equal(new Uri(cluster.Server, "api/v1/namespaces/shop/pods/web").AbsoluteUri, line.Fields["Url"]);
        Assert.InRange(long.Parse(line.Fields["Milliseconds"], null), 0, 60_000);
    }

    [Fact]
    public async Task A_request_that_fails_is_logged_with_the_reason()
    {
        using FakeApiServer server = new(_ => throw new HttpRequestException(HttpRequestError.ConnectionError, "http://a:hidden@proxy"));
        using var cluster = server.Connect();

        await Assert.ThrowsAsync<CvException>(() => cluster.LoggedBy(_log).FindAsync(Pods with { Name = "web" }, Token));

        var line = Assert.Single(_log.Events);
        Assert.Equal((LogEvents.RequestFailed, "ConnectionError"), (line.Id, line.Fields["Reason"]));
        Assert.DoesNotContain("hidden", line.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_the_view_of_a_connection_logs_and_only_at_level_Debug()
    {
        using var server = FakeApiServer.Always(200, "{}");
        using var cluster = server.Connect();
        EventLog information = new(LogLevel.Information);

        await cluster.LoggedBy(_log).LoggedBy(information).FindAsync(Pods with { Name = "web" }, Token);
        await cluster.FindAsync(Pods with { Name = "web" }, Token);

        Assert.Empty(_log.Events);
        Assert.Empty(information.Events);
    }

    [Fact]
    public async Task Requests_to_a_registry_its_token_server_and_a_redirect_are_logged_without_secrets()
    {
        using ScriptedRegistry server = new(request =>
            request.RequestUri!.Host switch
            {
                "auth.test" => ScriptedRegistry.Json("""{"token": "hidden-token"}"""),
                "blobs.test" => ScriptedRegistry.Head(Digest),
                _ when request.Headers.Authorization is null => ScriptedRegistry.Status(
                    HttpStatusCode.Unauthorized,
                    ("WWW-Authenticate", "Bearer realm=\"https://auth.test/token\",service=\"reg\"")
                ),
                _ => ScriptedRegistry.Status(
                    HttpStatusCode.TemporaryRedirect,
                    ("Location", "https://blobs.test/blob?X-Amz-Signature=hidden-signature&hidden")
                ),
            }
        );
        using var shared = server.Catalog();
        using var catalog = shared.With(new FixedCredential(Login), logger: _log);

        Assert.NotNull(await catalog.For(App).FindTagAsync(App, "demo", Token));

        Assert.Equal(
            [
                "https://registry.test/v2/team/app/manifests/demo 401",
                "https://auth.test/token?scope=repository%3Ateam%2Fapp%3Apull&service=reg&account=*** 200",
                "https://registry.test/v2/team/app/manifests/demo 307",
                "https://blobs.test/blob?X-Amz-Signature=***&*** 200",
            ],
            _log.Of(LogEvents.RequestSent).Select(line => $"{line.Fields["Url"]} {line.Fields["Status"]}")
        );
        Assert.Equal(("registry.test", "config.json"), CredentialsUsed());
        Assert.DoesNotContain("hidden", string.Concat(_log.Events), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Access_without_a_login_is_logged_as_anonymous_and_once()
    {
        using ScriptedRegistry server = new(_ => ScriptedRegistry.Head(Digest));
        using var shared = server.Catalog();
        using var catalog = shared.With(FixedCredential.Anonymous, logger: _log);

        await catalog.For(App).FindTagAsync(App, "demo", Token);
        await catalog.For(App).FindTagAsync(App, "prod", Token);
        await shared.For(App).FindTagAsync(App, "demo", Token);

        Assert.Equal(("registry.test", "anonymous"), CredentialsUsed());
        Assert.Equal(2, _log.Of(LogEvents.RequestSent).Count());
    }

    [Fact]
    public async Task Requests_to_ECR_are_logged_with_the_source_of_the_access_key()
    {
        var repository = ImageRepository.Parse("123456789012.dkr.ecr.us-east-1.amazonaws.com/team/app");
        using EcrService service = new();
        service.Push("image", "demo");
        using RegistryCatalog shared = new(new RegistryClientOptions(), FixedCredential.Anonymous, service);
        var key = RegistryCredential.OfPassword("AKIAIOSFODNN7EXAMPLE", "hidden-key").From("config.json");
        using var catalog = shared.With(new FixedCredential(key), logger: _log);

        Assert.NotNull(await catalog.For(repository).FindTagAsync(repository, "demo", Token));

        var line = Assert.Single(_log.Of(LogEvents.RequestSent));
        Assert.Equal(("POST", "200"), (line.Fields["Method"], line.Fields["Status"]));
        Assert.Contains("config.json", CredentialsUsed().Source, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", string.Concat(_log.Events), StringComparison.Ordinal);
    }

    private (string Registry, string Source) CredentialsUsed()
    {
        var line = Assert.Single(_log.Of(LogEvents.CredentialsUsed));
        Assert.Equal(LogLevel.Information, line.Level);
        return (line.Fields["Registry"], line.Fields["Source"]);
    }
}
