namespace CvManager.Registries.Credentials;

/// <summary>One credential, whatever the repository; or none, which is anonymous use. For a credential that a person gave for one registry.</summary>
public sealed class FixedCredential(RegistryCredential? credential) : ICredentialSource
{
    public static FixedCredential Anonymous { get; } = new(null);

    public ValueTask<RegistryCredential?> FindAsync(ImageRepository repository, CancellationToken cancellationToken) => ValueTask.FromResult(credential);
}
