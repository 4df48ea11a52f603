namespace CvManager.Registries.Credentials;

/// <summary>Several sources: the first that has a credential gives it.</summary>
public sealed class CredentialChain(params IReadOnlyList<ICredentialSource> sources) : ICredentialSource
{
    public async ValueTask<RegistryCredential?> FindAsync(ImageRepository repository, CancellationToken cancellationToken)
    {
        foreach (ICredentialSource source in sources)
        {
            if (await source.FindAsync(repository, cancellationToken).ConfigureAwait(false) is RegistryCredential credential)
                return credential;
        }

        return null;
    }
}
