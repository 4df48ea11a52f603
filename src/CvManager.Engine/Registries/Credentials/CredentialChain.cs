namespace CvManager.Registries.Credentials;

/// <summary>
/// Several sources whose credentials are tried in order. The error of an unreadable source is thrown only if the others have no credential.
/// </summary>
public sealed class CredentialChain(params IReadOnlyList<ICredentialSource> sources) : ICredentialSource
{
    public async ValueTask<RegistryCredential?> FindAsync(ImageRepository repository, CancellationToken cancellationToken) =>
        await FindAllAsync(repository, cancellationToken) is [{ } first, ..] ? first : null;

    public async ValueTask<IReadOnlyList<RegistryCredential>> FindAllAsync(ImageRepository repository, CancellationToken cancellationToken)
    {
        List<RegistryCredential> all = [];
        CvException? unreadable = null;
        foreach (var source in sources)
        {
            try
            {
                all.AddRange(await source.FindAllAsync(repository, cancellationToken));
            }
            catch (CvException e)
            {
                unreadable ??= e;
            }
        }

        return all.Count == 0 && unreadable is not null ? throw unreadable : all;
    }
}
