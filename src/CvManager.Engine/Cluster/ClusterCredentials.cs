using System.Net.Http.Headers;
using System.Text;

namespace CvManager.Cluster;

/// <summary>The credentials of requests to a cluster. Thread-safe. Prints no secret.</summary>
internal abstract class ClusterCredentials : IDisposable
{
    /// <summary>The Authorization header for a request; null for none.</summary>
    /// <exception cref="CvException"><c>ClusterUnauthorized</c>.</exception>
    public abstract ValueTask<AuthenticationHeaderValue?> GetAsync(CancellationToken cancellationToken);

    /// <summary>The server rejected the credential (401): it must not be returned from the cache again.</summary>
    public virtual void Invalidate() { }

    public virtual void Dispose() => GC.SuppressFinalize(this);

    /// <exception cref="CvException"><c>ClusterUnauthorized</c>: the token is empty or contains invalid characters.</exception>
    public static AuthenticationHeaderValue Bearer(string token, string source)
    {
        // Checked here because .NET's exception would quote the token. More permissive than RFC 6750, 2.1, as servers are.
        var trimmed = token.Trim();
        return trimmed.Length > 0 && trimmed.All(c => c is > ' ' and < '\u007f')
            ? new AuthenticationHeaderValue("Bearer", trimmed)
            : throw ClusterErrors.NoCredential(
                $"{source} does not contain a valid token.",
                "Log in again, and check the user in the kubeconfig."
            );
    }
}

/// <summary>A fixed token, or user name and password; or none, for client certificates and anonymous access.</summary>
internal sealed class FixedCredentials(AuthenticationHeaderValue? header) : ClusterCredentials
{
    public static AuthenticationHeaderValue Basic(string userName, string password) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{userName}:{password}")));

    public override ValueTask<AuthenticationHeaderValue?> GetAsync(CancellationToken cancellationToken) => ValueTask.FromResult(header);
}

/// <summary>
/// A token in a file that another program rotates, for example a service account token. Read again every minute, as client-go does
/// (client-go/transport/token_source.go), and after the server rejects it.
/// </summary>
/// <param name="path">Absolute.</param>
/// <param name="time">The clock.</param>
/// <param name="fallback">The token to use while the file cannot be read; null for none.</param>
internal sealed class TokenFileCredentials(string path, TimeProvider time, string? fallback = null) : ClusterCredentials
{
    private const int MaxFileBytes = 64 * 1024;

    private static readonly TimeSpan RereadInterval = TimeSpan.FromMinutes(1);

    private sealed record Reading(AuthenticationHeaderValue Header, long At);

    private volatile Reading? _last;

    public override async ValueTask<AuthenticationHeaderValue?> GetAsync(CancellationToken cancellationToken)
    {
        var last = _last;
        if (last is not null && last.At >= 0 && time.GetElapsedTime(last.At) < RereadInterval)
            return last.Header;
        try
        {
            FileInfo file = new(path);
            if (file.Exists && file.Length > MaxFileBytes)
                throw new IOException($"file exceeds {MaxFileBytes} bytes");
            var token = await File.ReadAllTextAsync(path, cancellationToken);
            last = new Reading(Bearer(token, $"The token file '{path}'"), time.GetTimestamp());
            _last = last;
            return last.Header;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CvException)
        {
            // Keep the last token, if any: the file may be being written.
            if (last is not null)
                return last.Header;
            if (!string.IsNullOrEmpty(fallback))
                return Bearer(fallback, "The user's token");
            throw e as CvException
                ?? ClusterErrors.NoCredential(
                    $"Could not read the token file '{path}': {e.Message}",
                    "Check the user's tokenFile in the kubeconfig, and the file's permissions.",
                    e
                );
        }
    }

    public override void Invalidate()
    {
        if (_last is { } last)
            _last = last with { At = -1 };
    }
}
