using System.Management.Automation;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using Microsoft.Extensions.Logging;

namespace CvManager.PowerShell;

/// <summary>
/// The registry connections and request budgets (R11) that the cmdlets of a session share. Credentials are read again for each cmdlet,
/// because users log in while a session runs. Stored in <see cref="SessionMemory"/>.
/// </summary>
internal sealed class SessionRegistries : IAsyncDisposable
{
    private readonly RegistryCatalog _shared = new(RegistryClientOptions.OfEnvironment(), FixedCredential.Anonymous);

    public IReadOnlyList<RegistryBudget> Budgets => _shared.Budgets;

    /// <summary>Returns the instance of the session; creates it on first use.</summary>
    public static SessionRegistries Of(SessionMemory session) => session.GetOrAdd(static () => new SessionRegistries());

    /// <summary>
    /// Opens registries with the given credential, or with the credentials of docker and podman. The caller disposes the result.
    /// </summary>
    /// <param name="logger">The log of one cmdlet.</param>
    /// <param name="metrics">Counts the requests of one cmdlet.</param>
    public RegistryCatalog Open(ILogger? logger, PSCredential? credential = null, bool plainHttp = false, EngineMetrics? metrics = null) =>
        credential is null
            ? _shared.With(DockerConfigFile.OfEnvironment(TimeProvider.System), plainHttp: plainHttp, logger: logger, metrics: metrics)
            : _shared.With(
                new FixedCredential(
                    RegistryCredential.OfPassword(credential.UserName, credential.GetNetworkCredential().Password).From("-Credential")
                ),
                credential.UserName,
                plainHttp,
                logger,
                metrics
            );

    public ValueTask DisposeAsync()
    {
        _shared.Dispose();
        return ValueTask.CompletedTask;
    }
}
