using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Controller;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Resources;
using CvManager.Sandbox;
using CvManager.Sandbox.Registry;
using CvManager.Support;
using CvManager.Support.Clocks;
using Microsoft.Extensions.Logging;
using Xunit;

namespace CvManager.Simulation.Controller;

/// <summary>
/// A complete controller on a sandbox, under a virtual clock, with its requests, log and changes. A container takes
/// <see cref="StartDelay"/> to start, so that something can happen during a rollout.
/// </summary>
public abstract class ControllerStage : IAsyncLifetime
{
    private const string Deployments = "/apis/apps/v1/namespaces/default/deployments";

    private CancellationTokenSource _stop = new();
    private SandboxCluster _cluster = null!;
    private SandboxRegistry _registry = null!;
    private HttpMessageInvoker _user = null!;
    private ClusterConnection? _connection;
    private RegistryCatalog? _registries;
    private ContainerVersionController? _controller;
    private Task _ended = Task.CompletedTask;

    protected ControllerStage() => Clock = new JumpingClock(Time);

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    protected VirtualTime Time { get; } = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    /// <summary>The clock of the controller's machine.</summary>
    private protected JumpingClock Clock { get; }

    private protected AccessRules Access { get; } = new();

    /// <summary>The controller's log.</summary>
    private protected EventLog Log { get; } = new(LogLevel.Information);

    /// <summary>The controller's requests to the cluster, as required permissions; rejected or not.</summary>
    private protected List<(DateTimeOffset Time, AccessRequest Permission, string Path)> Requests { get; } = [];

    /// <summary>The images set on Deployments, in order, by any client.</summary>
    protected List<string> Images { get; } = [];

    /// <summary>The times of the controller's requests to the registry.</summary>
    protected List<DateTimeOffset> Polls { get; } = [];

    protected SandboxRegistry Registry => _registry;

    /// <summary>Faults of the controller's requests, in addition to <see cref="Access"/>.</summary>
    protected Func<HttpRequestMessage, RequestFault>? Fault { get; set; }

    private protected ContainerVersionController Controller => _controller!;

    private protected RegistryCatalog Registries => _registries!;

    private protected EngineMetrics Metrics { get; } = new();

    protected DateTimeOffset Now => Time.GetUtcNow();

    public async ValueTask InitializeAsync()
    {
        ThreadPool.GetMaxThreads(out var threads, out _);
        Assert.Equal(1, threads); // otherwise the order of events would differ between runs
        await Task.Yield();
        _cluster = await SandboxCluster.StartAsync(
            new SandboxOptions
            {
                TimeProvider = Time,
                Listen = false,
                Token = "",
                Seed = 1,
                Deterministic = true,
                ContainerStartDelay = StartDelay,
                ChangeLog = Note,
            },
            Token
        );
        _registry = await SandboxRegistry.StartAsync(new SandboxRegistryOptions { TimeProvider = Time, Listen = false }, Token);
        _user = new HttpMessageInvoker(_cluster.CreateHandler());
        if (HasDefinition)
            await DefineAsync();
        await RunAsync(TimeSpan.FromSeconds(1));
        foreach (var version in (string[])["v1", "v2", "v3"])
            Push("app", version);
        Registry.Tag("app", "demo", Digest("app", "v1"));
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _user.Dispose();
        Metrics.Dispose();
        await _cluster.DisposeAsync();
        await _registry.DisposeAsync();
        _stop.Dispose();
        Assert.Empty(_cluster.Errors);
        GC.SuppressFinalize(this);
    }

    /// <summary>How long a container takes to start.</summary>
    protected virtual TimeSpan StartDelay => TimeSpan.FromSeconds(20);

    /// <summary>False if the custom resource definition is missing at first.</summary>
    protected virtual bool HasDefinition => true;

    private protected void Start(ControllerOptions? options = null)
    {
        FaultInjector faults = (request, _) =>
        {
            Requests.Add((Now, AccessRequest.Of(request), request.RequestUri!.AbsolutePath));
            var judged = Access.Check(request);
            return ValueTask.FromResult(judged != RequestFault.None ? judged : Fault?.Invoke(request) ?? RequestFault.None);
        };
        _connection = ClusterConnection
            .FromHandler(_cluster.CreateHandler(faults), new Uri("http://sandbox"), "", time: Clock)
            .MeasuredBy(Metrics);
        _registries = new RegistryCatalog(
            new RegistryClientOptions
            {
                TimeProvider = Clock,
                Retries = 0,
                Metrics = Metrics,
            },
            new FixedCredential(null),
            _registry.CreateHandler(
                (_, _) =>
                {
                    Polls.Add(Now);
                    return ValueTask.FromResult(RequestFault.None);
                }
            )
        );
        _controller = new ContainerVersionController(
            _connection,
            _registries,
            options ?? new ControllerOptions(),
            new(Clock, Log)
            {
                Random = new Random(1),
                AllowSynchronousContinuations = true,
                Metrics = Metrics,
            }
        );
        _ended = _controller.RunAsync(_stop.Token);
    }

