using System.Net;
using System.Net.Sockets;
using System.Text;
using CvManager.Support;
using CvManager.Web;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Web;

public sealed class WebServerTests : IAsyncLifetime
{
    private const string Probe = "GET /alive HTTP/1.1\r\nHost: pod\r\n\r\n";

    private static readonly Dictionary<string, WebPage> Pages = new()
    {
        ["/alive"] = (_, _) => ValueTask.FromResult(PageResponse.Text(200, "alive")),
        ["/echo"] = (request, _) => ValueTask.FromResult(PageResponse.Text(200, $"{request.Query} {request.Headers["x-one"]}")),
        ["/broken"] = (_, _) => throw new InvalidOperationException("confidential"),
    };

    private readonly FakeTimeProvider _time = new();
    private readonly EventLog _log = new();
    private readonly CancellationTokenSource _stop = new();
    private WebServer _server = null!;
    private Task _running = null!;

    public static bool HasIPv6 => Socket.OSSupportsIPv6;

    public ValueTask InitializeAsync()
    {
        Start(onAllAddresses: false);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _server.Dispose();
        _stop.Dispose();
    }

    [Theory]
    [InlineData("127.0.0.1", false)]
    [InlineData("[::1]", false)]
    [InlineData("127.0.0.1", true)]
    [InlineData("[::1]", true)]
    public async Task Pages_are_served_on_both_loopback_addresses(string host, bool onAllAddresses)
    {
        Assert.SkipUnless(HasIPv6 || host == "127.0.0.1", "This machine has no IPv6.");
        using var server = WebServer.Listen(0, onAllAddresses, Pages, new(_time, _log));
        var running = server.RunAsync(_stop.Token);
        using HttpClient client = new();

        using var response = await client.GetAsync(new Uri($"http://{host}:{server.Port}/alive"), TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("alive", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal("text/plain; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal("default-src 'none'; frame-ancestors 'none'", response.Headers.GetValues("Content-Security-Policy").Single());
        Assert.True(response.Headers.CacheControl!.NoStore);
        await _stop.CancelAsync();
        await running;
    }

    [Fact]
    public async Task Without_access_from_outside_other_addresses_are_refused()
    {
        var other = (await Dns.GetHostAddressesAsync(Dns.GetHostName(), TestContext.Current.CancellationToken)).FirstOrDefault(address =>
            !IPAddress.IsLoopback(address)
        );
        Assert.SkipWhen(other is null, "This machine has no address but loopback.");
        using Socket client = new(other!.AddressFamily, SocketType.Stream, ProtocolType.Tcp);

        await Assert.ThrowsAsync<SocketException>(async () =>
            await client.ConnectAsync(other, _server.Port, TestContext.Current.CancellationToken)
        );
    }

    [Fact]
    public async Task A_HEAD_request_gets_the_headers_of_the_GET_request_without_its_body()
    {
        var get = await SendAsync(Probe);
        var head = await SendAsync(Probe.Replace("GET", "HEAD", StringComparison.Ordinal));

        Assert.Equal(get[..^"alive".Length], head);
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    [InlineData("OPTIONS")]
    [InlineData("TRACE")]
    [InlineData("CONNECT")]
    [InlineData("get")]
    [InlineData("BREW")]
    public async Task Other_methods_are_not_allowed(string method)
    {
        var response = await SendAsync($"{method} /alive HTTP/1.1\r\nHost: pod\r\nContent-Length: 4\r\n\r\nbody");

        Assert.Equal(405, StatusOf(response));
        Assert.Contains("\r\nAllow: GET, HEAD\r\n", response, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/ALIVE")]
    [InlineData("/alive/")]
    [InlineData("//alive")]
    [InlineData("/x/../alive")]
    [InlineData("/../../etc/passwd")]
    [InlineData("/%2e%2e/%2e%2e/etc/passwd")]
    [InlineData("/%61live")]
    [InlineData("/alive%00")]
    [InlineData("/alive%0d%0aSet-Cookie:%20a=b")]
    public async Task Other_paths_are_not_found_and_do_not_appear_in_the_response(string path)
    {
        var response = await SendAsync($"GET {path} HTTP/1.1\r\nHost: pod\r\n\r\n");

        Assert.Equal(404, StatusOf(response));
        Assert.EndsWith("\r\n\r\nNot Found", response, StringComparison.Ordinal);
        Assert.DoesNotContain("Set-Cookie", response, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/alive?a=b")]
    [InlineData("http://pod/alive")]
    [InlineData("HTTP://pod:8081/alive?x")]
    public async Task A_query_and_the_form_of_proxies_are_accepted(string target) =>
        Assert.Equal(200, StatusOf(await SendAsync($"GET {target} HTTP/1.1\r\nHost: pod\r\n\r\n")));

    [Fact]
    public async Task A_page_gets_query_and_headers() =>
        Assert.EndsWith(
            "\r\n\r\na=b?c%20 1, 2",
            await SendAsync("GET /echo?a=b?c%20 HTTP/1.1\r\nHost: pod\r\nX-One:\t1 \r\nx-one: 2\r\n\r\n"),
            StringComparison.Ordinal
        );

    [Theory]
    [InlineData("GET /alive HTTP/1.1\r\n\r\n")]
    [InlineData("GET /alive HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")]
    [InlineData("GET /alive HTTP/1.1\r\nHost : a\r\n\r\n")]
    [InlineData("GET /alive HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n")]
    [InlineData("GET /alive HTTP/1.1\r\nHost: a\nX: b\r\n\r\n")]
    [InlineData("GET /alive HTTP/1.1\r\nHost: a\rX: b\r\n\r\n")]
    [InlineData("GET /alive HTTP/1.1\r\nHost: a\0\r\n\r\n")]
    [InlineData("GET /alive HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n")]
    [InlineData("GET  /alive HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET alive HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET /alive\r\nHost: a\r\n\r\n")]
    [InlineData("GET /alive SMTP\r\nHost: a\r\n\r\n")]
    [InlineData("\r\n\r\n")]
    [InlineData("\u0016\u0003\u0001 TLS client hello\r\n\r\n")]
    public async Task A_malformed_request_is_refused(string request) => Assert.Equal(400, StatusOf(await SendAsync(request)));

    [Fact]
    public async Task Another_version_of_HTTP_is_refused() =>
        Assert.Equal(505, StatusOf(await SendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")));

    [Fact]
    public async Task A_header_of_a_megabyte_is_refused_and_the_client_reads_why()
    {
        Assert.Equal(431, StatusOf(await SendAsync($"GET /alive HTTP/1.1\r\nHost: pod\r\nX: {new string('x', 1024 * 1024)}\r\n\r\n")));
        Assert.Equal(200, StatusOf(await SendAsync(Probe)));
    }

    [Fact]
    public async Task A_request_that_is_pipelined_behind_another_one_is_ignored()
    {
        var response = await SendAsync(Probe + Probe);

        Assert.Equal(200, StatusOf(response));
        Assert.Equal(response.IndexOf("HTTP/1.1", StringComparison.Ordinal), response.LastIndexOf("HTTP/1.1", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_request_in_many_pieces_is_served()
    {
        using var client = await ConnectAsync();
        foreach (var part in Probe.Chunk(1))
            await client.SendAsync(Encoding.ASCII.GetBytes(part), TestContext.Current.CancellationToken);

        Assert.Equal(200, StatusOf(await ReadAsync(client)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("GET /alive HTTP/1.1\r\nHost: p")]
    [InlineData("GET /alive HTTP/1.1\nHost: pod\n\n")]
    public async Task A_client_that_does_not_complete_its_header_is_dropped(string sent)
    {
        using var client = await ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes(sent), TestContext.Current.CancellationToken);
        var reading = ReadAsync(client);
        await PassTimeUntilAsync(() => reading.IsCompleted);

        Assert.Equal("", await reading);
        await PassTimeUntilAsync(() => _server.Connections == 0);
    }

    [Fact]
    public async Task A_client_that_does_not_close_its_connection_is_dropped()
    {
        using var client = await ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes(Probe), TestContext.Current.CancellationToken);
        Assert.Equal(200, StatusOf(await ReadAsync(client)));

        await PassTimeUntilAsync(() => _server.Connections == 0);
    }

    [Fact]
    public async Task A_hundred_idle_connections_do_not_keep_a_probe_out()
    {
        List<Socket> idle = [];
        for (var i = 0; i < 100; i++)
            idle.Add(await ConnectAsync());

        Assert.Equal(200, StatusOf(await SendAsync(Probe)));
        Assert.InRange(_server.Connections, 1, WebServer.MaxConnections);
        // The oldest was closed, the newest was not.
        Assert.Equal("", await ReadAsync(idle[0]));
        await idle[^1].SendAsync(Encoding.ASCII.GetBytes(Probe), TestContext.Current.CancellationToken);
        Assert.Equal(200, StatusOf(await ReadAsync(idle[^1])));
        foreach (var client in idle)
            client.Dispose();
    }

    [Fact]
    public async Task A_client_that_resets_its_connection_affects_no_other_one()
    {
        for (var i = 0; i < 20; i++)
        {
            using var client = await ConnectAsync();
            client.LingerState = new LingerOption(enable: true, seconds: 0);
            await client.SendAsync(Encoding.ASCII.GetBytes(Probe[..10]), TestContext.Current.CancellationToken);
        }

        Assert.Equal(200, StatusOf(await SendAsync(Probe)));
        Assert.Empty(_log.Events);
    }

    [Fact]
    public async Task An_exception_of_a_page_is_logged_and_not_shown()
    {
        var response = await SendAsync(Probe.Replace("/alive", "/broken", StringComparison.Ordinal));

        Assert.Equal(500, StatusOf(response));
        Assert.DoesNotContain("confidential", response, StringComparison.Ordinal);
        Assert.Equal("UnexpectedError", Assert.Single(_log.Of(LogEvents.PageFailed)).ErrorId);
    }

    [Fact]
    public async Task Stopping_closes_all_connections_and_a_second_run_serves_again()
    {
        using var client = await ConnectAsync();
        Assert.Equal(200, StatusOf(await SendAsync(Probe)));
        using CancellationTokenSource again = new();

        await _stop.CancelAsync();
        await _running;
        Assert.Equal("", await ReadAsync(client));
        Assert.Equal(0, _server.Connections);

        var second = _server.RunAsync(again.Token);
        Assert.Equal(200, StatusOf(await SendAsync(Probe)));
        await again.CancelAsync();
        await second;
    }

    [Fact]
    public void A_port_in_use_is_an_error_that_names_it()
    {
        var error = Assert.Throws<CvException>(() => WebServer.Listen(_server.Port, onAllAddresses: false, Pages, new(_time, _log)));

        Assert.Equal("PortInUse", error.ErrorId);
        Assert.Equal($"{_server.Port}", error.Target);
        Assert.Equal(
            "PortInUse",
            Assert.Throws<CvException>(() => WebServer.Listen(_server.Port, onAllAddresses: true, Pages, new(_time, _log))).ErrorId
        );
    }

    [Fact]
    public async Task The_port_can_be_used_again_as_soon_as_the_server_is_gone()
    {
        Assert.Equal(200, StatusOf(await SendAsync(Probe)));
        await _stop.CancelAsync();
        await _running;
        _server.Dispose();

        using var next = WebServer.Listen(_server.Port, onAllAddresses: false, Pages, new(_time, _log));

        Assert.Equal(_server.Port, next.Port);
    }

    private void Start(bool onAllAddresses)
    {
        _server = WebServer.Listen(0, onAllAddresses, Pages, new(_time, _log));
        _running = _server.RunAsync(_stop.Token);
    }

    private async Task<Socket> ConnectAsync()
    {
        Socket client = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(IPAddress.Loopback, _server.Port, TestContext.Current.CancellationToken);
        return client;
    }

    /// <summary>Sends a request, and returns the whole response.</summary>
    private async Task<string> SendAsync(string request)
    {
        using var client = await ConnectAsync();
        await client.SendAsync(Encoding.Latin1.GetBytes(request), TestContext.Current.CancellationToken);
        return await ReadAsync(client);
    }

    /// <summary>Reads until the server ends the connection; empty for no response.</summary>
    private static async Task<string> ReadAsync(Socket client)
    {
        StringBuilder all = new();
        var buffer = new byte[4096];
        try
        {
            while (await client.ReceiveAsync(buffer, TestContext.Current.CancellationToken) is > 0 and var read)
                all.Append(Encoding.Latin1.GetString(buffer, 0, read));
        }
        catch (SocketException)
        {
            // Reset.
        }

        return all.ToString();
    }

    private static int StatusOf(string response) =>
        response.StartsWith("HTTP/1.1 ", StringComparison.Ordinal)
            ? int.Parse(response[9..12], System.Globalization.CultureInfo.InvariantCulture)
            : 0;

    /// <summary>Passes virtual time; the server starts its timers on other threads.</summary>
    private async Task PassTimeUntilAsync(Func<bool> so)
    {
        while (!so())
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
    }
}
