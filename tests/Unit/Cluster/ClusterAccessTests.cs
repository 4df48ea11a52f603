using System.Text;
using CvManager.Cluster;
using CvManager.Support.Cluster;
using CvManager.Support.Network;
using Xunit;

namespace CvManager.Unit.Cluster;

/// <summary>Server verification and client authentication, as in kubectl with the same kubeconfig.</summary>
public sealed class ClusterAccessTests : IDisposable
{
    private readonly TestAuthority _authority = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("cvm-test-").FullName;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _authority.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("127.0.0.1", TestAuthority.ForServers, null)]
    [InlineData("127.0.0.1", null, null)]
    [InlineData("kube.example.com", TestAuthority.ForServers, "kube.example.com")]
    [InlineData("*.example.com", TestAuthority.ForServers, "kube.example.com")]
    public async Task A_certificate_for_the_name_is_accepted(string name, string? use, string? tlsServerName)
    {
        await using LoopbackApiServer server = new(_authority.Issue("any", [name], use).Certificate);

        await AskAsync(server, Ca(_authority.Pem) + Name(tlsServerName));

        Assert.Contains("Authorization: Bearer s3cret", Assert.Single(server.Requests));
    }

    [Theory]
    [InlineData("node-7", "node-7", TestAuthority.ForServers, -1, 50, null, "'127.0.0.1'")]
    [InlineData("node-7", "10.0.0.7", TestAuthority.ForServers, -1, 50, null, "'127.0.0.1'")]
    [InlineData("127.0.0.1", null, TestAuthority.ForServers, -1, 50, null, "'127.0.0.1'")]
    [InlineData("sam", "127.0.0.1", TestAuthority.ForClients, -1, 50, null, "extended key usage")]
    [InlineData("expired", "127.0.0.1", TestAuthority.ForServers, -50, -1, null, "expired")]
    [InlineData("early", "127.0.0.1", TestAuthority.ForServers, 1, 50, null, "not yet valid")]
    [InlineData("other", "127.0.0.1", TestAuthority.ForServers, -1, 50, "kube.example.com", "'kube.example.com'")]
    [InlineData("kube.example.com", null, TestAuthority.ForServers, -1, 50, "kube.example.com", "'kube.example.com'")]
    public async Task A_certificate_for_another_name_use_or_time_is_rejected_with_its_reason_before_the_token_is_sent(
        string subject,
        string? name,
        string use,
        int from,
        int to,
        string? tlsServerName,
        string why
    )
    {
        await using LoopbackApiServer server = new(_authority.Issue(subject, name is null ? [] : [name], use, from, to).Certificate);

        var error = await Assert.ThrowsAsync<CvException>(() => AskAsync(server, Ca(_authority.Pem) + Name(tlsServerName)));

        Assert.Equal("ClusterCertificateInvalid", error.ErrorId);
        Assert.Contains(why, error.Message, StringComparison.Ordinal);
        Assert.Empty(server.Requests);
    }

    [Theory]
    [InlineData("plain HTTP", "ClusterTlsFailed", "port")]
    [InlineData("another protocol", "ClusterTlsFailed", "port")]
    [InlineData("TLS 1.1", "ClusterTlsFailed", "TLS versions")]
    [InlineData("alert 40", "ClusterTlsFailed", "TLS versions")]
    [InlineData("alert 70", "ClusterTlsFailed", "TLS versions")]
    [InlineData("alert 112", "ClusterTlsFailed", "tls-server-name")]
    [InlineData("alert 42", "ClusterUnauthorized", "client-certificate")]
    [InlineData("alert 45", "ClusterUnauthorized", "client-certificate")]
    [InlineData("alert 48", "ClusterUnauthorized", "client-certificate")]
    [InlineData("alert 116", "ClusterUnauthorized", "client-certificate")]
    [InlineData("nothing", "ClusterUnreachable", "Get-CvContext")]
    public async Task A_TLS_failure_blames_the_server_certificate_only_if_it_was_rejected(string how, string errorId, string advice)
    {
        await using OddTlsServer server = new(how);

        var error = await Assert.ThrowsAsync<CvException>(async () =>
        {
            using var connection = Connect(server.Port, Ca(_authority.Pem), "token: s3cret");
            await connection.GetRawAsync("version", Token);
        });

        Assert.Equal(errorId, error.ErrorId);
        Assert.Contains(advice, error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_client_certificate_that_is_rejected_after_the_handshake_is_reported()
    {
        // The error of OpenSSL with TLS 1.3, on the first read.
        HttpRequestException failure = new(
            "An error occurred while sending the request.",
            new IOException(
                "The decryption operation failed, see inner exception.",
                new IOException(
                    "Decrypt failed with OpenSSL error - SSL_ERROR_SSL.",
                    new IOException("error:0A00045C:SSL routines::tlsv13 alert certificate required")
                )
            )
        );

        Assert.Equal("ClusterUnauthorized", ClusterErrors.From(failure, new Uri("https://cluster.test")).ErrorId);
    }

    [Fact]
    public async Task Only_the_authority_of_the_kubeconfig_is_trusted_or_else_those_of_the_system()
    {
        using TestAuthority other = new();
        await using LoopbackApiServer server = new(_authority.Issue("any", ["127.0.0.1"]).Certificate);

        Assert.Equal("ClusterCertificateInvalid", (await Assert.ThrowsAsync<CvException>(() => AskAsync(server, Ca(other.Pem)))).ErrorId);
        Assert.Equal("ClusterCertificateInvalid", (await Assert.ThrowsAsync<CvException>(() => AskAsync(server, ""))).ErrorId);
        Assert.Empty(server.Requests);
        await AskAsync(server, Ca(other.Pem + "\n" + _authority.Pem));
        await AskAsync(server, ", insecure-skip-tls-verify: true");
        Assert.Equal(2, server.Requests.Count);
    }

    [Fact]
    public async Task A_chain_may_be_sent_by_the_server_or_end_in_a_trusted_intermediate_authority()
    {
        using TestAuthority between = new("Intermediate", _authority);
        var issued = between.Issue("any", ["127.0.0.1"]);
        await using LoopbackApiServer whole = new(issued.Certificate, [between.Certificate]);
        await using LoopbackApiServer alone = new(issued.Certificate);

        await AskAsync(whole, Ca(_authority.Pem));
        await AskAsync(alone, Ca(between.Pem));
        Assert.Equal(
            "ClusterCertificateInvalid",
            (await Assert.ThrowsAsync<CvException>(() => AskAsync(alone, Ca(_authority.Pem)))).ErrorId
        );
    }

    [Fact]
    public async Task A_service_account_trusts_only_the_authority_of_the_cluster()
    {
        await using LoopbackApiServer server = new(_authority.Issue("any", ["127.0.0.1"]).Certificate);
        await using LoopbackApiServer other = new(_authority.Issue("any", ["10.96.0.1"]).Certificate);
        File.WriteAllText(Path.Combine(_folder, "token"), "s3cret\n");
        File.WriteAllText(Path.Combine(_folder, "ca.crt"), _authority.Pem);
        File.WriteAllText(Path.Combine(_folder, "namespace"), "shop");

        await AskAsync(server.Port);

        Assert.Contains("Authorization: Bearer s3cret", Assert.Single(server.Requests));
        Assert.Equal("ClusterCertificateInvalid", (await Assert.ThrowsAsync<CvException>(() => AskAsync(other.Port))).ErrorId);
        File.Delete(Path.Combine(_folder, "token"));
        Assert.Equal("ServiceAccountTokenNotFound", (await Assert.ThrowsAsync<CvException>(() => AskAsync(server.Port))).ErrorId);

        async Task AskAsync(int port)
        {
            Dictionary<string, string> environment = new()
            {
                ["KUBERNETES_SERVICE_HOST"] = "127.0.0.1",
                ["KUBERNETES_SERVICE_PORT"] = $"{port}",
            };
            Assert.True(ClusterAccess.IsInPod(environment.GetValueOrDefault));
            using ClusterConnection cluster = new(
                ClusterAccess.OfPod(environment.GetValueOrDefault, TimeProvider.System, _folder),
                "",
                TimeProvider.System
            );
            Assert.Equal("shop", cluster.DefaultNamespace);
            await cluster.GetRawAsync("version", Token);
        }
    }

    [Fact]
    public async Task Impersonation_headers_are_those_of_kubectl()
    {
        await using LoopbackApiServer server = new();

        await AskAsync(
            server,
            "",
            """token: s3cret, as: "jané", as-uid: "7", as-groups: [dev, "verify:lowpriv", ops], as-user-extra: {"acme.com/Project": [a, b], scopes: [x]}""",
            "http"
        );

        var head = Assert.Single(server.Requests);
        Assert.Equal(
            [
                "Impersonate-Extra-acme.com%2FProject: a",
                "Impersonate-Extra-acme.com%2FProject: b",
                "Impersonate-Extra-scopes: x",
                "Impersonate-Group: dev",
                "Impersonate-Group: ops",
                "Impersonate-Group: verify:lowpriv",
                "Impersonate-Uid: 7",
                "Impersonate-User: jan" + Encoding.Latin1.GetString("é"u8),
            ],
            head.Where(line => line.StartsWith("Impersonate-", StringComparison.Ordinal)).Order(StringComparer.Ordinal)
        );
    }

    [Theory]
    [InlineData("username: me, password: pw", "Authorization: Basic bWU6cHc=")]
    [InlineData("tokenFile: token.txt", "Authorization: Bearer of-file")]
    [InlineData("token: stale, tokenFile: token.txt", "Authorization: Bearer of-file")]
    [InlineData("token: inline, tokenFile: gone.txt", "Authorization: Bearer inline")]
    public async Task All_kinds_of_credentials_are_sent(string user, string header)
    {
        File.WriteAllText(Path.Combine(_folder, "token.txt"), "of-file\n");
        await using LoopbackApiServer server = new();

        await AskAsync(server, "", user, "http");

        Assert.Contains(header, Assert.Single(server.Requests));
    }

    [Fact]
    public async Task A_client_certificate_in_files_with_relative_paths_is_sent()
    {
        await using LoopbackApiServer server = new(_authority.Issue("any", ["127.0.0.1"]).Certificate);
        var client = _authority.Issue("sam", [], TestAuthority.ForClients);
        File.WriteAllText(Path.Combine(_folder, "sam.crt"), client.Pem);
        File.WriteAllText(Path.Combine(_folder, "sam.key"), client.KeyPem);
        File.WriteAllText(Path.Combine(_folder, "ca.crt"), _authority.Pem);

        await AskAsync(server, ", certificate-authority: ca.crt", "client-certificate: sam.crt, client-key: ./sam.key");

        Assert.Equal(["CN=sam"], server.Clients);
    }

    [Fact]
    public async Task A_connection_for_the_token_of_someone_else_has_no_credential_of_its_own()
    {
        await using LoopbackApiServer server = new(_authority.Issue("any", ["127.0.0.1"]).Certificate);
        var client = _authority.Issue("sam", [], TestAuthority.ForClients);
        File.WriteAllText(Path.Combine(_folder, "sam.crt"), client.Pem);
        File.WriteAllText(Path.Combine(_folder, "sam.key"), client.KeyPem);
        File.WriteAllText(Path.Combine(_folder, "ca.crt"), _authority.Pem);
        using var own = Connect(
            server.Port,
            ", certificate-authority: ca.crt",
            "client-certificate: sam.crt, client-key: sam.key, token: own, as: admin"
        );

        using var bare = own.WithoutCredentials();
        await bare.WithToken("another").GetRawAsync("version", Token);
        await bare.GetRawAsync("version", Token);

        Assert.Empty(server.Clients);
        Assert.Equal(2, server.Requests.Count);
        Assert.Contains("Authorization: Bearer another", server.Requests.First());
        Assert.DoesNotContain(server.Requests.Last(), line => line.StartsWith("Authorization", StringComparison.Ordinal));
        Assert.DoesNotContain(server.Requests.SelectMany(lines => lines), line => line.StartsWith("Impersonate", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("", "as-groups: [dev]", "KubeConfigInvalid")]
    [InlineData("", "as: \"a\\nb\"", "KubeConfigInvalid")]
    [InlineData("", "token: \"s3cret\\nX: y\"", "ClusterUnauthorized")]
    [InlineData("", "token: s3cret, username: me", "KubeConfigInvalid")]
    [InlineData("", "client-certificate-data: AAAA", "KubeConfigInvalid")]
    [InlineData("", "client-certificate: gone.crt, client-key: gone.key", "KubeConfigInvalid")]
    [InlineData("", "auth-provider: {name: oidc, config: {client-secret: s3cret}}", "KubeConfigNotSupported")]
    [InlineData("", "exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}", "KubeConfigInvalid")]
    [InlineData("", "exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Sometimes}", "KubeConfigInvalid")]
    [InlineData("", "exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Always}", "KubeConfigNotSupported")]
    [InlineData("", "exec: {apiVersion: client.authentication.k8s.io/v1beta1}", "KubeConfigInvalid")]
    [InlineData(", certificate-authority: gone.crt", "token: s3cret", "KubeConfigInvalid")]
    [InlineData(", certificate-authority-data: s3cret!", "token: s3cret", "KubeConfigInvalid")]
    [InlineData(", certificate-authority-data: AAAA", "token: s3cret", "KubeConfigInvalid")]
    [InlineData(", insecure-skip-tls-verify: true, certificate-authority-data: AAAA", "token: s3cret", "KubeConfigInvalid")]
    [InlineData(", proxy-url: 'ftp://me:s3cret@proxy.test'", "token: s3cret", "ProxyInvalid")]
    public void Unsupported_settings_are_rejected_by_name(string cluster, string user, string errorId)
    {
        var error = Assert.Throws<CvException>(() => Connect(443, cluster, user).Dispose());

        Assert.Equal(errorId, error.ErrorId);
        Assert.DoesNotContain("s3cret", error.ToString() + error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task User_info_in_the_server_URL_is_used_and_never_shown()
    {
        await using LoopbackApiServer server = new();
        var path = Path.Combine(_folder, "config");
        File.WriteAllText(path, Text($"http://me:s3cret@127.0.0.1:{server.Port}/k8s/c-1", "", ""));

        using var cluster = ClusterConnection.Connect(new ClusterOptions { KubeConfigPath = path });
        await cluster.GetRawAsync("version", Token);

        Assert.Equal($"http://127.0.0.1:{server.Port}/k8s/c-1/", cluster.Server.ToString());
        var head = Assert.Single(server.Requests);
        Assert.Contains("Authorization: Basic " + Convert.ToBase64String("me:s3cret"u8), head);
        Assert.StartsWith("GET /k8s/c-1/version ", head[0], StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", KubeConfigFile.ReadContexts(path)[0].Server, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        await using LoopbackApiServer server = new() { Status = "307 Temporary Redirect\r\nLocation: ://no address" };

        Assert.Equal("ClusterResponseInvalid", (await Assert.ThrowsAsync<CvException>(() => AskAsync(server, "", scheme: "http"))).ErrorId);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task The_proxy_of_the_kubeconfig_is_used_even_for_loopback()
    {
        await using LoopbackApiServer server = new(_authority.Issue("any", ["127.0.0.1"]).Certificate);
        await using TunnelProxy proxy = new(server.Port, "me:s3cret");

        await AskAsync(server, Ca(_authority.Pem) + $", proxy-url: 'http://me:s3cret@127.0.0.1:{proxy.Port}'");

        Assert.Equal([$"127.0.0.1:{server.Port}"], proxy.Targets);
    }

    [Fact]
    public async Task A_token_file_is_read_again_as_it_rotates()
    {
        Microsoft.Extensions.Time.Testing.FakeTimeProvider time = new();
        var path = Path.Combine(_folder, "token");
        File.WriteAllText(path, "one");
        using TokenFileCredentials credentials = new(path, time);

        Assert.Equal("one", await NowAsync());
        File.WriteAllText(path, "two\n");
        Assert.Equal("one", await NowAsync());
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal("two", await NowAsync());
        File.WriteAllText(path, "three");
        credentials.Invalidate();
        Assert.Equal("three", await NowAsync());
        File.Delete(path);
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal("three", await NowAsync());

        async Task<string?> NowAsync() => (await credentials.GetAsync(Token))?.Parameter;
    }

    [Fact]
    public async Task The_files_of_a_client_certificate_are_read_again_as_they_rotate()
    {
        Microsoft.Extensions.Time.Testing.FakeTimeProvider time = new();
        await using LoopbackApiServer server = new(_authority.Issue("any", ["127.0.0.1"]).Certificate);
        Rotate("one");
        using var connection = Connect();

        Assert.Equal(["CN=one"], await ClientsAsync());
        Rotate("two");
        Assert.Equal(["CN=one"], await ClientsAsync());
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(["CN=one", "CN=two"], await ClientsAsync());
        // During a rotation: the key of another certificate, and then no file.
        File.WriteAllText(Path.Combine(_folder, "sam.key"), _authority.Issue("other", [], TestAuthority.ForClients).KeyPem);
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(["CN=one", "CN=two"], await ClientsAsync());
        File.Delete(Path.Combine(_folder, "sam.key"));
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(["CN=one", "CN=two"], await ClientsAsync());
        // After a rejection, the files are read again at once.
        Rotate("three");
        server.Status = "401 Unauthorized";
        Assert.Equal("ClusterUnauthorized", (await Assert.ThrowsAsync<CvException>(ClientsAsync)).ErrorId);
        server.Status = "200 OK";
        Assert.Equal(["CN=one", "CN=two", "CN=three"], await ClientsAsync());

        void Rotate(string name)
        {
            var client = _authority.Issue(name, [], TestAuthority.ForClients);
            File.WriteAllText(Path.Combine(_folder, "sam.crt"), client.Pem);
            File.WriteAllText(Path.Combine(_folder, "sam.key"), client.KeyPem);
        }

        ClusterConnection Connect()
        {
            var path = Path.Combine(_folder, "config");
            File.WriteAllText(
                path,
                Text($"https://127.0.0.1:{server.Port}", Ca(_authority.Pem), "client-certificate: sam.crt, client-key: sam.key")
            );
            return new ClusterConnection(ClusterAccess.OfContext(KubeConfigFile.Read([new FileInfo(path)]), "x", path, time), "x", time);
        }

        async Task<IEnumerable<string>> ClientsAsync()
        {
            await connection.GetRawAsync("version", Token);
            return server.Clients;
        }
    }

    [Fact]
    public async Task Intermediate_certificates_in_the_client_certificate_file_are_sent()
    {
        using TestAuthority intermediate = new("Intermediate", _authority);
        await using LoopbackApiServer server = new(_authority.Issue("any", ["127.0.0.1"]).Certificate);
        var client = intermediate.Issue("sam", [], TestAuthority.ForClients);
        File.WriteAllText(Path.Combine(_folder, "sam.crt"), client.Pem + "\n" + intermediate.Pem);
        File.WriteAllText(Path.Combine(_folder, "sam.key"), client.KeyPem);

        await AskAsync(server, Ca(_authority.Pem), "client-certificate: sam.crt, client-key: sam.key");

        Assert.Contains("CN=Intermediate", server.Chains.Single());
    }

    private async Task AskAsync(LoopbackApiServer server, string cluster, string user = "token: s3cret", string scheme = "https")
    {
        using var connection = Connect(server.Port, cluster, user, scheme);
        await connection.GetRawAsync("version", Token);
    }

    private ClusterConnection Connect(int port, string cluster, string user, string scheme = "https")
    {
        var path = Path.Combine(_folder, "config");
        File.WriteAllText(path, Text($"{scheme}://127.0.0.1:{port}", cluster, user));
        return ClusterConnection.Connect(new ClusterOptions { KubeConfigPath = path });
    }

    private static string Text(string server, string cluster, string user) =>
        $$$"""
            apiVersion: v1
            kind: Config
            clusters: [{name: c, cluster: {server: "{{{server}}}"{{{cluster}}}}}]
            users: [{name: u, user: {{{{user}}}}}]
            contexts: [{name: x, context: {cluster: c, user: u, namespace: ""}}]
            current-context: x
            preferences: {}
            """;

    private static string Ca(string pem) => ", certificate-authority-data: " + Convert.ToBase64String(Encoding.ASCII.GetBytes(pem));

    private static string Name(string? tlsServerName) => tlsServerName is null ? "" : $", tls-server-name: {tlsServerName}";
}
