using CvManager.Cluster;
using CvManager.Controller;
using CvManager.Following;
using CvManager.Registries;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace CvManager.PowerShell;

/// <summary>A reconciler and its registries, for the duration of one cmdlet.</summary>
internal sealed class ReconcilerScope : IDisposable
{
    private readonly RegistryCatalog _registries;
    private readonly OnDemandVersions _versions;

    /// <param name="logger">The log of requests to registries.</param>
    public ReconcilerScope(ClusterConnection cluster, SessionMemory session, ILogger logger)
    {
        _registries = SessionRegistries.Of(session).Open(logger);
        // Without a log: results and errors contain the same information.
        EngineEnvironment environment = new(TimeProvider.System, NullLogger.Instance);
        _versions = new OnDemandVersions(cluster, _registries, environment);
        Reconciler = new Reconciler(cluster, _versions, environment);
    }

    public Reconciler Reconciler { get; }

    public IResourceVersions Versions => _versions;

    public void Dispose()
    {
        _versions.Dispose();
        _registries.Dispose();
    }
}
