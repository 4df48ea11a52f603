using CvManager.Registries;
using Microsoft.Extensions.Logging;

namespace CvManager.Versions;

/// <summary>The result of reading a candidate tag.</summary>
/// <param name="Digest">Null if the tag was deleted or could not be read.</param>
/// <param name="Error">Why it could not be read; null if it could, or was deleted.</param>
internal readonly record struct Candidate(string? Digest, CvException? Error = null)
{
    /// <summary>
    /// True if the content of the manifest is the problem (an artifact, Docker schema 1, invalid data). Then the tag cannot point at an
    /// image whose manifest has already been read by another tag.
    /// </summary>
    public bool IsNotAnImage => Error?.Kind is CvErrorKind.Invalid or CvErrorKind.NotSupported;
}

/// <summary>Reads the candidate tags of a search. An unreadable tag does not prevent the others from being read. Thread-safe.</summary>
internal sealed partial class Candidates(IVersionTagCache tagCache, ILogger? logger)
{
    private readonly BoundedSet<(ImageRepository Repository, string Tag)> _reported = new(10_000);

    /// <summary>Reads and caches the digest of a tag.</summary>
    /// <exception cref="CvException">An error that affects the other tags as well: the credential was rejected, or the rate limit is
    /// reached.</exception>
    public async Task<Candidate> ReadAsync(IRegistry registry, ImageRepository repository, string tag, CancellationToken cancellationToken)
    {
        try
        {
            var found = await registry.FindTagAsync(repository, tag, cancellationToken);
            if (found is null)
                tagCache.Remove(repository, tag);
            else
                tagCache.Add(repository, tag, found.Digest);
            return new Candidate(found?.Digest);
        }
        catch (CvException e)
            when (e.Kind
                    is CvErrorKind.Invalid
                        or CvErrorKind.NotSupported
                        or CvErrorKind.Forbidden
                        or CvErrorKind.Unavailable
                        or CvErrorKind.Timeout
            )
        {
            Skip(repository, tag, e);
            return new Candidate(null, e);
        }
    }

    /// <summary>Logs once that a tag is skipped.</summary>
    public void Skip(ImageRepository repository, string tag, CvException why)
    {
        if (logger is not null && _reported.Add((repository, tag)))
            LogTagSkipped(logger, repository, tag, why.Message);
    }

    [LoggerMessage(
        EventId = LogEvents.TagSkipped,
        EventName = nameof(LogEvents.TagSkipped),
        Level = LogLevel.Warning,
        Message = "Could not read {Repository}:{Tag}; it is skipped when searching for versions: {Reason}"
    )]
    private static partial void LogTagSkipped(ILogger logger, ImageRepository repository, string tag, string reason);
}
