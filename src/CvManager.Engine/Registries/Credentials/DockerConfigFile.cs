namespace CvManager.Registries.Credentials;

/// <summary>The logins of a docker config file and of the helper programs that it names. Read anew each time: people log in meanwhile.</summary>
public sealed class DockerConfigFile(string path, TimeProvider time) : ICredentialSource
{
    private const long LargestFile = 4 * 1024 * 1024;

    /// <summary>The file that docker and podman would use here: <c>$REGISTRY_AUTH_FILE</c>, <c>$DOCKER_CONFIG/config.json</c>, <c>~/.docker/config.json</c>.</summary>
    public static DockerConfigFile OfEnvironment(TimeProvider time) => new(PathOf(Environment.GetEnvironmentVariable), time);

    public string Path => path;

    public async ValueTask<RegistryCredential?> FindAsync(ImageRepository repository, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(repository);
        if (await ReadAsync(cancellationToken).ConfigureAwait(false) is not DockerConfig config)
            return null;
        string? helper = config.CredHelpers?.FirstOrDefault(h => RegistryKey.Match(h.Key, repository) is not null).Value ?? config.CredsStore;
        RegistryCredential? credential = string.IsNullOrEmpty(helper)
            ? null
            : await CredentialHelper.GetAsync(helper, RegistryKey.Of(repository), time, cancellationToken).ConfigureAwait(false);
        return credential ?? config.Find(repository, path);
    }

    internal static string PathOf(Func<string, string?> environment)
    {
        if (environment("REGISTRY_AUTH_FILE") is { Length: > 0 } file)
            return file;
        string folder = environment("DOCKER_CONFIG") is { Length: > 0 } given
            ? given
            : System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".docker");
        return System.IO.Path.Combine(folder, "config.json");
    }

    private async Task<DockerConfig?> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists)
                return null;
            if (file.Length > LargestFile)
                throw CredentialErrors.Invalid(path, $"the file has more than {LargestFile} bytes");
            return DockerConfig.Parse(await File.ReadAllBytesAsync(path, cancellationToken).ConfigureAwait(false), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CredentialErrors.Invalid(path, "the file cannot be read", e);
        }
    }
}
