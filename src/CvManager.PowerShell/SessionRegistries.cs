using System.Management.Automation;
using CvManager.Registries;
using CvManager.Registries.Credentials;

namespace CvManager.PowerShell;

/// <summary>
/// What the cmdlets of a session share of registries: connections, and request budgets (R11), which hold beyond a cmdlet's end.
/// Logins are looked up anew for each cmdlet: people log in meanwhile. Kept by <see cref="SessionMemory"/>.
/// </summary>
internal sealed class SessionRegistries : IAsyncDisposable
{
    private readonly RegistryCatalog _shared = new(RegistryClientOptions.OfEnvironment(), FixedCredential.Anonymous);

    public IReadOnlyList<RegistryBudget> Budgets => _shared.Budgets;

    /// <summary>The session's, made when first asked for.</summary>
    public static SessionRegistries Of(SessionMemory session) => session.Only(static () => new SessionRegistries());

    /// <summary>Registries with a credential that was given, or else with those that docker and podman would use here; to be disposed of.</summary>
    public RegistryCatalog Open(PSCredential? credential = null, bool plainHttp = false) =>
        credential is null
            ? _shared.With(DockerConfigFile.OfEnvironment(TimeProvider.System), plainHttp: plainHttp)
            : _shared.With(new FixedCredential(RegistryCredential.OfPassword(credential.UserName, credential.GetNetworkCredential().Password)), credential.UserName, plainHttp);

    public ValueTask DisposeAsync()
    {
        _shared.Dispose();
        return ValueTask.CompletedTask;
    }
}
