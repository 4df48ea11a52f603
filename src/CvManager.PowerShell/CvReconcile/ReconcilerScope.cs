using CvManager.Cluster;
using CvManager.Controller;
using CvManager.Registries;
using CvManager.Versions;
using Microsoft.Extensions.Logging.Abstractions;

namespace CvManager.PowerShell;

/// <summary>A reconciler for the length of one cmdlet, with the registries that it asks.</summary>
internal sealed class ReconcilerScope : IDisposable
{
    private readonly RegistryCatalog _registries;

    public ReconcilerScope(ClusterConnection cluster, SessionMemory session)
    {
        _registries = SessionRegistries.Of(session).Open();
        var versions = new VersionResolver(_registries, new LearntTags(), TimeProvider.System);
        // Without a log: what it would say is in the results and errors.
        Reconciler = new Reconciler(cluster, versions, _registries, TimeProvider.System, NullLogger.Instance);
    }

    public Reconciler Reconciler { get; }

    public void Dispose() => _registries.Dispose();
}
