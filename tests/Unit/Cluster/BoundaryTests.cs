using CsCheck;
using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Support.Cluster;
using Xunit;

namespace CvManager.Unit.Cluster;

/// <summary>Any text in a kubeconfig, a proxy variable or a response of an API server causes at most a <see cref="CvException"/>.</summary>
public sealed class BoundaryTests
{
    private const string KubeConfigText = """
        apiVersion: v1
        kind: Config
        current-context: x
        clusters: [{name: c, cluster: {server: "https://a.test/b", tls-server-name: n, proxy-url: "http://p.test", certificate-authority-data: QUJD, insecure-skip-tls-verify: false}}]
        users: [{name: u, user: {token: t, as: a, as-groups: [g], as-user-extra: {k: [v]}, exec: {apiVersion: client.authentication.k8s.io/v1, command: c, env: [{name: N, value: v}], interactiveMode: Never}}}]
        contexts: [{name: x, context: {cluster: c, user: u, namespace: s}}]
        """;

    private const string StatusText =
        """{"kind":"Status","code":403,"reason":"Forbidden","message":"m","details":{"name":"n","causes":[{"reason":"r","field":"f"}]}}""";

    private const string ListText =
        """{"kind":"L","metadata":{"resourceVersion":"1","continue":""},"items":[{"metadata":{"name":"a","namespace":"b","resourceVersion":"2"},"spec":{"a":1}}]}""";

    private const string ChangeText =
        """{"type":"ADDED","object":{"metadata":{"name":"a","namespace":"b","resourceVersion":"2"},"code":410}}""";

    private static readonly ResourcePath Path = new("apps", "v1", "deployments", "shop");

    private static readonly string[] Odd =
    [
        "{",
        "}",
        "[",
        "]",
        ":",
        ": ",
        ",",
        "\"",
        "'",
        "&a ",
        "*a",
        "*b",
        "null",
        "5",
        "1.5",
        "1e999",
        "true",
        "\n",
        "\n  ",
        "- ",
        "|",
        ">",
        "!!str ",
        "!x ",
        "%",
        "#",
        "---\n",
        "\t",
        "\0",
        "\u001b",
        "\ud800",
        "\ufeff",
        "<<: ",
        "\"metadata\":",
        "\"name\":\"a\",",
        "? ",
        "~",
        "0x",
        "0o9",
        "://",
        "@",
        "/",
        "%zz",
        "é",
        "ERROR",
        "BOOKMARK",
        "items",
        "::1",
        "[::",
        "10.0.0.0/99",
    ];

    private static readonly Gen<string> Pieces = Gen.Int[0, Odd.Length - 1].Select(i => Odd[i]);

    [Fact]
    public void A_kubeconfig_with_any_text_fails_only_with_a_CvException() =>
        Damaged(KubeConfigText)
            .Sample(
                text =>
                    Bears(() =>
                    {
                        if (KubeConfigFile.Parse(text, "/folder/config", "/folder") is { } config)
                        {
                            KubeConfig whole = new()
                            {
                                Contexts = config.Contexts ?? [],
                                Clusters = config.Clusters ?? [],
                                Users = config.Users ?? [],
                            };
                            foreach (var context in whole.Contexts!)
                                ClusterAccess.OfContext(whole, context.Name, "config", TimeProvider.System).Handler.Dispose();
                        }
                    }),
                iter: 3000,
                threads: 1
            );

    [Fact]
    public void A_manifest_with_any_text_fails_only_with_a_CvException() =>
        Gen.OneOf(Damaged(KubeConfigText), Damaged(ListText), Gen.String[0, 60])
            .Sample(text => Bears(() => Assert.All(YamlDocuments.Read(text), node => node.ToJsonString())), iter: 3000, threads: 1);

    [Fact]
    public void An_error_response_with_any_body_fails_only_with_a_CvException() =>
        Gen.Select(Gen.Int[300, 599], Damaged(StatusText))
            .Sample(
                (code, body) => Assert.NotEmpty(ClusterErrors.FromResponse(code, body, HttpMethod.Get, "deployments.apps").ErrorId),
                iter: 3000,
                threads: 1
            );

    [Fact]
    public async Task A_response_with_any_body_fails_only_with_a_CvException() =>
        await Damaged(ListText)
            .SampleAsync(
                body =>
                    BearsAsync(async () =>
                    {
                        using var server = FakeApiServer.Always(200, body);
                        using var cluster = server.Connect();
                        Assert.NotNull(
                            (
                                await cluster.ListAsync(
                                    Path,
                                    null,
                                    null,
                                    item => ObjectShape.Validate(item)["spec"]!["a"]!.GetValue<int>(),
                                    TestContext.Current.CancellationToken
                                )
                            ).Unreadable
                        );
                    }),
                iter: 1000,
                threads: 1
            );

