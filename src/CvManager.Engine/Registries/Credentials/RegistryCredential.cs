namespace CvManager.Registries.Credentials;

/// <summary>A credential for a registry: user name and password, an identity token or a registry token. Prints no secret.</summary>
public sealed class RegistryCredential
{
    private RegistryCredential(string userName, string password, string? identityToken, string? registryToken)
    {
        UserName = userName;
        Password = password;
        IdentityToken = identityToken;
        RegistryToken = registryToken;
    }

    public string UserName { get; }

    /// <summary>Where the credential comes from, for the log.</summary>
    internal string Source { get; private init; } = "a login";

    /// <summary>The secret of the credential, whatever its kind.</summary>
    internal string Password { get; }

    /// <summary>A refresh token for the registry's OAuth2 token server; null for other kinds.</summary>
    internal string? IdentityToken { get; }

    /// <summary>A bearer token for the registry itself; null for other kinds.</summary>
    internal string? RegistryToken { get; }

    /// <summary>The secrets that must not appear in messages.</summary>
    internal Secrets Secrets => UserName.Length > 0 ? Secrets.OfLogin(UserName, Password) : new Secrets(Password);

    public static RegistryCredential OfPassword(string userName, string password) => new(userName, password, null, null);

    public static RegistryCredential OfIdentityToken(string token) => new("", token, token, null);

    public static RegistryCredential OfRegistryToken(string token) => new("", token, null, token);

    /// <summary>The same credential with the source that the log shows.</summary>
    public RegistryCredential From(string source) => new(UserName, Password, IdentityToken, RegistryToken) { Source = source };

    public override string ToString() =>
        UserName.Length > 0 ? UserName
        : IdentityToken is null ? "(registry token)"
        : "(identity token)";
}

/// <summary>A source of credentials. Thread-safe.</summary>
public interface ICredentialSource
{
    /// <summary>The credential for a repository; null if this source has none.</summary>
    /// <exception cref="CvException"><c>RegistryCredentialInvalid</c>: the source could not be read.</exception>
    ValueTask<RegistryCredential?> FindAsync(ImageRepository repository, CancellationToken cancellationToken);

    /// <summary>All credentials for a repository in the order to try them: those with the longest matching path first.</summary>
    /// <inheritdoc cref="FindAsync" path="/exception"/>
    async ValueTask<IReadOnlyList<RegistryCredential>> FindAllAsync(ImageRepository repository, CancellationToken cancellationToken) =>
        await FindAsync(repository, cancellationToken) is { } credential ? [credential] : [];
}
