using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Records;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Registries.Oci;
using CvManager.Resources;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Schemas;
using CvManager.Versions;

namespace CvManager.Fuzz;

/// <summary>A parser of untrusted input.</summary>
/// <param name="Name">The name on the command line.</param>
/// <param name="Samples">Valid inputs to mutate.</param>
/// <param name="ReadAsync">Parses an input.</param>
internal sealed record Target(string Name, IReadOnlyList<byte[]> Samples, Func<byte[], CancellationToken, Task> ReadAsync)
{
    private const string Digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    private static readonly ImageRepository Repository = ImageRepository.Parse("registry.test/team/app");

    /// <summary>Words of the format, which are inserted into inputs.</summary>
    public IReadOnlyList<byte[]> Words { get; init; } = [];

    /// <summary>
    /// Whether an exception other than CvException is expected: the sandbox has its own exceptions, like those of an API server.
    /// </summary>
    public Func<Exception, bool> IsExpected { get; init; } = _ => false;

    public static IReadOnlyList<Target> All() =>
        [
            OfText(
                "reference",
                text =>
                {
                    _ = ImageReference.TryParse(text, out _);
                    if (ImageRepository.TryParse(text, out var repository))
                        RegistryAddress.Of(repository, new RegistryClientOptions());
                    ImageReference.Parse(text);
                },
                "nginx",
                "registry.example.com:5000/team/app:v1@" + Digest,
                "[::1]:5000/app:demo",
                "123456789012.dkr.ecr.us-east-1.amazonaws.com/a/b",
                "127.0.0.1/a",
                "docker.io/library/nginx"
            ),
            OfText(
                "yaml",
                text =>
                {
                    foreach (var manifest in YamlDocuments.Read(text).OfType<JsonObject>())
                    {
                        if (ContainerVersionValidator.Validate(manifest).Count == 0)
                            ContainerVersionManifest.Write(ContainerVersionManifest.Read(manifest));
                    }
                },
                Manifest,
                "a: [1, {b: c}]\n---\nd: &x {e: f}\ng: *x\n",
                "- 'a'\n- \"b\\n\"\n- |\n  c\n- 1.5\n- 2026-01-01\n"
            ),
            OfText(
                "resource",
                text =>
                {
                    var manifest = Parse(text);
                    if (ContainerVersionValidator.Validate(manifest).Count == 0)
                        ContainerVersionManifest.Write(ContainerVersionManifest.Read(manifest));
                },
                Resource
            ),
            OfText(
                "kubeconfig",
                text =>
                {
                    var file = Path.Combine(Path.GetTempPath(), $"cvm-fuzz-kubeconfig-{Environment.ProcessId}");
                    File.WriteAllText(file, text);
                    KubeConfigFile.ReadContexts(file);
                },
                KubeConfig
            ),
            new(
                "dockerconfig",
                [.. DockerConfigs.Select(Encoding.UTF8.GetBytes)],
                async (input, token) =>
                {
                    DockerConfigText config = new(Encoding.UTF8.GetString(input), "the secret default/login");
                    await config.FindAsync(Repository, token);
                }
            ),
            OfText(
                "challenge",
                text => Challenge.ParseAll(text.Split('\n')),
                "Bearer realm=\"https://auth.test/token\",service=\"registry.test\",scope=\"repository:a:pull\"",
                "Basic realm=x",
                "Negotiate, Bearer realm=https://a/b, Basic"
            ),
            new(
                "versions",
                [.. Syntaxes.Select(line => Encoding.UTF8.GetBytes($"{line}\n{Tags}"))],
                async (input, token) =>
                {
                    var lines = Encoding.UTF8.GetString(input).Split('\n');
                    await VersionSyntax.Of(lines[0]).MatchingAsync(lines.Skip(1), token);
                    FollowedPolicy policy = lines[0].Split(':', 2) is ["semver", var range]
                        ? new SemverPolicy(range)
                        : new RegexPolicy(lines[0], VersionPolicySpec.Numeric);
                    await VersionPolicy.Of(policy).ChooseAsync(lines[1..], token);
                }
            ),
            OfText(
                "history",
                text =>
                {
                    JsonObject map = new()
                    {
                        ["data"] = new JsonObject { ["records"] = text, ["Info"] = text },
                    };
                    HistoryDocument.Read(map["data"]!.AsObject());
                    HistoryDocument.Add(map, HistoryDocument.Read(map["data"]!.AsObject()) ?? [], out _);
                },
                Records
            ),
            OfRegistry(
                "registry-find",
                (registry, token) => registry.FindTagAsync(Repository, "demo", token),
                ManifestResponse,
                Challenged,
                Redirected
            ),
            OfRegistry(
                "registry-list",
                async (registry, token) =>
                {
                    var tags = 0;
                    await foreach (var _ in registry.ListTagsAsync(Repository, token))
                        tags++;
                },
                TagResponses,
                Challenged
            ),
            OfRegistry(
                "registry-labels",
                (registry, token) => registry.ReadLabelsAsync(Repository, Digest, token),
                ManifestResponse,
                IndexResponse,
                Challenged
            ),
            OfRegistry(
                "registry-add",
                (registry, token) => registry.AddTagAsync(Repository, "v1", "demo", token),
                ManifestResponse,
                IndexResponse,
                Challenged
            ),
            OfCluster(
                "cluster-get",
                (cluster, token) => cluster.GetAsync(new ResourcePath("apps", "v1", "deployments", "a", "b"), token),
                Ok(Resource),
                Failure
            ),
            OfCluster(
                "cluster-list",
                (cluster, token) => cluster.ListAsync(new ResourcePath("custom.k8s.io", "v1", "containerversions"), null, null, token),
                Ok("{\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[" + Resource + "]}"),
                Failure
            ),
            OfCluster(
                "cluster-store",
                (cluster, token) => new ContainerVersionStore(cluster).GetAsync("a", "b", token),
                Ok(Resource),
                Failure
            ),
            OfCluster(
                "cluster-watch",
                async (cluster, token) =>
                {
                    var events = 0;
                    await foreach (
                        (var _, var _) in cluster.WatchAsync(
                            new ResourcePath("custom.k8s.io", "v1", "containerversions"),
                            null,
                            "1",
                            30,
                            token
                        )
                    )
                        events++;
                },
                Ok(
                    $$$$"""
                    {"type":"ADDED","object":{{{{Resource}}}}}
                    {"type":"BOOKMARK","object":{"kind":"ContainerVersion","metadata":{"resourceVersion":"9"}}}
                    {"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}}

                    """
                ),
                Failure
            ),
            new(
                "sandbox-protobuf",
                [ProtobufSample],
                (input, _) =>
                {
                    ProtobufBody.Parse(input, (_, kind) => BuiltInSchemas.All.GetValueOrDefault(kind));
                    return Task.CompletedTask;
                }
            )
            {
                IsExpected = e => e is ApiException or JsonException,
            },
            new(
                "sandbox-yaml",
                [.. new[] { Manifest, "a: &x [1]\nb: *x\n" }.Select(Encoding.UTF8.GetBytes)],
                (input, _) =>
                {
                    YamlText.Parse(input);
                    return Task.CompletedTask;
                }
            )
            {
                IsExpected = e => e is JsonException,
            },
        ];

