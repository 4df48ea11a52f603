using System.Diagnostics;
using System.Text.Json.Nodes;
using CvManager.Resources;
using CvManager.Sandbox;
using CvManager.Support;
using Xunit;

namespace CvManager.Integration.Sandbox;

/// <summary>kubectl on the sandbox, over TLS, with the example application.</summary>
public sealed class KubeCtlOnSandboxTests() : KubeCtlOnSandboxSuite(Servers.KubeCtl);

/// <summary>
/// The same with a recent kubectl, which uses more features: `kubectl wait` streams lists (and hangs if the server ignores that), and
/// built-in kinds are written as protobuf, without a fallback.
/// </summary>
public sealed class RecentKubeCtlOnSandboxTests() : KubeCtlOnSandboxSuite(Servers.RecentKubeCtl)
{
    [Fact]
    public async Task It_creates_every_built_in_kind_as_protobuf_and_explicit_zeros_are_kept()
    {
        await KubeCtlAsync(null, "create", "deployment", "app", "--image=r.example/app:1", "--replicas=0", "--port=8080");
        await KubeCtlAsync(null, "create", "configmap", "settings", "--from-literal=a=ü", "--from-literal=empty=");
        await KubeCtlAsync(null, "create", "secret", "generic", "login", "--from-literal=password=secret");
        await KubeCtlAsync(null, "create", "serviceaccount", "robot");
        await KubeCtlAsync(null, "create", "service", "clusterip", "app", "--tcp=80:http");
        await KubeCtlAsync(null, "create", "cronjob", "nightly", "--image=r.example/app:1", "--schedule=0 0 1 1 *");
        await KubeCtlAsync(null, "create", "role", "reader", "--verb=get", "--resource=pods");
        await KubeCtlAsync(null, "create", "rolebinding", "readers", "--role=reader", "--serviceaccount=default:robot");
        await KubeCtlAsync(null, "create", "poddisruptionbudget", "app", "--selector=app=app", "--min-available=0");

        var deployment = await ReadAsync("deployment/app");
        Assert.Equal(
            (0, "25%", 8080),
            (
                deployment["spec"]!["replicas"]!.GetValue<int>(),
                deployment["spec"]!["strategy"]!["rollingUpdate"]!["maxSurge"]!.GetValue<string>(),
                deployment["spec"]!["template"]!["spec"]!["containers"]![0]!["ports"]![0]!["containerPort"]!.GetValue<int>()
            )
        );
        Assert.Equal(
            """{"a":"ü","empty":""}""",
            System.Text.RegularExpressions.Regex.Unescape((await ReadAsync("configmap/settings"))["data"]!.ToJsonString())
        );
        Assert.Equal(
            "secret",
            System.Text.Encoding.UTF8.GetString(
                Convert.FromBase64String((await ReadAsync("secret/login"))["data"]!["password"]!.GetValue<string>())
            )
        );
        Assert.Equal("http", (await ReadAsync("service/app"))["spec"]!["ports"]![0]!["targetPort"]!.GetValue<string>());
        Assert.Equal("0 0 1 1 *", (await ReadAsync("cronjob/nightly"))["spec"]!["schedule"]!.GetValue<string>());
        Assert.Equal("pods", (await ReadAsync("role/reader"))["rules"]![0]!["resources"]![0]!.GetValue<string>());
        Assert.Equal("robot", (await ReadAsync("rolebinding/readers"))["subjects"]![0]!["name"]!.GetValue<string>());
        Assert.Equal(0, (await ReadAsync("poddisruptionbudget/app"))["spec"]!["minAvailable"]!.GetValue<int>());
        Assert.Equal("yes", (await KubeCtlAsync(null, "auth", "can-i", "create", "pods")).Trim());
    }

