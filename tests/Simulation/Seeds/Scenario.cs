using System.Text;
using System.Text.Json.Nodes;
using CvManager.Controller;
using CvManager.Sandbox;
using CvManager.Sandbox.Registry;
using Microsoft.Extensions.Logging;

namespace CvManager.Simulation.Seeds;

/// <summary>One simulation: a world, its controllers, and a random schedule of events; everything follows from the seed.</summary>
internal sealed class Scenario
{
    private static readonly TimeSpan Turmoil = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Idle = TimeSpan.FromMinutes(10);

    /// <summary>The time within which a silent watch is detected (ReflectorOptions.WatchTime).</summary>
    private static readonly TimeSpan HalfOpen = TimeSpan.FromMinutes(5.5);

    /// <summary>The time for convergence: a silent watch, the timeouts of a rollout and its rollback, and the backoffs between.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromMinutes(40);

    /// <summary>The longest time for which a change may be unseen: a silent watch, and a slow response.</summary>
    private static readonly TimeSpan LongestIgnorance = TimeSpan.FromMinutes(6);

    private static readonly TimeSpan UsualIgnorance = TimeSpan.FromSeconds(2);

    private readonly Random _random;
    private readonly Mutation _mutation;
    private readonly ILogger _logger;
    private readonly double _faults;
    private readonly int _replicaCount;
    private readonly RegistryLoginKind? _login;
    private readonly string? _gate;
    private readonly List<string> _versions = [];
    private readonly List<(WorkloadShape Shape, string Name)> _workloads = [];
    private readonly List<Replica> _replicas = [];
    private readonly List<FaultSchedule> _schedules = [];
    private readonly List<string> _story = [];
    private World _world = null!;
    private int _replicaNumber;

    private Scenario(int seed, Mutation mutation, ILogger logger)
    {
        _mutation = mutation;
        _logger = logger;
        _random = new Random(seed);
        _faults = _random.Next(4) switch
        {
            0 => 0,
            1 => 0.02,
            2 => 0.1,
            _ => 0.25,
        };
        _replicaCount = mutation == Mutation.NoRivals || _random.Next(3) == 0 ? 2 : 1;
        _login = mutation == Mutation.Talkative || _random.Next(4) == 0 ? (RegistryLoginKind)_random.Next(2) : null;
        _gate =
            mutation == Mutation.NoGates ? "fail"
            : mutation == Mutation.NoQuarantine || _random.Next(3) != 0 ? null
            : _random.Next(4) == 0 ? "fail"
            : "ok";
    }

    /// <summary>Runs it, and checks every invariant.</summary>
    public static async Task<Outcome> RunAsync(int seed, Mutation mutation, ILogger logger, CancellationToken cancellationToken)
    {
        Scenario scenario = new(seed, mutation, logger);
        await using var world = await World.StartAsync(
            seed,
            scenario._faults > 0 ? LongestIgnorance : UsualIgnorance,
            scenario._login,
            logger,
            cancellationToken
        );
        scenario._world = world;
        List<Violation> violations = [];
        try
        {
            await scenario.PlayAsync(violations, cancellationToken);
            violations.AddRange(
                scenario._replicas.Where(r => r.GoesInCircles).Select(r => new Violation(7, $"{r.Name} sends requests in an endless loop"))
            );
            foreach (var invariant in Invariants.Invariant.All)
                violations.AddRange(invariant.Check(world.History).Select(what => new Violation(invariant.Number, what)));
        }
        finally
        {
            await scenario.EndAsync(cancellationToken);
        }

        if (world.Cluster.Errors.FirstOrDefault() is { } error)
            throw new InvalidOperationException("The sandbox itself has a defect.", error);
        return new Outcome(violations, scenario._story, world.History);
    }

    private DateTimeOffset Now => _world.Time.GetUtcNow();

