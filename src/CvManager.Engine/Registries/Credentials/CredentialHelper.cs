using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace CvManager.Registries.Credentials;

/// <summary>Asks one of docker's credential helper programs: <c>docker-credential-NAME get</c>.</summary>
internal static partial class CredentialHelper
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private const int LongestAnswer = 64 * 1024;

    /// <returns>Null where the helper has no login for that registry.</returns>
    /// <exception cref="CvException"><c>RegistryCredentialInvalid</c>. What the helper wrote is not in it: that may be a secret.</exception>
    public static async Task<RegistryCredential?> GetAsync(string name, string registryKey, TimeProvider time, CancellationToken cancellationToken)
    {
        string program = $"docker-credential-{name}";
        if (!HelperName().IsMatch(name))
            throw CredentialErrors.Invalid("the docker config", $"'{name}' is not a valid credential helper name");
        try
        {
            ProgramResult result = await ChildProgram.RunAsync(program, ["get"], [], registryKey, Limit, LongestAnswer, time, cancellationToken).ConfigureAwait(false);
            return Credential(program, result.ExitCode, result.Output, result.Errors);
        }
        catch (ProgramException e)
        {
            throw CredentialErrors.Invalid(program, e.Message, e);
        }
    }

    private static RegistryCredential? Credential(string program, int exitCode, string answer, string complaint)
    {
        if (exitCode != 0)
        {
            // The helpers' own words for it, on whichever stream.
            return (answer + complaint).Contains("credentials not found", StringComparison.OrdinalIgnoreCase)
                ? null
                : throw CredentialErrors.Invalid(program, $"the program exited with code {exitCode}");
        }

        HelperAnswer? login;
        try
        {
            login = JsonSerializer.Deserialize(answer, DockerConfigJson.Default.HelperAnswer);
        }
        catch (JsonException)
        {
            throw CredentialErrors.Invalid(program, "the program's output is not valid JSON");
        }

        if (string.IsNullOrEmpty(login?.Secret))
            return null;
        return login.UserName == "<token>" ? RegistryCredential.OfIdentityToken(login.Secret) : RegistryCredential.OfPassword(login.UserName ?? "", login.Secret);
    }

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]*\z")]
    private static partial Regex HelperName();
}

/// <summary>What a helper program answers.</summary>
internal sealed class HelperAnswer
{
    [JsonPropertyName("Username")]
    public string? UserName { get; init; }

    [JsonPropertyName("Secret")]
    public string? Secret { get; init; }
}
