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
    private const string Probe = "GET /alive HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

    private static readonly string Long = new('x', 10_000);

    private static readonly IReadOnlyList<WebRoute> Routes =
    [
        new("GET", "/alive", (_, _) => ValueTask.FromResult(PageResponse.Text(200, "alive"))) { IsProbe = true },
        new("GET", "/echo", (request, _) => ValueTask.FromResult(PageResponse.Text(200, $"{request.Query} {request.Header("x-one")}"))),
        new("GET", "/broken", (_, _) => throw new InvalidOperationException("confidential")),
        new("GET", "/long", (_, _) => ValueTask.FromResult(PageResponse.Text(200, Long) with { IsRevalidated = true })),
        new("GET", "/header", (request, _) => ValueTask.FromResult(PageResponse.Of(200).With("X-Name", request.QueryValue("name")!))),
        new("GET", "/items/{name}/tags", (request, _) => ValueTask.FromResult(PageResponse.Text(200, request.RouteValues["name"]))),
        new("POST", "/items", (request, _) => ValueTask.FromResult(PageResponse.Text(200, Encoding.UTF8.GetString(request.Body.Span)))),
    ];

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
        using var server = WebServer.Listen(0, onAllAddresses, Routes, new(_time, _log));
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
        var response = await SendAsync(
            $"{method} /alive HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody"
        );

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
        var response = await SendAsync($"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

        Assert.Equal(404, StatusOf(response));
        Assert.EndsWith("\r\n\r\nNot Found", response, StringComparison.Ordinal);
        Assert.DoesNotContain("Set-Cookie", response, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/alive?a=b")]
    [InlineData("http://localhost/alive")]
    [InlineData("HTTP://localhost:8081/alive?x")]
    public async Task A_query_and_the_form_of_proxies_are_accepted(string target) =>
        Assert.Equal(200, StatusOf(await SendAsync($"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")));

    [Fact]
    public async Task A_page_gets_query_and_headers() =>
        Assert.EndsWith(
            "\r\n\r\na=b?c%20 1, 2",
            await SendAsync("GET /echo?a=b?c%20 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-One:\t1 \r\nx-one: 2\r\n\r\n"),
            StringComparison.Ordinal
        );

    [Theory]
    [InlineData("GET /alive HTTP/1.1\r\n\r\n")]
    [InlineData("GET /alive HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")]
    [InlineData("GET /alive HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n")]
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
        Assert.Equal(
            431,
            StatusOf(await SendAsync($"GET /alive HTTP/1.1\r\nHost: localhost\r\nX: {new string('x', 1024 * 1024)}\r\n\r\n"))
        );
        Assert.Equal(200, StatusOf(await SendAsync(Probe)));
    }

    [Fact]
    public async Task A_connection_serves_requests_one_after_the_other_and_those_that_are_sent_ahead()
    {
        var open = Probe.Replace("Connection: close\r\n", "", StringComparison.Ordinal);
        var post = "POST /items HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nfirst";

        var responses = (await SendAsync(open + post + open + Probe + open)).Split("HTTP/1.1 ", StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal(
            ["alive", "first", "alive", "alive"],
            responses.Select(one => one[(one.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..])
        );
        Assert.Equal(
            [true, true, true, false],
            responses.Select(one => one.Contains("\r\nConnection: keep-alive\r\n", StringComparison.Ordinal))
        );
    }

    [Fact]
    public async Task A_request_of_HTTP_1_0_ends_its_connection() =>
        Assert.Contains("\r\nConnection: close\r\n", await SendAsync("GET /alive HTTP/1.0\r\n\r\n"), StringComparison.Ordinal);

    [Fact]
    public async Task An_idle_connection_is_closed_after_its_response()
    {
        using var client = await ConnectAsync();
        await client.SendAsync(
            Encoding.ASCII.GetBytes(Probe.Replace("Connection: close\r\n", "", StringComparison.Ordinal)),
            TestContext.Current.CancellationToken
        );
        Assert.True(await client.ReceiveAsync(new byte[4096], TestContext.Current.CancellationToken) > 0);
        var reading = ReadAsync(client);
        await PassTimeUntilAsync(() => reading.IsCompleted);

        await PassTimeUntilAsync(() => _server.Connections == 0);
    }

    [Theory]
    [InlineData("Content-Length: 0", "")]
    [InlineData("Content-Length: 3", "a=b")]
    [InlineData("X: y", "")]
    public async Task A_page_gets_the_body_of_a_POST_request(string header, string body)
    {
        var response = await SendAsync($"POST /items HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n\r\n{body}");

        Assert.Equal(200, StatusOf(response));
        Assert.EndsWith("\r\n\r\n" + body, response, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Transfer-Encoding: chunked", 411)]
    [InlineData("Transfer-Encoding: gzip, chunked", 501)]
    [InlineData("Transfer-Encoding: chunked\r\nContent-Length: 4", 400)]
    [InlineData("Transfer-Encoding: xchunked", 501)]
    [InlineData("Content-Length: 4\r\nContent-Length: 4", 400)]
    [InlineData("Content-Length: -1", 400)]
    [InlineData("Content-Length: +4", 400)]
    [InlineData("Content-Length: 4;a", 400)]
    [InlineData("Content-Length: ", 400)]
    [InlineData("Content-Length: 65537", 413)]
    [InlineData("Content-Length: 1073741824", 413)]
    [InlineData("Content-Length: 99999999999999999999", 413)]
    [InlineData("Content-Length: 4\r\nExpect: magic", 417)]
    public async Task A_body_without_a_clear_and_acceptable_length_is_refused(string headers, int status)
    {
        var response = await SendAsync($"POST /items HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n4\r\nzzzz\r\n{Probe}");

        Assert.Equal(status, StatusOf(response));
        Assert.Equal(0, response.LastIndexOf("HTTP/1.1", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_client_that_asks_before_it_sends_a_body_is_told_to_continue()
    {
        using var client = await ConnectAsync();
        await client.SendAsync(
            "POST /items HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"u8.ToArray(),
            TestContext.Current.CancellationToken
        );
        var buffer = new byte[100];
        var length = await client.ReceiveAsync(buffer, TestContext.Current.CancellationToken);
        Assert.Equal("HTTP/1.1 100 Continue\r\n\r\n", Encoding.ASCII.GetString(buffer, 0, length));

        await client.SendAsync("a=b"u8.ToArray(), TestContext.Current.CancellationToken);

        Assert.EndsWith("\r\n\r\na=b", await ReadAsync(client), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_does_not_complete_its_body_is_dropped()
    {
        using var client = await ConnectAsync();
        await client.SendAsync(
            "POST /items HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\na"u8.ToArray(),
            TestContext.Current.CancellationToken
        );
        var reading = ReadAsync(client);
        await PassTimeUntilAsync(() => reading.IsCompleted);

        Assert.Equal("", await reading);
    }

    [Theory]
    [InlineData("/items/a/tags", 200, "a")]
    [InlineData("/items/%61%20b/tags", 200, "a b")]
    [InlineData("/items//tags", 404, "Not Found")]
    [InlineData("/items/../tags", 404, "Not Found")]
    [InlineData("/items/%2e%2e/tags", 404, "Not Found")]
    [InlineData("/items/a%2fb/tags", 404, "Not Found")]
    [InlineData("/items/a%5cb/tags", 404, "Not Found")]
    [InlineData("/items/a%00/tags", 404, "Not Found")]
    [InlineData("/items/a%0d%0ab/tags", 404, "Not Found")]
    [InlineData("/items/%252e%252e/tags", 404, "Not Found")]
    [InlineData("/items/a/b/tags", 404, "Not Found")]
    [InlineData("/items/a/tags/", 404, "Not Found")]
    public async Task A_segment_in_braces_is_a_name_and_never_a_path(string path, int status, string text)
    {
        var response = await SendAsync($"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

        Assert.Equal(status, StatusOf(response));
        Assert.EndsWith("\r\n\r\n" + text, response, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_method_that_another_page_of_the_path_has_is_named()
    {
        var response = await SendAsync("GET /items HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

        Assert.Equal(405, StatusOf(response));
        Assert.Contains("\r\nAllow: POST\r\n", response, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("localhost", 200)]
    [InlineData("LOCALHOST:8081", 200)]
    [InlineData("127.0.0.1", 200)]
    [InlineData("127.0.0.1:8081", 200)]
    [InlineData("[::1]", 200)]
    [InlineData("[::1]:8081", 200)]
    [InlineData("attacker.example.com", 421)]
    [InlineData("localhost.attacker.example.com:8081", 421)]
    [InlineData("127.0.0.1.nip.io", 421)]
    [InlineData("", 421)]
    public async Task On_loopback_another_host_is_refused(string host, int status) =>
        Assert.Equal(status, StatusOf(await SendAsync(Probe.Replace("Host: localhost", $"Host: {host}", StringComparison.Ordinal))));

    [Fact]
    public async Task In_a_pod_every_host_is_accepted()
    {
        using var server = WebServer.Listen(0, onAllAddresses: true, Routes, new(_time, _log));
        using CancellationTokenSource stop = new();
        var running = server.RunAsync(stop.Token);
        using Socket client = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(IPAddress.Loopback, server.Port, TestContext.Current.CancellationToken);
        await client.SendAsync(
            Encoding.ASCII.GetBytes(Probe.Replace("localhost", "10.0.0.7:8081", StringComparison.Ordinal)),
            TestContext.Current.CancellationToken
        );

        Assert.Equal(200, StatusOf(await ReadAsync(client)));
        await stop.CancelAsync();
        await running;
    }

    [Theory]
    [InlineData("X: y", 200)]
    [InlineData("Origin: http://localhost", 200)]
    [InlineData("Origin: https://localhost", 200)]
    [InlineData("Origin: https://attacker.example.com", 403)]
    [InlineData("Origin: http://localhost:8080", 403)]
    [InlineData("Origin: null", 403)]
    [InlineData("Sec-Fetch-Site: same-origin", 200)]
    [InlineData("Sec-Fetch-Site: none", 200)]
    [InlineData("Sec-Fetch-Site: same-site", 403)]
    [InlineData("Sec-Fetch-Site: cross-site\r\nOrigin: http://localhost", 403)]
    public async Task A_POST_request_of_another_site_is_refused(string header, int status) =>
        Assert.Equal(
            status,
            StatusOf(await SendAsync($"POST /items HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n\r\n"))
        );

    [Fact]
    public async Task A_client_that_has_the_current_page_does_not_get_it_again()
    {
        var first = await GetLongAsync("X: y");
        var tag = HeaderOf(first, "ETag");
        var second = await GetLongAsync($"If-None-Match: \"other\", {tag}");
        var third = await GetLongAsync("If-None-Match: \"other\"");

        Assert.EndsWith(Long, first, StringComparison.Ordinal);
        Assert.Equal("private, no-cache", HeaderOf(first, "Cache-Control"));
        Assert.Equal(304, StatusOf(second));
        Assert.EndsWith("\r\n\r\n", second, StringComparison.Ordinal);
        Assert.Equal(tag, HeaderOf(second, "ETag"));
        Assert.Equal(200, StatusOf(third));
    }

    [Theory]
    [InlineData("Accept-Encoding: gzip", true)]
    [InlineData("Accept-Encoding: br, GZIP;q=0.5", true)]
    [InlineData("Accept-Encoding: br", false)]
    [InlineData("Accept-Encoding: gzip;q=0", false)]
    [InlineData("Accept-Encoding: gzip; q=0.000", false)]
    [InlineData("X: y", false)]
    public async Task A_long_page_is_compressed_for_clients_that_accept_it(string header, bool isCompressed)
    {
        var response = await GetLongAsync(header);

        Assert.Equal(isCompressed ? "gzip" : "", HeaderOf(response, "Content-Encoding"));
        var body = Encoding.Latin1.GetBytes(response[(response.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]);
        Assert.Equal(body.Length, int.Parse(HeaderOf(response, "Content-Length"), System.Globalization.CultureInfo.InvariantCulture));
        using System.IO.Compression.GZipStream gzip = new(new MemoryStream(body), System.IO.Compression.CompressionMode.Decompress);
        using StreamReader reader = new(isCompressed ? gzip : new MemoryStream(body));
        Assert.Equal(Long, await reader.ReadToEndAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_page_cannot_be_made_to_send_a_header_of_the_client()
    {
        var response = await SendAsync(
            "GET /header?name=a%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        );

        Assert.Equal(500, StatusOf(response));
        Assert.DoesNotContain("Set-Cookie", response, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Probes_are_answered_while_all_other_pages_wait()
    {
        TaskCompletionSource released = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var started = 0;
        WebRoute slow = new(
            "GET",
            "/slow",
            async (_, _) =>
            {
                Interlocked.Increment(ref started);
                await released.Task;
                return PageResponse.Text(200, "slow");
            }
        );
        using var server = WebServer.Listen(0, onAllAddresses: false, [slow, .. Routes], new(_time, _log));
        using CancellationTokenSource stop = new();
        var running = server.RunAsync(stop.Token);
        using HttpClient client = new() { BaseAddress = new Uri($"http://localhost:{server.Port}") };
        var waiting = Enumerable.Range(0, 100).Select(_ => client.GetStringAsync("slow", TestContext.Current.CancellationToken)).ToList();
        while (Volatile.Read(ref started) < PageDispatcher.MaxConcurrentPages)
            await Task.Yield();

        Assert.Equal("alive", await client.GetStringAsync("alive", TestContext.Current.CancellationToken));
        Assert.Equal(PageDispatcher.MaxConcurrentPages, Volatile.Read(ref started));
        released.SetResult();
        Assert.All(await Task.WhenAll(waiting), text => Assert.Equal("slow", text));
        await stop.CancelAsync();
        await running;
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
    [InlineData("GET /alive HTTP/1.1\nHost: localhost\n\n")]
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
    public async Task Idle_connections_do_not_keep_a_probe_out()
    {
        List<Socket> idle = [];
        for (var i = 0; i < WebServer.MaxConnections + 50; i++)
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
        var error = Assert.Throws<CvException>(() => WebServer.Listen(_server.Port, onAllAddresses: false, Routes, new(_time, _log)));

        Assert.Equal("PortInUse", error.ErrorId);
        Assert.Equal($"{_server.Port}", error.Target);
        Assert.Equal(
            "PortInUse",
            Assert.Throws<CvException>(() => WebServer.Listen(_server.Port, onAllAddresses: true, Routes, new(_time, _log))).ErrorId
        );
    }

    [Fact]
    public async Task The_port_can_be_used_again_as_soon_as_the_server_is_gone()
    {
        Assert.Equal(200, StatusOf(await SendAsync(Probe)));
        await _stop.CancelAsync();
        await _running;
        _server.Dispose();

        using var next = WebServer.Listen(_server.Port, onAllAddresses: false, Routes, new(_time, _log));

        Assert.Equal(_server.Port, next.Port);
    }

    private void Start(bool onAllAddresses)
    {
        _server = WebServer.Listen(0, onAllAddresses, Routes, new(_time, _log));
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

    private Task<string> GetLongAsync(string header) =>
        SendAsync($"GET /long HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n\r\n");

    /// <summary>The value of a header; empty for none.</summary>
    private static string HeaderOf(string response, string name) =>
        response
            .Split("\r\n\r\n")[0]
            .Split("\r\n")
            .FirstOrDefault(line => line.StartsWith(name + ": ", StringComparison.Ordinal), "")
            .Split(": ", 2)[^1];

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
