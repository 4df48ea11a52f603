using System.Net;
using System.Net.Sockets;
using CvManager.Sandbox;
using CvManager.Sandbox.Registry;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Sandbox.Registry;

public sealed class SandboxRegistryTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_pushed_image_is_complete_over_HTTP(bool socket)
    {
        await using var fixture = await RegistryFixture.StartAsync(socket);
        var digest = fixture.Registry.PushImage(
            "a/b",
            "6e4ae1c",
            new Dictionary<string, string> { ["org.opencontainers.image.version"] = "6e4ae1c" }
        );
        fixture.Registry.Tag("a/b", "demo", digest);

        var manifest = await RegistryFixture.JsonAsync(
            await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, "/v2/a/b/manifests/demo")
        );
        var config = await RegistryFixture.JsonAsync(
            await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, $"/v2/a/b/blobs/{manifest["config"]!["digest"]}")
        );
        var layer = Assert.Single(manifest["layers"]!.AsArray())!;
        var head = await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Head, $"/v2/a/b/blobs/{layer["digest"]}");

        Assert.Equal("6e4ae1c", config["config"]!["Labels"]!["org.opencontainers.image.version"]!.GetValue<string>());
        Assert.Equal("amd64", config["architecture"]!.GetValue<string>());
        Assert.Equal(layer["size"]!.GetValue<long>(), head.Content.Headers.ContentLength);
        Assert.Equal(digest, fixture.Registry.Digest("a/b", "demo"));
        Assert.Null(fixture.Registry.Digest("a/b", "prod"));
        Assert.Equal(["6e4ae1c", "demo"], fixture.Registry.Tags("a/b"));
        Assert.Empty(fixture.Registry.Tags("nowhere"));
    }

    [Fact]
    public async Task A_multi_platform_image_is_an_index_of_complete_images()
    {
        await using var fixture = await RegistryFixture.StartAsync(socket: false);
        var digest = fixture.Registry.PushImage("a", "demo", platforms: ["linux/amd64", "linux/arm64/v8"]);

        var got = await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, $"/v2/a/manifests/{digest}");
        var children = (await RegistryFixture.JsonAsync(got))["manifests"]!.AsArray();

        Assert.Equal(Manifest.OciIndex, got.Content.Headers.ContentType?.MediaType);
        Assert.Equal(["amd64", "arm64"], children.Select(c => c!["platform"]!["architecture"]!.GetValue<string>()));
        Assert.Equal("v8", children[1]!["platform"]!["variant"]!.GetValue<string>());
        foreach (var child in children)
            await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Get, $"/v2/a/manifests/{child!["digest"]}");
        Assert.Equal(["demo"], fixture.Registry.Tags("a"));
    }

    [Fact]
    public async Task Each_push_creates_a_different_image_and_the_same_pushes_create_the_same_images()
    {
        FakeTimeProvider time = new(DateTimeOffset.UnixEpoch);
        await using var one = await StartAsync(new() { Listen = false, TimeProvider = time });
        await using var two = await StartAsync(new() { Listen = false, TimeProvider = time });

        var first = one.PushImage("a", "demo");
        var second = one.PushImage("a", "demo");

        Assert.NotEqual(first, second);
        Assert.Equal(first, two.PushImage("a", "demo"));
        Assert.Equal(second, two.PushImage("a", "demo"));
    }

    [Fact]
    public async Task Malformed_names_and_unknown_digests_are_rejected()
    {
        await using var registry = await StartAsync(new() { Listen = false });
        registry.PushImage("a", "demo");

        Assert.Throws<ArgumentException>(() => registry.PushImage("A", "demo"));
        Assert.Throws<ArgumentException>(() => registry.PushImage("a", "a b"));
        Assert.Throws<ArgumentException>(() => registry.PushImage("a", "demo", platforms: ["linux"]));
        Assert.Throws<InvalidOperationException>(() => registry.Tag("a", "prod", ContentNames.Sha256([1])));
        Assert.Throws<InvalidOperationException>(() => registry.Untag("a", "prod"));
        Assert.Throws<InvalidOperationException>(() => registry.BreakImage("b", "demo"));
        registry.Untag("a", "demo");
        Assert.Empty(registry.Tags("a"));
    }

    [Theory]
    [InlineData("{0}/a/b:demo", ImagePullOutcome.Pulled)]
    [InlineData("{0}/a/b:demo@{1}", ImagePullOutcome.Pulled)]
    [InlineData("{0}/a/b:gone@{1}", ImagePullOutcome.Pulled)]
    [InlineData("{0}/a/b@{1}", ImagePullOutcome.Pulled)]
    [InlineData("{0}/a/b", ImagePullOutcome.NotFound)]
    [InlineData("{0}/a/b:prod", ImagePullOutcome.NotFound)]
    [InlineData("{0}/a/b:demo@sha256:0000000000000000000000000000000000000000000000000000000000000000", ImagePullOutcome.NotFound)]
    [InlineData("{0}/a:demo", ImagePullOutcome.NotFound)]
    [InlineData("{0}/a/b:broken", ImagePullOutcome.NotFound)]
    [InlineData("{0}/a/b:broken-index", ImagePullOutcome.NotFound)]
    [InlineData("a/b:demo", ImagePullOutcome.Unreachable)]
    [InlineData("nginx", ImagePullOutcome.Unreachable)]
    [InlineData("ghcr.io/a/b:demo", ImagePullOutcome.Unreachable)]
    [InlineData("127.0.0.1:1/a/b:demo", ImagePullOutcome.Unreachable)]
    public async Task A_node_pulls_only_existing_and_complete_images(string image, ImagePullOutcome outcome)
    {
        foreach (var listen in (bool[])[true, false])
        {
            await using var registry = await StartAsync(new() { Listen = listen });
            var digest = registry.PushImage("a/b", "demo");
            registry.PushImage("a/b", "broken");
            registry.BreakImage("a/b", "broken");
            registry.PushImage("a/b", "broken-index", platforms: ["linux/amd64", "linux/arm64"]);
            registry.BreakImage("a/b", "broken-index");
            var reference = string.Format(System.Globalization.CultureInfo.InvariantCulture, image, registry.Host, digest);

            var pull = await registry.PullAsync(reference, Cancellation);

            Assert.Equal(outcome, pull.Outcome);
            Assert.Equal(outcome == ImagePullOutcome.Pulled ? digest : null, pull.Digest);
            Assert.Equal(outcome == ImagePullOutcome.Pulled, pull.Message.Length == 0);
            Assert.Equal(["broken", "broken-index", "demo"], registry.Tags("a/b"));
        }
    }

    [Fact]
    public async Task A_node_without_a_login_cannot_pull_and_no_node_can_while_the_registry_is_unavailable()
    {
        RegistryLogin login = new("ci", "s3cret");
        await using var open = await StartAsync(new() { Listen = false, Login = login });
        await using var closed = await StartAsync(
            new()
            {
                Listen = false,
                Login = login,
                NodesAreLoggedIn = false,
            }
        );
        open.PushImage("a", "demo");
        closed.PushImage("a", "demo");

        Assert.Equal(ImagePullOutcome.Pulled, (await open.PullAsync($"{open.Host}/a:demo", Cancellation)).Outcome);
        Assert.Equal(ImagePullOutcome.Unauthorized, (await closed.PullAsync($"{closed.Host}/a:demo", Cancellation)).Outcome);
        open.Available = false;
        Assert.Equal(ImagePullOutcome.Unreachable, (await open.PullAsync($"{open.Host}/a:demo", Cancellation)).Outcome);
        using HttpClient client = new(open.CreateHandler());
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await client.GetAsync($"http://{open.Host}/v2/", Cancellation)).StatusCode);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task Every_request_is_counted_and_logged(bool socket)
    {
        List<RegistryRequestRecord> log = [];
        await using var fixture = await RegistryFixture.StartAsync(socket, new() { RequestLog = log.Add });
        fixture.Registry.PushImage("a/b", "demo");
        Assert.Empty(fixture.Registry.Requests);

        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Head, "/v2/a/b/manifests/demo", null, null, ("User-Agent", "test/1"));
        await fixture.ExpectAsync(HttpStatusCode.OK, HttpMethod.Head, "/v2/a/b/manifests/demo");
        await fixture.ExpectAsync(HttpStatusCode.NotFound, HttpMethod.Get, "/v2/a/c/tags/list?n=5");

        Assert.Equal(2, fixture.Registry.Requests[("HEAD", RegistryRequestKind.Manifest)]);
        Assert.Equal(1, fixture.Registry.Requests[("GET", RegistryRequestKind.Tags)]);
        Assert.Equal(2, fixture.Registry.Requests.Count);
        Assert.Equal(
            ("HEAD", RegistryRequestKind.Manifest, "a/b", "demo", "test/1", 200),
            (log[0].Method, log[0].Kind, log[0].Repository, log[0].Reference, log[0].UserAgent, log[0].StatusCode)
        );
        Assert.Equal(("/v2/a/c/tags/list?n=5", 404), (log[2].PathAndQuery, log[2].StatusCode));
        fixture.Registry.ResetRequests();
        Assert.Empty(fixture.Registry.Requests);
    }

    [Fact]
    public async Task Faults_affect_only_their_own_client()
    {
        FakeTimeProvider time = new();
        RequestFault fault = new() { StatusCode = 429, RetryAfterSeconds = 7 };
        await using var fixture = await RegistryFixture.StartAsync(socket: false, new() { TimeProvider = time }, (_, _) => new(fault));
        fixture.Registry.PushImage("a", "demo");
        using HttpClient other = new(fixture.Registry.CreateHandler());

        var refused = await fixture.ExpectErrorAsync((HttpStatusCode)429, "TOOMANYREQUESTS", HttpMethod.Get, "/v2/a/manifests/demo");
        Assert.Equal(TimeSpan.FromSeconds(7), refused.Headers.RetryAfter?.Delta);
        Assert.Equal(
            HttpStatusCode.OK,
            (await other.GetAsync($"http://{fixture.Registry.Host}/v2/a/manifests/demo", Cancellation)).StatusCode
        );

        fault = new() { DropRequest = true };
        await Assert.ThrowsAsync<HttpRequestException>(() => fixture.SendAsync(HttpMethod.Delete, "/v2/a/manifests/demo"));
        Assert.Equal(["demo"], fixture.Registry.Tags("a"));
        fault = new() { DropResponse = true };
        await Assert.ThrowsAsync<HttpRequestException>(() => fixture.SendAsync(HttpMethod.Delete, "/v2/a/manifests/demo"));
        Assert.Empty(fixture.Registry.Tags("a"));

        fault = new() { RequestDelay = TimeSpan.FromSeconds(3), ResponseDelay = TimeSpan.FromSeconds(4) };
        var slow = fixture.SendAsync(HttpMethod.Get, "/v2/");
        time.Advance(TimeSpan.FromSeconds(3));
        Assert.False(slow.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal(HttpStatusCode.OK, (await slow).StatusCode);
    }

    [Fact]
    public async Task A_registry_listens_on_its_port_until_it_is_disposed()
    {
        int port;
        await using (var registry = await StartAsync(new()))
        {
            port = registry.Server!.Port;
            Assert.Equal($"127.0.0.1:{port}", registry.Host);
            await Assert.ThrowsAsync<HttpListenerException>(() => StartAsync(new() { Port = port }));
        }

        using TcpClient nobody = new();
        await Assert.ThrowsAsync<SocketException>(() => nobody.ConnectAsync(IPAddress.Loopback, port, Cancellation).AsTask());
    }

    private static Task<SandboxRegistry> StartAsync(SandboxRegistryOptions options) => SandboxRegistry.StartAsync(options, Cancellation);
}
