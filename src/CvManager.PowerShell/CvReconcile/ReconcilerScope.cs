using CvManager.Cluster;
using CvManager.Controller;
using CvManager.Following;
using CvManager.Registries;
using Microsoft.Extensions.Logging.Abstractions;

namespace CvManager.PowerShell;

/// <summary>A reconciler for the length of one cmdlet, with the registries that it asks.</summary>
internal sealed class ReconcilerScope : IDisposable
{
    private readonly RegistryCatalog _registries;
    private readonly OnDemandVersions _versions;

    public ReconcilerScope(ClusterConnection cluster, SessionMemory session)
    {
        _registries = SessionRegistries.Of(session).Open();
        // Without a log: what it would say is in the results and errors.
        _versions = new OnDemandVersions(cluster, _registries, TimeProvider.System, NullLogger.Instance);
        Reconciler = new Reconciler(cluster, _versions, TimeProvider.System, NullLogger.Instance);
    }

    public Reconciler Reconciler { get; }

    public IResourceVersions Versions => _versions;

    public void Dispose()
    {
        _versions.Dispose();
        _registries.Dispose();
    }
}