    private static Target OfText(string name, Action<string> read, params string[] samples) =>
        new(
            name,
            [.. samples.Select(Encoding.UTF8.GetBytes)],
            (input, _) =>
            {
                read(Encoding.UTF8.GetString(input));
                return Task.CompletedTask;
            }
        );

    private static Target OfRegistry(string name, Func<IRegistry, CancellationToken, Task> read, params string[] samples) =>
        new(
            name,
            [.. samples.Select(Encoding.UTF8.GetBytes)],
            async (input, token) =>
            {
                using ScriptedResponses responses = new(input);
                // Retries do not wait.
                RegistryClientOptions options = new()
                {
                    Retries = 1,
                    RetryDelay = TimeSpan.FromMilliseconds(1),
                    MaxRetryAfter = TimeSpan.FromMilliseconds(1),
                    RequestsPerSecond = 1e6,
                };
                using RegistryCatalog catalog = new(
                    options,
                    new FixedCredential(RegistryCredential.OfPassword("user", "password")),
                    responses
                );
                await read(catalog.For(Repository), token);
            }
        )
        {
            Words = [.. ManifestWords.Select(Encoding.UTF8.GetBytes)],
        };

    private static Target OfCluster(string name, Func<ClusterConnection, CancellationToken, Task> read, params string[] samples) =>
        new(
            name,
            [.. samples.Select(Encoding.UTF8.GetBytes)],
            async (input, token) =>
            {
                using ScriptedResponses responses = new(input);
                using var cluster = ClusterConnection.FromHandler(responses, new Uri("https://api.test"), "token");
                await read(cluster, token);
            }
        )
        {
            Words = [.. ClusterWords.Select(Encoding.UTF8.GetBytes)],
        };