    private async Task PlayAsync(List<Violation> violations, CancellationToken cancellationToken)
    {
        await SetUpAsync(cancellationToken);
        for (var i = 0; i < _replicaCount; i++)
            StartReplica();
        var calm = Now + Turmoil;
        List<DateTimeOffset> times =
        [
            .. Enumerable.Range(0, _random.Next(4, 14)).Select(_ => Now + (Turmoil * _random.NextDouble())).Order(),
        ];
        if (_mutation == Mutation.NoQuarantine)
        {
            // One version that fails, without any intervention.
            _world.MoveTag(Names.Tag, _versions[1]);
            times.Clear();
        }

        foreach (var time in times)
        {
            await _world.Time.RunUntilAsync(time, null, cancellationToken);
            await DisturbAsync(cancellationToken);
        }

        await _world.Time.RunUntilAsync(calm, null, cancellationToken);
        foreach (var schedule in _schedules)
            schedule.IsOn = false;
        foreach (var replica in _replicas)
            replica.Spare();
        _world.Registry.Available = true;
        Tell("the faults stop");
        while (_replicas.Count(r => r.IsRunning) < _replicaCount)
            StartReplica();

        Invariants.Convergence convergence = new(_world.History, _world.Registry);
        var limit = Now + Settling;
        var next = Now;
        await _world.Time.RunUntilAsync(limit, IsSettled, cancellationToken);
        violations.AddRange(
            convergence.Problems().Select(p => new Violation(6, $"{p} {Settling.TotalMinutes} minutes after the faults stopped"))
        );
        // Work in progress, such as a following status write, ends on its own. Changes delayed by a half-open watch count as well.
        var noticed = calm + HalfOpen;
        await _world.Time.RunUntilAsync((noticed > Now ? noticed : Now) + TimeSpan.FromMinutes(1), null, cancellationToken);
        Tell("the controllers have nothing to do from here on");
        _world.History.BeginIdle();
        await _world.Time.RunUntilAsync(Now + Idle, null, cancellationToken);
        if (violations.Count == 0)
            violations.AddRange(convergence.Problems().Select(p => new Violation(6, $"{p} when there was nothing left to do")));

        bool IsSettled()
        {
            if (Now < next)
                return false;
            next = Now + TimeSpan.FromSeconds(10);
            return !convergence.Waits && !convergence.Problems().Any();
        }
    }

