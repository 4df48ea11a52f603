using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Resources;
using CvManager.Sandbox;
using CvManager.Sandbox.Registry;
using Microsoft.Extensions.Logging;

namespace CvManager.Simulation;

/// <summary>A cluster, a registry and a user, under one virtual clock. The user's requests have no faults.</summary>
internal sealed class World : IAsyncDisposable
{
    public static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly string Resources = $"/apis/custom.k8s.io/v1/namespaces/{Names.Namespace}/containerversions";

    private readonly HttpMessageInvoker _user;

    private World(VirtualTime time, History history, SandboxCluster cluster, SandboxRegistry registry, ILogger logger)
    {
        (Time, History, Cluster, Registry, Log) = (time, history, cluster, registry, logger);
        _user = new HttpMessageInvoker(cluster.CreateHandler());
    }

    public VirtualTime Time { get; }

    public History History { get; }

    public SandboxCluster Cluster { get; }

    public SandboxRegistry Registry { get; }

    public ILogger Log { get; }

    public static async Task<World> StartAsync(
        int seed,
        TimeSpan grace,
        RegistryLoginKind? login,
        ILogger logger,
        CancellationToken cancellationToken
    )
    {
        VirtualTime time = new(Start);
        History history = new() { Grace = grace };
        var cluster = await SandboxCluster.StartAsync(
            new SandboxOptions
            {
                TimeProvider = time,
                Listen = false,
                Seed = seed,
                Token = "",
                Deterministic = true,
                ChangeLog = change => history.Add(Actor.Current, change),
            },
            cancellationToken
        );
        var registry = await SandboxRegistry.StartAsync(
            new SandboxRegistryOptions
            {
                TimeProvider = time,
                Listen = false,
                Login = login is { } kind ? new RegistryLogin(Names.User, Names.Password) { Kind = kind } : null,
            },
            cancellationToken
        );
        World world = new(time, history, cluster, registry, new DiscreetLogger(logger, history));
        (
            await world.SendAsync(
                HttpMethod.Post,
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                CustomResourceDefinition.Json,
                cancellationToken
            )
        ).Require();
        await time.RunUntilAsync(Start.AddSeconds(1), null, cancellationToken);
        return world;
    }

    /// <summary>Pushes the image of a version.</summary>
    public void Push(string version) =>
        History.Digests[version] = Registry.PushImage(
            "app",
            version,
            new Dictionary<string, string> { ["org.opencontainers.image.version"] = version }
        );

    public void MoveTag(string tag, string version) => Registry.Tag("app", tag, History.Digests[version]);

    public Task<Reply> CreateResourceAsync(string name, JsonObject spec, CancellationToken cancellationToken) =>
        SendAsync(
            HttpMethod.Post,
            Resources,
            new JsonObject
            {
                ["apiVersion"] = "custom.k8s.io/v1",
                ["kind"] = "ContainerVersion",
                ["metadata"] = new JsonObject { ["name"] = name },
                ["spec"] = spec,
            },
            cancellationToken
        );

    public Task<Reply> EditResourceAsync(string name, JsonObject spec, CancellationToken cancellationToken) =>
        SendAsync(
            HttpMethod.Patch,
            $"{Resources}/{name}",
            new JsonObject { ["spec"] = spec },
            cancellationToken,
            "application/merge-patch+json"
        );

    public Task<Reply> DeleteResourceAsync(string name, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Delete, $"{Resources}/{name}", null, cancellationToken);

    public async Task<IReadOnlyList<JsonObject>> ListAsync(string collection, CancellationToken cancellationToken) =>
        [
            .. (await SendAsync(HttpMethod.Get, collection, null, cancellationToken)).Require()["items"]!
                .AsArray()
                .Select(i => i!.AsObject()),
        ];

    public Task<IReadOnlyList<JsonObject>> ListResourcesAsync(CancellationToken cancellationToken) =>
        ListAsync(Resources, cancellationToken);

    /// <summary>A request of the user.</summary>
    public async Task<Reply> SendAsync(
        HttpMethod method,
        string path,
        JsonNode? body,
        CancellationToken cancellationToken,
        string contentType = "application/json"
    )
    {
        Actor.Current = "user";
        using HttpRequestMessage request = new(method, $"http://sandbox{path}");
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body.ToJsonString()));
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        }

        using var response = await _user.SendAsync(request, cancellationToken);
        return new Reply((int)response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync(cancellationToken))!.AsObject());
    }

    public async ValueTask DisposeAsync()
    {
        _user.Dispose();
        await Cluster.DisposeAsync();
        await Registry.DisposeAsync();
    }
}

/// <summary>Detects passwords in the log.</summary>
internal sealed class DiscreetLogger(ILogger inner, History history) : ILogger
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => inner.BeginScope(state);

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    )
    {
        var text = $"{formatter(state, exception)} {exception}";
        if (Invariants.NoSecretsShown.IsSecret(text))
            history.Leaks.Add($"the log contains: {text}");
        inner.Log(logLevel, eventId, state, exception, formatter);
    }
}

/// <summary>The response to the user's request.</summary>
internal sealed record Reply(int Code, JsonObject Body)
{
    public JsonObject Require() => Code < 300 ? Body : throw new InvalidOperationException($"{Code}: {Body.ToJsonString()}");
}
