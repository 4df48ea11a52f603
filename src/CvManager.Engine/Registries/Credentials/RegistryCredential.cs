namespace CvManager.Registries.Credentials;

/// <summary>What is shown to a registry: user and password, or an identity token. Prints neither.</summary>
public sealed class RegistryCredential
{
    private RegistryCredential(string userName, string password, string? identityToken)
    {
        UserName = userName;
        Password = password;
        IdentityToken = identityToken;
    }

    public string UserName { get; }

    internal string Password { get; }

    /// <summary>A refresh token for the registry's OAuth2 token server; null where there is a password instead.</summary>
    internal string? IdentityToken { get; }

    /// <summary>What no message may say.</summary>
    internal Secrets Secrets => IdentityToken is null ? Secrets.OfLogin(UserName, Password) : new Secrets(IdentityToken);

    public static RegistryCredential OfPassword(string userName, string password) => new(userName, password, null);

    public static RegistryCredential OfIdentityToken(string token) => new("", "", token);

    public override string ToString() => UserName.Length == 0 ? "(identity token)" : UserName;
}

/// <summary>Where credentials come from. Thread-safe.</summary>
public interface ICredentialSource
{
    /// <summary>The credential for a repository; null where this source has none, which leaves the registry to be used anonymously.</summary>
    /// <exception cref="CvException"><c>RegistryCredentialInvalid</c>: the source cannot be read.</exception>
    ValueTask<RegistryCredential?> FindAsync(ImageRepository repository, CancellationToken cancellationToken);
}
