namespace CvManager.Registries.Credentials;

/// <summary>
/// The credentials of a docker config file and its credential helpers. Read again for each call, because users log in meanwhile.
/// </summary>
public sealed class DockerConfigFile(string path, TimeProvider time) : ICredentialSource
{
    private const long MaxFileBytes = 4 * 1024 * 1024;

    /// <summary>The files that docker, podman and skopeo use.</summary>
    public static ICredentialSource OfEnvironment(TimeProvider time) =>
        new CredentialChain([
            .. PathsOf(Environment.GetEnvironmentVariable, Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), UserId())
                .Select(path => new DockerConfigFile(path, time)),
        ]);

    public string Path => path;

    public async ValueTask<RegistryCredential?> FindAsync(ImageRepository repository, CancellationToken cancellationToken) =>
        await FindAllAsync(repository, cancellationToken) is [{ } first, ..] ? first : null;

    public async ValueTask<IReadOnlyList<RegistryCredential>> FindAllAsync(ImageRepository repository, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(repository);
        if (await ReadAsync(cancellationToken) is not DockerConfig config)
            return [];
        List<RegistryCredential> found = [];
        CvException? unreadable = null;
        var own = config.CredHelpers?.FirstOrDefault(h => RegistryKey.Match(h.Key, repository) is not null).Value;
        var helper = own ?? config.CredsStore;
        try
        {
            if (
                !string.IsNullOrEmpty(helper)
                && await CredentialHelper.GetAsync(helper, RegistryKey.Of(repository), time, cancellationToken) is { } credential
            )
                found.Add(credential.From($"docker-credential-{helper}, named in {path}"));
        }
        catch (CvException e) when (own is null)
        {
            // The default credential store may not be installed; the file itself may contain the credential.
            unreadable = e;
        }

        found.AddRange(config.FindAll(repository, path));
        return found.Count == 0 && unreadable is not null ? throw unreadable : found;
    }

    /// <summary>In the order of containers-auth.json(5); if REGISTRY_AUTH_FILE is set, only that file.</summary>
    /// <param name="userId">For the path of podman if XDG_RUNTIME_DIR is not set; null if unknown.</param>
    internal static IReadOnlyList<string> PathsOf(Func<string, string?> environment, string home, string? userId)
    {
        if (Named("REGISTRY_AUTH_FILE") is { } file)
            return [file];
        var runtime =
            Named("XDG_RUNTIME_DIR") is { } folder ? System.IO.Path.Combine(folder, "containers")
            : userId is null ? null
            : $"/run/containers/{userId}";
        var configuration = Named("XDG_CONFIG_HOME") ?? InHome(".config");
        var docker = Named("DOCKER_CONFIG") ?? InHome(".docker");
        return
        [
            .. runtime is null ? (string[])[] : [System.IO.Path.Combine(runtime, "auth.json")],
            .. configuration is null ? (string[])[] : [System.IO.Path.Combine(configuration, "containers", "auth.json")],
            .. docker is null ? (string[])[] : [System.IO.Path.Combine(docker, "config.json")],
        ];

        string? Named(string name) => environment(name) is { Length: > 0 } value ? value : null;

        // Without a home directory, the path would be relative to the current directory.
        string? InHome(string name) => home.Length > 0 ? System.IO.Path.Combine(home, name) : null;
    }

    private static string? UserId()
    {
        const string Status = "/proc/self/status";
        return OperatingSystem.IsLinux() && File.Exists(Status)
            ? File.ReadLines(Status)
                .FirstOrDefault(line => line.StartsWith("Uid:", StringComparison.Ordinal))
                ?.Split('\t', StringSplitOptions.RemoveEmptyEntries)[1]
            : null;
    }

    private async Task<DockerConfig?> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists)
                return null;
            if (file.Length > MaxFileBytes)
                throw CredentialErrors.Invalid(path, $"the file exceeds {MaxFileBytes} bytes");
            return file.Length == 0 ? null : DockerConfig.Parse(await File.ReadAllBytesAsync(path, cancellationToken), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CredentialErrors.Invalid(path, "the file could not be read", e);
        }
    }
}
