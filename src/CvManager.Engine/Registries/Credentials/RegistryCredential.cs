namespace CvManager.Registries.Credentials;

/// <summary>What is shown to a registry: user and password, an identity token, or a token for the registry itself. Prints none of them.</summary>
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

    /// <summary>Of whichever kind the credential is, its secret.</summary>
    internal string Password { get; }

    /// <summary>A refresh token for the registry's OAuth2 token server; null where there is something else.</summary>
    internal string? IdentityToken { get; }

    /// <summary>A bearer token that the registry takes as it is; null where there is something else.</summary>
    internal string? RegistryToken { get; }

    /// <summary>What no message may say.</summary>
    internal Secrets Secrets => UserName.Length > 0 ? Secrets.OfLogin(UserName, Password) : new Secrets(Password);

    public static RegistryCredential OfPassword(string userName, string password) => new(userName, password, null, null);

    public static RegistryCredential OfIdentityToken(string token) => new("", token, token, null);

    public static RegistryCredential OfRegistryToken(string token) => new("", token, null, token);

    public override string ToString() => UserName.Length > 0 ? UserName : IdentityToken is null ? "(registry token)" : "(identity token)";
}

/// <summary>Where credentials come from. Thread-safe.</summary>
public interface ICredentialSource
{
    /// <summary>The credential for a repository; null where this source has none, which leaves the registry to be used anonymously.</summary>
    /// <exception cref="CvException"><c>RegistryCredentialInvalid</c>: the source cannot be read.</exception>
    ValueTask<RegistryCredential?> FindAsync(ImageRepository repository, CancellationToken cancellationToken);

    /// <summary>All of them, in the order in which they are tried: those for the longest part of the repository's name first.</summary>
    /// <inheritdoc cref="FindAsync" path="/exception"/>
    async ValueTask<IReadOnlyList<RegistryCredential>> FindAllAsync(ImageRepository repository, CancellationToken cancellationToken) =>
        await FindAsync(repository, cancellationToken).ConfigureAwait(false) is { } credential ? [credential] : [];
}