    private async Task SetUpAsync(CancellationToken cancellationToken)
    {
        var good = _mutation == Mutation.NoQuarantine ? 0 : 6;
        for (var i = 1; i <= 6; i++)
            _versions.Add(i == 1 || _random.Next(10) < good ? $"v{i}" : $"v{i}-{Pick("bad", "notready", "crash")}");
        foreach (var version in _versions)
            _world.Push(version);
        _world.MoveTag(Names.Tag, _versions[0]);
        _world.MoveTag(Names.OtherTag, _versions[_random.Next(2)]);
        var count = _random.Next(1, 4);
        for (var i = 0; i < count; i++)
        {
            var shape = WorkloadShape.All[_mutation == Mutation.NoQuarantine ? 0 : _random.Next(WorkloadShape.All.Count)];
            _workloads.Add((shape, $"w{i}"));
            await CreateWorkloadAsync(_workloads[^1], cancellationToken);
        }

        var secret = JsonNode.Parse("""{"metadata":{"name":"pull"},"type":"kubernetes.io/dockerconfigjson"}""")!.AsObject();
        var auth = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Names.User}:{Names.Password}"));
        JsonObject registries = new() { ["auths"] = new JsonObject { ["registry.sandbox"] = new JsonObject { ["auth"] = auth } } };
        secret["stringData"] = new JsonObject { [".dockerconfigjson"] = registries.ToJsonString() };
        (await _world.SendAsync(HttpMethod.Post, $"/api/v1/namespaces/{Names.Namespace}/secrets", secret, cancellationToken)).Require();
        (await _world.CreateResourceAsync("first", Spec(), cancellationToken)).Require();
        if (_mutation == Mutation.NoRivals)
            await CreateSecondAsync(cancellationToken);
        Tell(
            $"{string.Join(", ", _workloads.Select(w => $"{w.Shape.Kind}/{w.Name}"))}; versions {string.Join(", ", _versions)}; faults {_faults}; {_replicaCount} controllers{(_gate is null ? "" : $"; gate {_gate}")}{(_login is null ? "" : $"; login {_login}")}"
        );
    }

    private JsonObject Spec()
    {
        var spec = Plain();
        if (_gate is not null)
        {
            spec["container"]!["verify"] = new JsonArray(
                new JsonObject
                {
                    ["kind"] = "Image",
                    ["image"] = "tests/smoke",
                    ["tag"] = _gate,
                    ["timeoutSeconds"] = _random.Next(15, 60),
                }
            );
        }

        if (_login is not null)
            spec["imagePullSecrets"] = new JsonArray("pull");
        if (_random.Next(3) == 0)
            spec["config"] = new JsonObject { ["name"] = "app-version", ["key"] = "version" };
        return spec;
    }

    private JsonObject Plain() =>
        new()
        {
            ["imageRepo"] = Names.Repository,
            ["tag"] = Names.Tag,
            ["versionSyntax"] = Names.VersionSyntax,
            ["pollIntervalSeconds"] = _random.Next(5, 60),
            ["timeoutSeconds"] = _random.Next(30, 120),
            ["selector"] = new JsonObject { ["cvapp"] = "app" },
            ["container"] = new JsonObject { ["name"] = Names.Container },
            ["pinDigest"] = _random.Next(4) != 0,
            ["rollback"] = new JsonObject { ["enabled"] = _random.Next(4) != 0 },
        };

    /// <summary>A random event.</summary>
    private async Task DisturbAsync(CancellationToken cancellationToken)
    {
        (var shape, var name) = _workloads[_random.Next(_workloads.Count)];
        var version = _versions[_random.Next(_versions.Count)];
        var resource = _random.Next(4) == 0 ? "second" : "first";
        switch (_random.Next(19))
        {
            case < 6:
                _world.MoveTag(Names.Tag, version);
                Tell($"the tag moves to {version}");
                break;
            case 6:
                _world.MoveTag(Names.OtherTag, version);
                await EditAsync(resource, new JsonObject { ["tag"] = Pick(Names.Tag, Names.OtherTag) }, cancellationToken);
                break;
            case 7:
                await EditAsync(resource, new JsonObject { ["suspend"] = true }, cancellationToken);
                break;
            case 8:
                await EditAsync(resource, new JsonObject { ["suspend"] = false, ["pinVersion"] = null }, cancellationToken);
                break;
            case 9:
                await EditAsync(resource, new JsonObject { ["pinVersion"] = version }, cancellationToken);
                break;
            case 10:
                await EditAsync(resource, new JsonObject { ["timeoutSeconds"] = _random.Next(20, 200) }, cancellationToken);
                break;
            case 11:
                Tell($"a user sets {shape.Kind}/{name} to {version}");
                await _world.SendAsync(
                    HttpMethod.Patch,
                    $"{shape.Collection}/{name}?fieldManager=somebody",
                    JsonNode.Parse(
                        $$"""[{"op":"replace","path":"{{shape.ImagePointer(0)}}","value":"{{Names.Repository}}:{{version}}"}]"""
                    ),
                    cancellationToken,
                    "application/json-patch+json"
                );
                break;
            case 12 when shape.IsScaled:
                Tell($"{shape.Kind}/{name} is scaled");
                await _world.SendAsync(
                    HttpMethod.Patch,
                    $"{shape.Collection}/{name}/scale",
                    new JsonObject { ["spec"] = new JsonObject { ["replicas"] = _random.Next(4) } },
                    cancellationToken,
                    "application/merge-patch+json"
                );
                break;
            case 13:
                Tell($"{shape.Kind}/{name} is recreated");
                await _world.SendAsync(HttpMethod.Delete, $"{shape.Collection}/{name}", null, cancellationToken);
                await _world.Time.RunUntilAsync(Now + TimeSpan.FromSeconds(_random.Next(1, 5)), null, cancellationToken);
                await CreateWorkloadAsync((shape, name), cancellationToken);
                break;
            case 14:
                await CreateSecondAsync(cancellationToken);
                break;
            case 15 when _random.Next(2) == 0:
                Tell($"{resource} is deleted");
                await _world.DeleteResourceAsync(resource, cancellationToken);
                break;
            case 15:
                _world.Registry.Available = !_world.Registry.Available;
                Tell($"the registry is {(_world.Registry.Available ? "available" : "unavailable")}");
                break;
            case 16 when _faults > 0:
                _world.Cluster.CompactHistory();
                Tell("the history is compacted");
                break;
            default:
                await EndReplicaAsync(cancellationToken);
                break;
        }
    }

    private async Task EditAsync(string resource, JsonObject spec, CancellationToken cancellationToken)
    {
        Tell($"{resource} is edited: {spec.ToJsonString()}");
        await _world.EditResourceAsync(resource, spec, cancellationToken);
    }

    private async Task CreateSecondAsync(CancellationToken cancellationToken)
    {
        var spec = Spec();
        spec["tag"] = Names.OtherTag;
        Tell("second is created, for the same container");
        await _world.CreateResourceAsync("second", spec, cancellationToken);
    }

    private Task<Reply> CreateWorkloadAsync((WorkloadShape Shape, string Name) workload, CancellationToken cancellationToken) =>
        _world.SendAsync(
            HttpMethod.Post,
            workload.Shape.Collection,
            workload.Shape.Make(workload.Name, "app", $"{Names.Repository}:{_versions[0]}", _random.Next(1, 4), _random.Next(2) == 0),
            cancellationToken
        );

    /// <summary>Kills or stops a controller, and starts another one later.</summary>
    private async Task EndReplicaAsync(CancellationToken cancellationToken)
    {
        List<Replica> running = [.. _replicas.Where(r => r.IsRunning)];
        if (running.Count > 0)
        {
            var replica = running[_random.Next(running.Count)];
            var how = _random.Next(4);
            var requests = _random.Next(30);
            var withEffect = _random.Next(2) == 0;
            Tell(
                $"{replica.Name} {how switch { 0 => "is stopped", 1 => "is killed", _ => $"is killed after {requests} more requests{(withEffect ? "" : ", the last of them unsent")}" }}"
            );
            if (how == 0)
                replica.Stop();
            else if (how == 1)
                replica.Kill();
            else
                replica.KillAfter(requests, withEffect);
        }

        await _world.Time.RunUntilAsync(Now + TimeSpan.FromSeconds(_random.Next(1, 40)), null, cancellationToken);
        // Without an election, the next controller starts after the former one has ended, like a Deployment with strategy Recreate.
        await _world.Time.RunUntilAsync(
            Now + TimeSpan.FromMinutes(2),
            () => _replicas.TrueForAll(r => r.IsRunning || r.IsDead || r.Ended.IsCompleted),
            cancellationToken
        );
        while (_replicas.Count(r => r.IsRunning) < _replicaCount)
            StartReplica();
    }

    private void StartReplica()
    {
        var name = $"{Replica.Prefix}{++_replicaNumber}";
        // Separate fault schedules, so that the requests of one controller do not affect the faults of another.
        FaultSchedule cluster = new(_random.Next(), _faults);
        FaultSchedule registry = new(_random.Next(), _faults);
        var calm = _schedules.Count > 0 && !_schedules[0].IsOn;
        cluster.IsOn = registry.IsOn = !calm;
        _schedules.AddRange([cluster, registry]);
        Random random = new(_random.Next());
        ControllerOptions options = new()
        {
            Namespaces = [Names.Namespace],
            Workers = 4,
            Election =
                _replicaCount > 1 && _mutation != Mutation.NoRivals ? new ElectionOptions(Names.Namespace, "controller", name) : null,
        };
        var mutant = _mutation == Mutation.None ? null : new Mutant(_mutation, _replicas.Count % 2 == 0 ? "second" : "first");
        Tell($"{name} starts");
        _replicas.Add(new Replica(_world, name, options, random, cluster, registry, mutant));
    }

    private async Task EndAsync(CancellationToken cancellationToken)
    {
        foreach (var replica in _replicas)
            replica.Kill();
        var all = Task.WhenAll(_replicas.Select(r => r.Ended));
        await _world.Time.RunUntilAsync(Now + TimeSpan.FromMinutes(10), () => all.IsCompleted, cancellationToken);
        foreach (var replica in _replicas)
            replica.Dispose();
        if (!all.IsCompleted)
            throw new InvalidOperationException("A killed controller does not end.");
        await all;
    }

    private void Tell(string what)
    {
        var line = $"{Now:HH:mm:ss.fff} {what}";
        _story.Add(line);
        StoryLog.Tell(_logger, line);
    }

    private string Pick(params string[] choices) => choices[_random.Next(choices.Length)];
}

/// <summary>The result of a simulation.</summary>
internal sealed record Outcome(IReadOnlyList<Violation> Violations, IReadOnlyList<string> Story, History History);

/// <summary>An invariant that did not hold.</summary>
internal sealed record Violation(int Invariant, string What)
{
    public override string ToString() => $"invariant {Invariant}: {What}";
}

internal static partial class StoryLog
{
    [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "--- {Line}")]
    public static partial void Tell(ILogger logger, string line);
}