    /// <summary>Returns an empty object for input that is not a JSON object, because an earlier parser rejects it.</summary>
    private static JsonObject Parse(string text)
    {
        try
        {
            // An earlier parser rejects duplicate names.
            return JsonNode.Parse(text, null, new JsonDocumentOptions { AllowDuplicateProperties = false }) as JsonObject ?? [];
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            return [];
        }
    }

    private static string Ok(string body) => $"HTTP 200\nContent-Type: application/json\n\n{body}";

    private static readonly string[] ManifestWords =
    [
        "\n=====\n",
        "HTTP 401\n",
        "HTTP 404\n",
        "HTTP 429\nRetry-After: 7\n",
        "HTTP 307\nLocation: http://other.test/\n",
        "Link: </v2/team/app/tags/list?last=a>; rel=\"next\"\n",
        "Docker-Content-Digest: " + Digest + "\n",
        "WWW-Authenticate: Bearer realm=\"https://auth.test/\"\n",
        "RateLimit-Remaining: 1;w=60\n",
        "application/vnd.oci.image.index.v1+json",
        "expires_in",
        "\"errors\":[{\"code\":\"X\",\"message\":\"y\"}]",
    ];

    private static readonly string[] ClusterWords =
    [
        "\n=====\n",
        "HTTP 500\n",
        "HTTP 409\n",
        "HTTP 429\nRetry-After: 1\n",
        "\"type\":\"ERROR\"",
        "\"reason\":\"Conflict\"",
        "\"details\":{\"causes\":[{}]}",
        "\"spec\":null",
        "\"code\":\"410\"",
    ];

    private static readonly string[] DockerConfigs =
    [
        """{"auths":{"registry.test":{"auth":"dXNlcjpwYXNzd29yZA=="},"https://index.docker.io/v1/":{"username":"a","password":"b"}}}""",
        """{"auths":{"registry.test/team":{"identitytoken":"abc","auth":"dXNlcjo="}},"credHelpers":{"other.test":"x"},"credsStore":"y"}""",
    ];

    private static readonly string[] Syntaxes =
    [
        "[0-9a-f]{7,40}",
        "semver:>=1.2 <2",
        "^main-([0-9]+)$",
        "main-.*",
        $"(a+)+b\n{new string('a', 60)}",
    ];

    private const string Tags = "1.2.3\n1.2.4-rc.1\nmain-17\nmain-5\nabcdef1\n2026.01.02\nv1.2.3.4\nlatest";

    private const string Manifest = """
        apiVersion: custom.k8s.io/v1
        kind: ContainerVersion
        metadata: {name: app, labels: {a: b}}
        spec:
          imageRepo: registry.example.com/team/app
          tag: demo
          versionSyntax: '[0-9a-f]{7,40}'
          selector: {cvapp: app}
          container: {name: main, verify: [{kind: Image, image: tests, tag: demo, timeoutSeconds: 60}]}
          strategy: {kind: ServiceBlueGreen, blueGreen: {serviceName: app, labelNames: [colour]}}
          config: {name: app}
        """;

    private const string Resource = """
        {"apiVersion":"custom.k8s.io/v1","kind":"ContainerVersion","metadata":{"name":"b","namespace":"a","uid":"u","resourceVersion":"5","generation":1,"creationTimestamp":"2026-01-02T03:04:05Z","annotations":{"x":"y"},"ownerReferences":[{"name":"o"}]},"spec":{"imageRepo":"r.test/a","tag":"demo","pollIntervalSeconds":300,"selector":{"cvapp":"a"},"container":{"name":"a","verify":[{"kind":"Image","image":"t","tag":"x"}]},"strategy":{"kind":"Rolling"}},"status":{"currVersion":"1","currStatus":"Success","currStatusTime":"2026-01-02T03:04:05Z","observedGeneration":1,"latest":{"tag":"demo","version":"1","digest":"sha256:a","seenAt":"2026-01-02T03:04:05Z"},"rollout":{"id":"i","phase":"Succeeded","startedAt":"2026-01-02T03:04:05Z","gates":[{"stage":"Before","phase":"Running"}],"workloads":[{"kind":"Deployment","name":"a","phase":"Done"}]},"quarantined":[{"digest":"sha256:a","at":"2026-01-02T03:04:05Z"}],"conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-02T03:04:05Z"}]}}
        """;

