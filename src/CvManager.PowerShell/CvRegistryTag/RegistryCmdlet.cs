using System.Management.Automation;
using CvManager.Registries;
using CvManager.Registries.Credentials;

namespace CvManager.PowerShell;

/// <summary>The base of cmdlets that talk to registries.</summary>
public abstract class RegistryCmdlet : AsyncCmdlet
{
    private RegistryCatalog? _registries;

    /// <summary>User and password for the registry; left out, those of the docker config, or none.</summary>
    [Parameter]
    [Credential]
    public PSCredential? Credential { get; set; }

    private protected RegistryCatalog Registries => _registries ??= Open(Credential);

    /// <summary>Registries with a credential that was given, or else with those that docker and podman would use here.</summary>
    internal static RegistryCatalog Open(PSCredential? credential) =>
        new(new RegistryClientOptions(), credential is null ? DockerConfigFile.OfEnvironment(TimeProvider.System) : new FixedCredential(
            RegistryCredential.OfPassword(credential.UserName, credential.GetNetworkCredential().Password)));

    /// <summary>An error of one tag leaves the others alone.</summary>
    private protected async Task GuardAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (CvException e)
        {
            await WriteErrorAsync(e);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _registries?.Dispose();
        base.Dispose(disposing);
    }
}
