using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace CvManager.Registries.Credentials;

/// <summary>Runs a docker credential helper: <c>docker-credential-NAME get</c>.</summary>
internal static partial class CredentialHelper
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private const int MaxOutputLength = 64 * 1024;

    /// <returns>Null if the helper has no credential for the registry.</returns>
    /// <exception cref="CvException"><c>RegistryCredentialInvalid</c>. The output is not included: it may contain secrets.</exception>
    public static async Task<RegistryCredential?> GetAsync(
        string name,
        string registryKey,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        var program = $"docker-credential-{name}";
        if (!HelperName().IsMatch(name))
            throw CredentialErrors.Invalid("the docker config", $"'{name}' is not a valid credential helper name");
        try
        {
            var result = await ChildProgram.RunAsync(program, ["get"], [], registryKey, Limit, MaxOutputLength, time, cancellationToken);
            return Credential(program, result.ExitCode, result.Output, result.Errors);
        }
        catch (ProgramException e)
        {
            throw CredentialErrors.Invalid(program, e.Message, e);
        }
    }

    private static RegistryCredential? Credential(string program, int exitCode, string output, string errors)
    {
        if (exitCode != 0)
        {
            // The helpers write this message to either stream.
            return (output + errors).Contains("credentials not found", StringComparison.OrdinalIgnoreCase)
                ? null
                : throw CredentialErrors.Invalid(program, $"the program exited with code {exitCode}");
        }

        HelperOutput? login;
        try
        {
            login = JsonSerializer.Deserialize(output, DockerConfigJson.Default.HelperOutput);
        }
        catch (JsonException)
        {
            throw CredentialErrors.Invalid(program, "the program's output is not valid JSON");
        }

        if (string.IsNullOrEmpty(login?.Secret))
            return null;
        return login.UserName == "<token>"
            ? RegistryCredential.OfIdentityToken(login.Secret)
            : RegistryCredential.OfPassword(login.UserName ?? "", login.Secret);
    }

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]*\z")]
    private static partial Regex HelperName();
}

/// <summary>The output of a credential helper.</summary>
internal sealed class HelperOutput
{
    [JsonPropertyName("Username")]
    public string? UserName { get; init; }

    [JsonPropertyName("Secret")]
    public string? Secret { get; init; }
}