    private const string KubeConfig = """
        apiVersion: v1
        kind: Config
        preferences: {}
        clusters: [{name: c, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: QQ==, tls-server-name: x, insecure-skip-tls-verify: false, proxy-url: "http://p:1"}}]
        users: [{name: u, user: {token: t, as: other, as-groups: [g], tokenFile: ./t, exec: {apiVersion: client.authentication.k8s.io/v1, command: ./no-program, args: [a], env: [{name: A, value: b}]}}}]
        contexts: [{name: x, context: {cluster: c, user: u, namespace: n}}]
        current-context: x
        """;

    private const string Records = """
        [{"id":"1","cv":"a","kind":"Deployment","name":"app","container":"main","fromVersion":"1","toVersion":"2","digest":"sha256:a","started":"2026-01-02T03:04:05Z","finished":"2026-01-02T03:05:05Z","outcome":"Succeeded","reason":"","who":"controller","gates":[]}]
        """;

    private const string ManifestResponse = $$$"""
        HTTP 200
        Content-Type: application/vnd.oci.image.manifest.v1+json
        Docker-Content-Digest: {{{Digest}}}
        RateLimit-Limit: 100;w=21600
        RateLimit-Remaining: 76;w=21600

        {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{{{Digest}}}","size":2},"layers":[{"mediaType":"a","digest":"{{{Digest}}}","size":1}],"annotations":{"org.opencontainers.image.version":"v1"}}
        """;

    private const string IndexResponse = $$$"""
        HTTP 200
        Content-Type: application/vnd.oci.image.index.v1+json
        Docker-Content-Digest: {{{Digest}}}

        {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{{{Digest}}}","size":2,"platform":{"os":"linux","architecture":"amd64"}},{"digest":"{{{Digest}}}","annotations":{"vnd.docker.reference.type":"attestation-manifest"}}]}
        """;

    private const string TagResponses = """
        HTTP 200
        Content-Type: application/json
        Link: </v2/team/app/tags/list?n=2&last=b>; rel="next"

        {"name":"team/app","tags":["a","b"]}
        =====
        HTTP 200
        Content-Type: application/json

        {"name":"team/app","tags":["c",null]}
        """;

    private const string Challenged = $$"""
        HTTP 401
        WWW-Authenticate: Bearer realm="https://auth.test/token",service="registry.test",scope="repository:team/app:pull"
        Content-Type: application/json

        {"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"Type":"repository"}]}]}
        =====
        HTTP 200
        Content-Type: application/json

        {"token":"abc","access_token":"def","expires_in":300,"issued_at":"2026-01-02T03:04:05Z"}
        =====
        HTTP 200
        Content-Type: application/vnd.oci.image.manifest.v1+json
        Docker-Content-Digest: {{Digest}}

        {"name":"team/app","tags":["a"]}
        """;

    private const string Redirected = $$"""
        HTTP 307
        Location: https://mirror.test/v2/team/app/manifests/demo?x=y

        =====
        {{ManifestResponse}}
        """;

    private const string Failure = """
        HTTP 409
        Content-Type: application/json
        Retry-After: 0

        {"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Operation cannot be fulfilled","reason":"Conflict","details":{"name":"b","group":"apps","kind":"deployments","causes":[{"reason":"X","message":"y","field":"spec"}],"retryAfterSeconds":1},"code":409}
        """;

    /// <summary>The v1 ConfigMap named a, with data a: b, as client-go writes it.</summary>
    private static readonly byte[] ProtobufSample =
    [
        .. "k8s\0"u8,
        0x0a,
        15,
        0x0a,
        2,
        .. "v1"u8,
        0x12,
        9,
        .. "ConfigMap"u8,
        0x12,
        13,
        0x0a,
        3,
        0x0a,
        1,
        (byte)'a',
        0x12,
        6,
        0x0a,
        1,
        (byte)'a',
        0x12,
        1,
        (byte)'b',
    ];
}
