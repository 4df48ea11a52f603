using System.ComponentModel;
using System.Diagnostics;
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
            throw CredentialErrors.Invalid("the docker config", $"'{name}' is no name of a credential helper");
        using var limit = new CancellationTokenSource(Limit, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        using var process = new Process();
        process.StartInfo = new ProcessStartInfo(program, ["get"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, CreateNoWindow = true,
        };
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            throw CredentialErrors.Invalid(program, "the program cannot be started; it has to be on the PATH", e);
        }

        try
        {
            Task<string> errors = ReadAsync(process.StandardError, both.Token);
            await WriteAsync(process.StandardInput, registryKey, both.Token).ConfigureAwait(false);
            string answer = await ReadAsync(process.StandardOutput, both.Token).ConfigureAwait(false);
            string complaint = await errors.ConfigureAwait(false);
            await process.WaitForExitAsync(both.Token).ConfigureAwait(false);
            return Credential(program, process.ExitCode, answer, complaint);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw CredentialErrors.Invalid(program, $"the program did not answer within {Limit.TotalSeconds:0} s", e);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    private static RegistryCredential? Credential(string program, int exitCode, string answer, string complaint)
    {
        if (exitCode != 0)
        {
            // The helpers' own words for it, on whichever stream.
            return (answer + complaint).Contains("credentials not found", StringComparison.OrdinalIgnoreCase)
                ? null
                : throw CredentialErrors.Invalid(program, $"the program failed with exit code {exitCode}");
        }

        HelperAnswer? login;
        try
        {
            login = JsonSerializer.Deserialize(answer, DockerConfigJson.Default.HelperAnswer);
        }
        catch (JsonException)
        {
            throw CredentialErrors.Invalid(program, "what the program writes is no JSON");
        }

        if (string.IsNullOrEmpty(login?.Secret))
            return null;
        return login.UserName == "<token>" ? RegistryCredential.OfIdentityToken(login.Secret) : RegistryCredential.OfPassword(login.UserName ?? "", login.Secret);
    }

    private static async Task WriteAsync(StreamWriter input, string text, CancellationToken cancellationToken)
    {
        try
        {
            await input.WriteAsync(text.AsMemory(), cancellationToken).ConfigureAwait(false);
            input.Close();
        }
        catch (IOException)
        {
            // A helper that ends without reading: its exit code says why.
        }
    }

    private static async Task<string> ReadAsync(StreamReader output, CancellationToken cancellationToken)
    {
        char[] buffer = new char[LongestAnswer];
        int read = await output.ReadBlockAsync(buffer, cancellationToken).ConfigureAwait(false);
        return new string(buffer, 0, read);
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