    /// <summary>Stops the controller like SIGTERM; another one can be started afterwards.</summary>
    protected async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Time.RunUntilAsync(Now.AddMinutes(10), () => _ended.IsCompleted, CancellationToken.None);
        Assert.True(_ended.IsCompleted, "the controller did not stop");
        await _ended;
        _controller?.Dispose();
        _registries?.Dispose();
        _connection?.Dispose();
        _stop.Dispose();
        _stop = new CancellationTokenSource();
    }

    protected Task<bool> RunAsync(TimeSpan time) => Time.RunUntilAsync(Now + time, null, Token);

    /// <summary>Runs until the condition holds; fails if it does not hold within the limit.</summary>
    protected async Task RunUntilAsync(Func<Task<bool>> so, TimeSpan limit, string what)
    {
        ArgumentNullException.ThrowIfNull(so);
        var end = Now + limit;
        while (!await so())
        {
            if (Now >= end)
                Assert.Fail($"Not reached within {limit}: {what}\n{string.Join('\n', Log.Events)}");
            await RunAsync(TimeSpan.FromSeconds(1));
        }
    }

    /// <summary>Pushes an image, and stores its digest under its version.</summary>
    protected void Push(string repository, string version) =>
        Digests[(repository, version)] = Registry.PushImage(
            repository,
            version,
            new Dictionary<string, string> { ["org.opencontainers.image.version"] = version }
        );

    protected Dictionary<(string Repository, string Version), string> Digests { get; } = [];

    protected string Digest(string repository, string version) => Digests[(repository, version)];

    protected void MoveTag(string version) => Registry.Tag("app", "demo", Digest("app", version));

    protected Task DefineAsync() =>
        SendAsync(HttpMethod.Post, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", CustomResourceDefinition.Json);

    protected Task<JsonObject> CreateAsync(string name = "app", JsonObject? spec = null, string ns = "default") =>
        SendAsync(
            HttpMethod.Post,
            Resources(ns),
            new JsonObject
            {
                ["apiVersion"] = "custom.k8s.io/v1",
                ["kind"] = "ContainerVersion",
                ["metadata"] = new JsonObject { ["name"] = name },
                ["spec"] = spec ?? Spec(name),
            }
        );

    protected static JsonObject Spec(string app) =>
        new()
        {
            ["imageRepo"] = Names.Repository,
            ["tag"] = "demo",
            ["versionSyntax"] = "v[0-9]+(-[a-z]+)?",
            ["pollIntervalSeconds"] = 30,
            ["timeoutSeconds"] = 300,
            ["selector"] = new JsonObject { ["cvapp"] = app },
            ["container"] = new JsonObject { ["name"] = Names.Container },
        };

    protected Task EditAsync(string spec, string name = "app") =>
        SendAsync(
            HttpMethod.Patch,
            $"{Resources("default")}/{name}",
            new JsonObject { ["spec"] = JsonNode.Parse(spec) },
            "application/merge-patch+json"
        );

    protected Task<JsonObject> CreateDeploymentAsync(
        string name = "app",
        string? app = null,
        string ns = "default",
        string? container = null,
        int replicas = 1
    )
    {
        var made = WorkloadShape.All[0].Make(name, app ?? name, $"{Names.Repository}:v1", replicas, false);
        made["spec"]!["progressDeadlineSeconds"] = 600;
        if (container is not null)
            made["spec"]!["template"]!["spec"]!["containers"]![0]!["name"] = container;
        return SendAsync(HttpMethod.Post, Deployments.Replace("default", ns, StringComparison.Ordinal), made);
    }

    /// <summary>Creates two colours, blue with the traffic, and the resource that cuts over between them.</summary>
    protected async Task CreateColoursAsync(int scaleDownDelaySeconds)
    {
        foreach (var colour in (string[])["blue", "green"])
        {
            var made = WorkloadShape.All[0].Make(colour, "app", $"{Names.Repository}:v1", colour == "blue" ? 2 : 0, false);
            made["spec"]!["template"]!["metadata"]!["labels"]!["colour"] = colour;
            await SendAsync(HttpMethod.Post, Deployments, made);
        }

        await SendAsync(
            HttpMethod.Post,
            "/api/v1/namespaces/default/services",
            new JsonObject
            {
                ["metadata"] = new JsonObject { ["name"] = "app" },
                ["spec"] = new JsonObject
                {
                    ["selector"] = new JsonObject { ["colour"] = "blue" },
                    ["ports"] = new JsonArray(new JsonObject { ["port"] = 80 }),
                },
            }
        );
        var spec = Spec("app");
        spec["strategy"] = new JsonObject
        {
            ["kind"] = "ServiceBlueGreen",
            ["blueGreen"] = new JsonObject
            {
                ["serviceName"] = "app",
                ["labelNames"] = new JsonArray("colour"),
                ["scaleDown"] = true,
                ["scaleDownDelaySeconds"] = scaleDownDelaySeconds,
            },
        };
        await CreateAsync(spec: spec);
    }

    /// <summary>The colour that receives the traffic.</summary>
    protected async Task<string> ColourAsync() =>
        Fields.Text(await SendAsync(HttpMethod.Get, "/api/v1/namespaces/default/services/app", null), "spec", "selector", "colour");

    protected Task DeleteDeploymentAsync(string name = "app") => SendAsync(HttpMethod.Delete, $"{Deployments}/{name}", null);

    /// <summary>Renames the Deployment's container, like an edit of the manifest.</summary>
    protected Task RenameContainerAsync(string to, string name = "app") =>
        SendAsync(
            HttpMethod.Patch,
            $"{Deployments}/{name}",
            new JsonArray(
                new JsonObject
                {
                    ["op"] = "replace",
                    ["path"] = "/spec/template/spec/containers/0/name",
                    ["value"] = to,
                }
            ),
            "application/json-patch+json"
        );

    protected async Task<string> ImageAsync(string name = "app", string ns = "default") =>
        Fields.Text(
            (await SendAsync(HttpMethod.Get, $"{Deployments.Replace("default", ns, StringComparison.Ordinal)}/{name}", null))["spec"]![
                "template"
            ]!["spec"]!["containers"]![0],
            "image"
        );

    protected Task<JsonObject> GetAsync(string name = "app", string ns = "default") =>
        SendAsync(HttpMethod.Get, $"{Resources(ns)}/{name}", null);

    /// <summary>Status, reason and message of the resource's condition.</summary>
    protected async Task<(string Status, string Reason, string Message)> ConditionAsync(
        string type,
        string name = "app",
        string ns = "default"
    ) => Fields.Condition(await GetAsync(name, ns), type);

    protected async Task<string> PhaseAsync(string name = "app") => Fields.Text(await GetAsync(name), "status", "rollout", "phase");

    protected async Task<bool> IsReadyAsync(string version, string name = "app", string ns = "default")
    {
        var resource = await GetAsync(name, ns);
        return Fields.Condition(resource, "Ready").Status == "True"
            && Fields.Text(resource, "status", "successVersion") == version
            && Fields.Text(resource, "status", "observedGeneration") == Fields.Text(resource, "metadata", "generation");
    }

    /// <summary>Waits until the resource is Ready on that version.</summary>
    protected Task SettlesAsync(string version, TimeSpan? limit = null, string name = "app", string ns = "default") =>
        RunUntilAsync(() => IsReadyAsync(version, name, ns), limit ?? TimeSpan.FromMinutes(3), $"{name} is on {version}");

    /// <summary>For ten minutes nothing is written, logged or requested except for watches and polls (R12).</summary>
    /// <param name="except">The only event that may be logged.</param>
    private protected async Task StaysQuietAsync(int? except = null)
    {
        await RunAsync(TimeSpan.FromMinutes(1));
        var before = Requests.Count;
        var logged = Log.Events.Count;
        await RunAsync(TimeSpan.FromMinutes(10));
        Assert.Empty(
            Requests
                .Skip(before)
                .Where(a => a.Permission.Verb is not ("watch" or "list") && a.Permission.Resource != "serviceaccounts")
                .Select(a => $"{a.Time:HH:mm:ss} {a.Permission} {a.Path}")
        );
        Assert.DoesNotContain(Log.Events.Skip(logged), one => one.Id != except);
    }

    /// <summary>The number of requests that required the permission since then.</summary>
    private protected int Count(string permission, DateTimeOffset since) =>
        Requests.Count(a => a.Time >= since && $"{a.Permission.Verb} {a.Permission.Resource}" == permission);

    /// <summary>A request of the user, without faults.</summary>
    protected async Task<JsonObject> SendAsync(HttpMethod method, string path, JsonNode? body, string contentType = "application/json")
    {
        using HttpRequestMessage request = new(method, $"http://sandbox{path}");
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body.ToJsonString()));
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        }

        using var response = await _user.SendAsync(request, Token);
        var text = await response.Content.ReadAsStringAsync(Token);
        return response.IsSuccessStatusCode
            ? JsonNode.Parse(text)!.AsObject()
            : throw new InvalidOperationException($"{method} {path}: {text}");
    }

    private protected static string Resources(string ns) => $"/apis/custom.k8s.io/v1/namespaces/{ns}/containerversions";

    private void Note(SandboxChange change)
    {
        if (
            change.Resource == "deployments.apps"
            && change.After is { } after
            && WorkloadShape.All[0].Images(after).TryGetValue(Names.Container, out var image)
            && (
                change.Before is null
                || !WorkloadShape.All[0].Images(change.Before).TryGetValue(Names.Container, out var former)
                || former != image
            )
        )
        {
            Images.Add(
                string.Create(CultureInfo.InvariantCulture, $"{change.Namespace}/{change.Name} {image.Split('@')[0].Split(':')[^1]}")
            );
        }
    }
}
