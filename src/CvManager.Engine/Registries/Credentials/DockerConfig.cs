using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace CvManager.Registries.Credentials;

/// <summary>What docker, podman, skopeo and Kubernetes (type <c>kubernetes.io/dockerconfigjson</c>) keep logins in.</summary>
internal sealed class DockerConfig
{
    [JsonPropertyName("auths")]
    public Dictionary<string, DockerAuth?>? Auths { get; init; }

    /// <summary>Helper programs by registry.</summary>
    [JsonPropertyName("credHelpers")]
    public Dictionary<string, string?>? CredHelpers { get; init; }

    /// <summary>The helper program for all other registries.</summary>
    [JsonPropertyName("credsStore")]
    public string? CredsStore { get; init; }

    /// <param name="source">What the text is of, for errors, which never quote it.</param>
    /// <exception cref="CvException"><c>RegistryCredentialInvalid</c>.</exception>
    public static DockerConfig Parse(ReadOnlySpan<byte> json, string source)
    {
        try
        {
            return JsonSerializer.Deserialize(json, DockerConfigJson.Default.DockerConfig) ?? new DockerConfig();
        }
        catch (JsonException e)
        {
            throw CredentialErrors.Invalid(source, $"it is no JSON of a docker config (line {e.LineNumber + 1})");
        }
    }

    /// <summary>The login for a repository, of those in the text itself: the one for the longest path, as the kubelet has it.</summary>
    public RegistryCredential? Find(ImageRepository repository, string source)
    {
        (string Key, DockerAuth Auth)? best = null;
        int longest = -1;
        foreach ((string key, DockerAuth? auth) in Auths ?? [])
        {
            if (auth is { HasLogin: true } && RegistryKey.Match(key, repository) is int length && length > longest)
                (best, longest) = ((key, auth), length);
        }

        return best?.Auth.ToCredential($"{source}, auths '{best.Value.Key}'");
    }
}

internal sealed class DockerAuth
{
    [JsonPropertyName("auth")]
    public string? Auth { get; init; }

    [JsonPropertyName("username")]
    public string? UserName { get; init; }

    [JsonPropertyName("password")]
    public string? Password { get; init; }

    [JsonPropertyName("identitytoken")]
    public string? IdentityToken { get; init; }

    /// <summary>False for the empty entry that docker leaves where the login is in a credential store.</summary>
    public bool HasLogin => !string.IsNullOrEmpty(Auth) || !string.IsNullOrEmpty(IdentityToken) || !string.IsNullOrEmpty(UserName);

    public RegistryCredential ToCredential(string source)
    {
        if (!string.IsNullOrEmpty(IdentityToken))
            return RegistryCredential.OfIdentityToken(IdentityToken);
        if (string.IsNullOrEmpty(Auth))
            return RegistryCredential.OfPassword(UserName!, Password ?? "");
        string pair;
        try
        {
            pair = Encoding.UTF8.GetString(Convert.FromBase64String(Auth.Trim())).TrimEnd('\0');
        }
        catch (FormatException)
        {
            throw CredentialErrors.Invalid(source, "its field 'auth' is no base64");
        }

        int colon = pair.IndexOf(':', StringComparison.Ordinal);
        return colon > 0
            ? RegistryCredential.OfPassword(pair[..colon], pair[(colon + 1)..])
            : throw CredentialErrors.Invalid(source, "its field 'auth' is no user:password");
    }
}

[JsonSerializable(typeof(DockerConfig))]
[JsonSerializable(typeof(HelperAnswer))]
internal sealed partial class DockerConfigJson : JsonSerializerContext;

internal static class CredentialErrors
{
    public static CvException Invalid(string source, string what, Exception? inner = null) =>
        new("RegistryCredentialInvalid", CvErrorKind.Invalid, $"The credentials in {source} cannot be used: {what}.",
            "Log in again ('docker login'), correct the file or Secret, or give -Credential.", inner) { Target = source };
}
