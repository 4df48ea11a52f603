namespace CvManager.Registries.Credentials;

/// <summary>The same credential for all repositories; null for anonymous access.</summary>
public sealed class FixedCredential(RegistryCredential? credential) : ICredentialSource
{
    public static FixedCredential Anonymous { get; } = new(null);

    public ValueTask<RegistryCredential?> FindAsync(ImageRepository repository, CancellationToken cancellationToken) =>
        ValueTask.FromResult(credential);
}
