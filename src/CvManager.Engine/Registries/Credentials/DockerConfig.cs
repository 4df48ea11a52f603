using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace CvManager.Registries.Credentials;

/// <summary>The format in which docker, podman, skopeo and Kubernetes (<c>kubernetes.io/dockerconfigjson</c>) store credentials.</summary>
internal sealed class DockerConfig
{
    [JsonPropertyName("auths")]
    public Dictionary<string, DockerAuth?>? Auths { get; init; }

    /// <summary>Credential helpers by registry.</summary>
    [JsonPropertyName("credHelpers")]
    public Dictionary<string, string?>? CredHelpers { get; init; }

    /// <summary>The credential helper for all other registries.</summary>
    [JsonPropertyName("credsStore")]
    public string? CredsStore { get; init; }

    /// <param name="source">The source of the text for errors, which never quote the text.</param>
    /// <exception cref="CvException"><c>RegistryCredentialInvalid</c>.</exception>
    public static DockerConfig Parse(ReadOnlySpan<byte> json, string source)
    {
        try
        {
            return JsonSerializer.Deserialize(Utf8Text.Of(json), DockerConfigJson.Default.DockerConfig) ?? new DockerConfig();
        }
        catch (JsonException e)
        {
            throw CredentialErrors.Invalid(source, $"not a valid docker config (line {e.LineNumber + 1})");
        }
    }

    /// <summary>
    /// The credentials for a repository without those of helpers, longest matching path first, as the kubelet does. The error of an invalid
    /// entry is thrown only if there is no other.
    /// </summary>
    public IReadOnlyList<RegistryCredential> FindAll(ImageRepository repository, string source)
    {
        List<RegistryCredential> found = [];
        CvException? unreadable = null;
        foreach (
            (var key, var auth, _) in (Auths ?? [])
                .Where(a => a.Value is { HasLogin: true })
                .Select(a => (a.Key, Auth: a.Value!, Length: RegistryKey.Match(a.Key, repository)))
                .Where(a => a.Length is not null)
                .OrderByDescending(a => a.Length)
        )
        {
            try
            {
                found.Add(auth.ToCredential($"{source}, auths '{RemoteText.Show(key)}'").From(source));
            }
            catch (CvException e)
            {
                unreadable ??= e;
            }
        }

        return found.Count == 0 && unreadable is not null ? throw unreadable : found;
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

    [JsonPropertyName("registrytoken")]
    public string? RegistryToken { get; init; }

    /// <summary>False for the empty entry that docker writes if the credential is in a credential store.</summary>
    public bool HasLogin =>
        !string.IsNullOrEmpty(Auth)
        || !string.IsNullOrEmpty(IdentityToken)
        || !string.IsNullOrEmpty(RegistryToken)
        || !string.IsNullOrEmpty(UserName);

    public RegistryCredential ToCredential(string source)
    {
        if (!string.IsNullOrEmpty(IdentityToken))
            return RegistryCredential.OfIdentityToken(IdentityToken);
        if (!string.IsNullOrEmpty(RegistryToken))
            return RegistryCredential.OfRegistryToken(RegistryToken);
        if (string.IsNullOrEmpty(Auth))
            return RegistryCredential.OfPassword(UserName!, Password ?? "");
        string pair;
        try
        {
            // As the kubelet, with or without padding.
            var auth = Auth.Trim().TrimEnd('=');
            pair = Encoding.UTF8.GetString(Convert.FromBase64String(auth.PadRight((auth.Length + 3) / 4 * 4, '='))).TrimEnd('\0');
        }
        catch (FormatException)
        {
            throw CredentialErrors.Invalid(source, "field 'auth' is not base64");
        }

        var colon = pair.IndexOf(':', StringComparison.Ordinal);
        return colon >= 0
            ? RegistryCredential.OfPassword(pair[..colon], pair[(colon + 1)..])
            : throw CredentialErrors.Invalid(source, "field 'auth' must contain user:password");
    }
}

[JsonSerializable(typeof(DockerConfig))]
[JsonSerializable(typeof(HelperOutput))]
internal sealed partial class DockerConfigJson : JsonSerializerContext;

internal static class CredentialErrors
{
    public static CvException Invalid(string source, string what, Exception? inner = null) =>
        new(
            ErrorIds.RegistryCredentialInvalid,
            CvErrorKind.Invalid,
            $"Could not read credentials from {source}: {what}.",
            "Log in again ('docker login'), correct the file or Secret, or specify -Credential.",
            inner
        )
        {
            Target = source,
        };
}
