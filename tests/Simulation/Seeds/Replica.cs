using CvManager.Cluster;
using CvManager.Controller;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Sandbox;

namespace CvManager.Simulation.Seeds;

/// <summary>One controller process: the whole engine, from its start until it is stopped or killed.</summary>
internal sealed class Replica : IDisposable
{
    /// <summary>The prefix of the names of all controller processes.</summary>
    public const string Prefix = "controller-";

    /// <summary>The request budget of a registry with one login.</summary>
    public const double RequestsPerSecond = 2;

    public const int RequestBurst = 20;

    private readonly Lifeline _life;
    private readonly CancellationTokenSource _stop = new();
    private readonly ClusterConnection _cluster;
    private readonly RegistryCatalog _registries;
    private readonly ContainerVersionController _controller;

    public Replica(
        World world,
        string name,
        ControllerOptions options,
        Random random,
        FaultSchedule clusterFaults,
        FaultSchedule registryFaults,
        Mutant? mutant
    )
    {
        Name = name;
        _life = new Lifeline(name);
        _cluster = ClusterConnection.FromHandler(
            new ClusterLink(world.Cluster.CreateHandler(clusterFaults.Next), _life, mutant),
            new Uri("http://sandbox"),
            world.Cluster.Token,
            Names.Namespace,
            world.Time
        );
        // The jitter of retries cannot be seeded; the poller retries anyway.
        RegistryClientOptions registry = new()
        {
            TimeProvider = world.Time,
            Retries = 0,
            RequestsPerSecond = RequestsPerSecond,
            RequestBurst = RequestBurst,
        };
        _registries = new RegistryCatalog(
            registry,
            new FixedCredential(null),
            new RegistryLink(world.Registry.CreateHandler(registryFaults.Next), _life, world.History, world.Time, mutant)
        );
        _controller = new ContainerVersionController(_cluster, _registries, options, new(world.Time, world.Log) { Random = random });
        Ended = _controller.RunAsync(_stop.Token);
    }

    public string Name { get; }

    /// <summary>Completes when the process ends. Throws only unexpected exceptions.</summary>
    public Task Ended { get; }

    public bool GoesInCircles => _life.GoesInCircles;

    /// <summary>Killed: its requests no longer pass.</summary>
    public bool IsDead => _life.Cut.IsCompleted;

    public bool IsRunning => !_life.Cut.IsCompleted && !_stop.IsCancellationRequested;

    /// <summary>Kills it during one of its next requests, before or after the request takes effect.</summary>
    public void KillAfter(int requests, bool withEffect)
    {
        _life.LastHasEffect = withEffect;
        _life.LastRequest = _life.Requests + 1 + requests;
        _ = EndAsync();

        async Task EndAsync()
        {
            await _life.Cut;
            await _stop.CancelAsync();
        }
    }

    /// <summary>Cancels a planned kill that has not happened yet.</summary>
    public void Spare() => _life.LastRequest = null;

    /// <summary>Kills the process now.</summary>
    public void Kill()
    {
        _life.Sever();
        _stop.Cancel();
    }

    /// <summary>Stops the process as SIGTERM does.</summary>
    public void Stop() => _stop.Cancel();

    public void Dispose()
    {
        _controller.Dispose();
        _registries.Dispose();
        _cluster.Dispose();
        _stop.Dispose();
    }
}
