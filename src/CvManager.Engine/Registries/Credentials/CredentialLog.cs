using Microsoft.Extensions.Logging;

namespace CvManager.Registries.Credentials;

/// <summary>Logs where the credentials for a registry come from when that changes, never the credentials. Thread-safe.</summary>
internal sealed partial class CredentialLog(ILogger logger)
{
    private string? _last;

    /// <param name="source">For example the path of a file, or the name of a helper; null for anonymous access.</param>
    public void Used(string registry, string? source)
    {
        source ??= "anonymous";
        if (Interlocked.Exchange(ref _last, source) != source)
            LogUsed(registry, source);
    }

    [LoggerMessage(
        EventId = LogEvents.CredentialsUsed,
        EventName = nameof(LogEvents.CredentialsUsed),
        Level = LogLevel.Information,
        Message = "Credentials for {Registry}: {Source}"
    )]
    private partial void LogUsed(string registry, string source);
}