    [Fact]
    public async Task It_restarts_labels_annotates_explains_compares_and_shows_events()
    {
        await KubeCtlAsync(null, "create", "deployment", "app", "--image=r.example/app:1", "--replicas=2");
        await KubeCtlAsync(null, "rollout", "status", "deployment/app", "--timeout=30s");
        await KubeCtlAsync(null, "rollout", "restart", "deployment/app");
        await KubeCtlAsync(null, "rollout", "status", "deployment/app", "--timeout=30s");
        await KubeCtlAsync(null, "label", "deployment", "app", "team=maps");
        await KubeCtlAsync(null, "annotate", "deployment", "app", "note=x");
        Assert.Equal(
            "maps x",
            await KubeCtlAsync(null, "get", "deployment", "app", "-o", "jsonpath={.metadata.labels.team} {.metadata.annotations.note}")
        );
        Assert.Contains(
            "FIELD: replicas <integer>",
            await KubeCtlAsync(null, "explain", "deployment.spec.replicas"),
            StringComparison.Ordinal
        );
        Assert.Contains("ScalingReplicaSet", await KubeCtlAsync(null, "events", "--for=deployment/app"), StringComparison.Ordinal);
        var manifest = await KubeCtlAsync(null, "get", "deployment", "app", "-o", "yaml");
        Assert.Equal("", await KubeCtlAsync(manifest, "diff", "-f", "-"));
        (var code, var difference, _) = await ExternalProgram.TryAsync(
            KubeCtl,
            ["--kubeconfig", KubeConfig, "diff", "-f", "-"],
            manifest.Replace("r.example/app:1", "r.example/app:2", StringComparison.Ordinal)
        );
        Assert.Equal(1, code);
        Assert.Contains("r.example/app:2", difference, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_waits_for_a_condition_of_a_custom_resource()
    {
        await KubeCtlAsync(CustomResourceDefinition.Yaml, "apply", "--server-side", "-f", "-");
        await KubeCtlAsync(null, "wait", "--for=condition=Established", "crd/containerversions.custom.k8s.io", "--timeout=20s");
        await KubeCtlAsync(
            """{"apiVersion":"custom.k8s.io/v1","kind":"ContainerVersion","metadata":{"name":"x"},"spec":{"imageRepo":"r/a","tag":"demo","selector":{"cvapp":"a"},"container":{"name":"main"}}}""",
            "apply",
            "-f",
            "-"
        );
        var waiting = KubeCtlAsync(null, "wait", "--for=condition=Ready", "cv/x", "--timeout=60s");
        var gone = KubeCtlAsync(null, "wait", "--for=delete", "cv/x", "--timeout=60s");

        await KubeCtlAsync(
            null,
            "patch",
            "cv",
            "x",
            "--subresource=status",
            "--type=merge",
            "-p",
            """{"status":{"conditions":[{"type":"Ready","status":"True"}]}}"""
        );

        Assert.Contains("condition met", await waiting, StringComparison.Ordinal);
        Assert.Contains("FIELD: tag <string>", await KubeCtlAsync(null, "explain", "cv.spec.tag"), StringComparison.Ordinal);
        await KubeCtlAsync(null, "delete", "cv", "x");
        await gone;
    }

    private async Task<JsonNode> ReadAsync(string what) => JsonNode.Parse(await KubeCtlAsync(null, "get", what, "-o", "json"))!;
}

/// <summary>The tests for every version of kubectl.</summary>
public abstract class KubeCtlOnSandboxSuite(string kubectl) : IAsyncLifetime
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private readonly string _kubeConfig = Path.Combine(Path.GetTempPath(), $"cvm-{Guid.NewGuid():N}.yaml");
    private SandboxCluster _cluster = null!;

    protected string KubeCtl => kubectl;

    protected string KubeConfig => _kubeConfig;

    public async ValueTask InitializeAsync()
    {
        _cluster = await SandboxCluster.StartAsync(new SandboxOptions(), Token);
        await File.WriteAllTextAsync(_kubeConfig, _cluster.KubeConfigYaml, Token);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _cluster.DisposeAsync();
        File.Delete(_kubeConfig);
        Assert.Empty(_cluster.Errors);
    }

    [Fact]
    public async Task It_applies_shows_patches_scales_follows_and_deletes_the_example()
    {
        await KubeCtlAsync(CustomResourceDefinition.Yaml, "apply", "-f", "-");
        await KubeCtlAsync(null, "wait", "--for=condition=Established", "crd/containerversions.custom.k8s.io", "--timeout=20s");
        var example = await ExampleAsync();
        Assert.Contains("deployment.apps/myapp created", await KubeCtlAsync(example, "apply", "-f", "-"), StringComparison.Ordinal);
        await KubeCtlAsync(null, "rollout", "status", "deployment/myapp", "--timeout=30s");
        Assert.Contains("deployment.apps/myapp unchanged", await KubeCtlAsync(example, "apply", "-f", "-"), StringComparison.Ordinal);
        Assert.Contains("2/2", await KubeCtlAsync(null, "get", "deployment", "myapp"), StringComparison.Ordinal);

        // As table, YAML, JSON, and description.
        var wide = await KubeCtlAsync(null, "get", "deployments,replicasets,pods", "-o", "wide");
        Assert.Matches(@"deployment\.apps/myapp +2/2 +2 +2 +\S+ +myapp +r\.example/nearmap/cvm-example:6e4ae1c +app=myapp", wide);
        Assert.Matches(@"pod/myapp-\S+ +1/1 +Running +0 +\S+ +10\.244\.\S+ +sandbox-\d", wide);
        Assert.Contains(
            "image: r.example/nearmap/cvm-example:6e4ae1c",
            await KubeCtlAsync(null, "get", "deployment", "myapp", "-o", "yaml"),
            StringComparison.Ordinal
        );
        Assert.Equal(
            "ContainerVersion",
            JsonNode.Parse(await KubeCtlAsync(null, "get", "cv", "myappcv", "-o", "json"))!["kind"]!.GetValue<string>()
        );
        Assert.Matches(@"^NAME +TAG +VERSION +STATUS +READY +AGE\s+myappcv +demo ", await KubeCtlAsync(null, "get", "cv"));
        var described = await KubeCtlAsync(null, "describe", "deployment", "myapp");
        Assert.Contains("2 desired | 2 updated | 2 total | 2 available | 0 unavailable", described, StringComparison.Ordinal);
        Assert.Contains("ScalingReplicaSet", described, StringComparison.Ordinal);
        Assert.Contains(
            "Successfully assigned",
            await KubeCtlAsync(null, "describe", "pods", "-l", "app=myapp", "--show-events=true"),
            StringComparison.Ordinal
        );

        // Four ways to change it.
        await PatchAsync(
            "json",
            """[{"op":"test","path":"/spec/replicas","value":2},{"op":"add","path":"/metadata/labels/team","value":"maps"}]"""
        );
        await PatchAsync("merge", """{"spec":{"minReadySeconds":1}}""");
        await PatchAsync(
            "strategic",
            """{"spec":{"template":{"spec":{"containers":[{"name":"myapp","env":[{"name":"A","value":"1"}]}]}}}}"""
        );
        await KubeCtlAsync(null, "set", "image", "deployment/myapp", "myapp=r.example/nearmap/cvm-example:9f8e7d6");
        await KubeCtlAsync(null, "rollout", "status", "deployment/myapp", "--timeout=30s");
        var patched = JsonNode.Parse(await KubeCtlAsync(null, "get", "deployment", "myapp", "-o", "json"))!;
        var container = patched["spec"]!["template"]!["spec"]!["containers"]![0]!;
        Assert.Equal(
            ("maps", 1, "1", "r.example/nearmap/cvm-example:9f8e7d6"),
            (
                patched["metadata"]!["labels"]!["team"]!.GetValue<string>(),
                patched["spec"]!["minReadySeconds"]!.GetValue<int>(),
                container["env"]![0]!["value"]!.GetValue<string>(),
                container["image"]!.GetValue<string>()
            )
        );
        Assert.Contains(
            "with revision #3",
            await KubeCtlAsync(null, "rollout", "history", "deployment/myapp", "--revision=3"),
            StringComparison.Ordinal
        );
        await KubeCtlAsync(null, "rollout", "undo", "deployment/myapp");

        await KubeCtlAsync(null, "scale", "deployment/myapp", "--replicas=3");
        await KubeCtlAsync(null, "wait", "--for=condition=Available", "deployment/myapp", "--timeout=30s");
        await KubeCtlAsync(null, "rollout", "status", "deployment/myapp", "--timeout=30s");
        var pod = (await KubeCtlAsync(null, "get", "pods", "-o", "jsonpath={.items[0].metadata.name}")).Trim();
        Assert.Contains("starting r.example/nearmap/cvm-example:6e4ae1c", await KubeCtlAsync(null, "logs", pod), StringComparison.Ordinal);

        await KubeCtlAsync(null, "delete", "deployment", "myapp", "--wait", "--timeout=30s");
        // `kubectl wait` fails if all objects are removed before it reads them.
        (var waited, _, var refusal) = await ExternalProgram.TryAsync(
            kubectl,
            ["--kubeconfig", _kubeConfig, "wait", "--for=delete", "pod", "-l", "app=myapp", "--timeout=30s"]
        );
        Assert.True(waited == 0 || refusal.Contains("no matching resources found", StringComparison.Ordinal), refusal);
        Assert.DoesNotContain("myapp", await KubeCtlAsync(null, "get", "pods", "-l", "app=myapp"), StringComparison.Ordinal);
        await KubeCtlAsync(null, "delete", "cv", "myappcv");
        Assert.Contains(
            "NotFound",
            (await ExternalProgram.TryAsync(kubectl, ["--kubeconfig", _kubeConfig, "get", "cv", "myappcv"])).Error,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Its_server_side_apply_tracks_field_owners_and_reports_conflicts()
    {
        await KubeCtlAsync(CustomResourceDefinition.Yaml, "apply", "--server-side", "-f", "-");
        await KubeCtlAsync(null, "wait", "--for=condition=Established", "crd/containerversions.custom.k8s.io", "--timeout=20s");
        var example = await ExampleAsync();

        Assert.Contains(
            "deployment.apps/myapp serverside-applied",
            await KubeCtlAsync(example, "apply", "--server-side", "-f", "-"),
            StringComparison.Ordinal
        );
        await KubeCtlAsync(null, "scale", "deployment/myapp", "--replicas=1");
        (var code, _, var error) = await ExternalProgram.TryAsync(
            kubectl,
            ["--kubeconfig", _kubeConfig, "apply", "--server-side", "-f", "-"],
            example
        );
        Assert.NotEqual(0, code);
        Assert.Contains(".spec.replicas", error, StringComparison.Ordinal);

        await KubeCtlAsync(example, "apply", "--server-side", "--force-conflicts", "-f", "-");
        Assert.Equal("2", await KubeCtlAsync(null, "get", "deployment", "myapp", "-o", "jsonpath={.spec.replicas}"));
    }

    [Theory]
    [InlineData("StatefulSet", "\"serviceName\":\"app\",\"replicas\":2,")]
    [InlineData("DaemonSet", "")]
    public async Task It_follows_rollouts_of_the_other_kinds(string kind, string spec)
    {
        var name = $"{kind.ToLowerInvariant()}/app";
        await KubeCtlAsync(
            $$$"""
            {"apiVersion":"apps/v1","kind":"{{{kind}}}","metadata":{"name":"app"},"spec":{ {{{spec}}}"selector":{"matchLabels":{"app":"app"} },
              "template":{"metadata":{"labels":{"app":"app"} },"spec":{"terminationGracePeriodSeconds":1,"containers":[{"name":"main","image":"r.example/app:1"}]} } } }
            """,
            "apply",
            "-f",
            "-"
        );
        await KubeCtlAsync(null, "rollout", "status", name, "--timeout=30s");

        await KubeCtlAsync(null, "set", "image", name, "main=r.example/app:2");
        await KubeCtlAsync(null, "rollout", "status", name, "--timeout=30s");

        Assert.Equal(
            "r.example/app:2 r.example/app:2",
            await KubeCtlAsync(null, "get", "pods", "-o", "jsonpath={.items[*].spec.containers[0].image}")
        );
        Assert.Contains("SuccessfulDelete", await KubeCtlAsync(null, "describe", name), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_runs_jobs_and_waits_for_them()
    {
        await KubeCtlAsync(null, "create", "job", "app", "--image=r.example/app:1");
        await KubeCtlAsync(null, "wait", "--for=condition=Complete", "job/app", "--timeout=30s");
        Assert.Matches(@"app +(Complete +)?1/1 ", await KubeCtlAsync(null, "get", "job", "app"));
        Assert.Contains("done", await KubeCtlAsync(null, "logs", "job/app"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_watches_changes()
    {
        await KubeCtlAsync(null, "create", "deployment", "app", "--image=r.example/app:1");
        using Process watch = new()
        {
            StartInfo = new ProcessStartInfo(
                kubectl,
                ["--kubeconfig", _kubeConfig, "get", "deployment", "app", "-w", "--output-watch-events"]
            )
            {
                RedirectStandardOutput = true,
            },
        };
        watch.Start();
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
            limit.CancelAfter(TimeSpan.FromSeconds(30));
            var line = await watch.StandardOutput.ReadLineAsync(limit.Token) ?? "";
            Assert.Matches("^EVENT +NAME +READY", line);
            Assert.Matches("^ADDED +app ", await watch.StandardOutput.ReadLineAsync(limit.Token));

            await KubeCtlAsync(null, "delete", "deployment", "app");

            while (!line.StartsWith("DELETED", StringComparison.Ordinal))
                line =
                    await watch.StandardOutput.ReadLineAsync(limit.Token)
                    ?? throw new InvalidOperationException("The watch ended unexpectedly.");
        }
        finally
        {
            watch.Kill();
            await watch.WaitForExitAsync(CancellationToken.None);
        }
    }

    private static async Task<string> ExampleAsync() =>
        (await File.ReadAllTextAsync(Path.Combine(RepositoryRoot.Path, "examples", "cvm-example", "myapp.yaml"), Token)).Replace(
            "${ECR_ENDPOINT}",
            "r.example",
            StringComparison.Ordinal
        );

    private Task<string> PatchAsync(string type, string patch) =>
        KubeCtlAsync(null, "patch", "deployment", "myapp", "--type", type, "-p", patch);

    protected Task<string> KubeCtlAsync(string? input, params string[] arguments) =>
        ExternalProgram.RunAsync(kubectl, ["--kubeconfig", _kubeConfig, .. arguments], input);
}