    [Fact]
    public async Task A_watch_with_any_lines_fails_only_with_a_CvException() =>
        await Damaged(ChangeText)
            .SampleAsync(
                line =>
                    BearsAsync(async () =>
                    {
                        using var server = FakeApiServer.Always(200, line + "\n" + ChangeText);
                        using var cluster = server.Connect();
                        await foreach (
                            var change in cluster.WatchAsync(
                                Path,
                                null,
                                "1",
                                60,
                                item => ObjectShape.Validate(item)["metadata"]!["name"]!.GetValue<string>(),
                                TestContext.Current.CancellationToken
                            )
                        )
                            Assert.NotEmpty(change.Type + ".");
                    }),
                iter: 1000,
                threads: 1
            );

    [Fact]
    public void Proxy_variables_with_any_text_fail_only_with_a_CvException() =>
        Gen.Select(Damaged("http://me:pw@proxy.test:3128"), Damaged("10.0.0.0/8,.svc,a.test:443,[::1]:5,*.b.test"))
            .Sample(
                (proxy, noProxy) =>
                    Bears(() =>
                        ProxySettings
                            .Of(name =>
                                name switch
                                {
                                    "HTTPS_PROXY" => proxy,
                                    "NO_PROXY" => noProxy,
                                    _ => null,
                                }
                            )
                            .GetProxy(new Uri("https://10.1.2.3:6443"))
                    ),
                iter: 3000,
                threads: 1
            );

    [Theory]
    [InlineData("a: &a [*a]")]
    [InlineData("a: &a {b: *a}")]
    [InlineData("&a a: *a")]
    [InlineData("? [a, b]\n: c")]
    [InlineData("a: !System.Diagnostics.Process {}")]
    [InlineData("a: \"\\ud800\"")]
    [InlineData("a: 1e400")]
    public void YAML_without_a_JSON_equivalent_is_rejected(string text) =>
        Assert.Equal("ManifestInvalid", Assert.Throws<CvException>(() => YamlDocuments.Read(text)).ErrorId);

    [Fact]
    public void Depth_is_limited_with_and_without_aliases()
    {
        var chain = "a0: &a0 [x]\n" + string.Concat(Enumerable.Range(1, 1000).Select(i => $"a{i}: &a{i} [*a{i - 1}]\n"));
        string[] texts =
        [
            new string('[', 20_000) + new string(']', 20_000),
            string.Concat(Enumerable.Repeat("{\"a\":", 100_000)),
            string.Concat(Enumerable.Range(0, 1500).Select(i => new string(' ', i) + "a:\n")),
            chain,
        ];

        Assert.All(texts, text => Assert.Equal("ManifestInvalid", Assert.Throws<CvException>(() => YamlDocuments.Read(text)).ErrorId));
        Assert.Single(YamlDocuments.Read(new string('[', 59) + new string(']', 59)));
    }

    [Fact]
    public void Characters_are_limited_with_aliases() =>
        Assert.Equal(
            "ManifestTooLarge",
            Assert
                .Throws<CvException>(() =>
                    YamlDocuments.Read(
                        "a: &a " + new string('x', 100_000) + "\nb: [" + string.Join(", ", Enumerable.Repeat("*a", 1000)) + "]"
                    )
                )
                .ErrorId
        );

    [Fact]
    public void Aliases_resolve_to_their_anchors() =>
        Assert.Equal(
            """{"a":{"b":[1,"2"]},"c":{"b":[1,"2"]},"d":null}""",
            YamlDocuments.Read("a: &a {b: [1, !!str 2]}\nc: *a\nd: &d\n").Single().ToJsonString()
        );

    /// <summary>The text with random insertions and deletions.</summary>
    private static Gen<string> Damaged(string text) =>
        Gen.Select(Gen.Int[0, text.Length], Gen.Int[0, 12], Pieces)
            .Array[1, 4]
            .Select(changes =>
            {
                var damaged = text;
                foreach ((var at, var length, var piece) in changes)
                {
                    var begin = Math.Min(at, damaged.Length);
                    damaged = damaged[..begin] + piece + damaged[Math.Min(begin + length, damaged.Length)..];
                }

                return damaged;
            });

    private static void Bears(Action read)
    {
        try
        {
            read();
        }
        catch (CvException)
        {
            // Expected.
        }
    }

    private static async Task BearsAsync(Func<Task> read)
    {
        try
        {
            await read();
        }
        catch (CvException)
        {
            // Expected.
        }
    }
}
