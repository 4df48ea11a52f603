using CvManager.Registries;
using Microsoft.Extensions.Logging;

namespace CvManager.Versions;

/// <summary>What came of reading a tag that may be the answer.</summary>
/// <param name="Digest">Null where there is no such tag any more, or it cannot be read.</param>
/// <param name="Obstacle">Why it cannot be read; null where it can, or is gone.</param>
internal readonly record struct Candidate(string? Digest, CvException? Obstacle = null)
{
    /// <summary>
    /// An image that has been read by another of its tags is not what this tag points at: what is wrong is the manifest's content (an artifact,
    /// Docker's schema 1, garbage), and that would be the same.
    /// </summary>
    public bool IsNoImage => Obstacle?.Kind is CvErrorKind.Invalid or CvErrorKind.NotSupported;
}

/// <summary>Reads the tags that may be the answer of a search. One that cannot be read keeps nobody from reading the others. Thread-safe.</summary>
internal sealed partial class Candidates(ILearntTags learnt, ILogger? log)
{
    private readonly BoundedSet<(ImageRepository Repository, string Tag)> _said = new(10_000);

    /// <summary>Reads a tag's digest and keeps it.</summary>
    /// <exception cref="CvException">The others would not be answered either: the login is refused, or the registry wants to be left alone.</exception>
    public async Task<Candidate> ReadAsync(IRegistry registry, ImageRepository repository, string tag, CancellationToken cancellationToken)
    {
        try
        {
            TagDigest? found = await registry.FindTagAsync(repository, tag, cancellationToken).ConfigureAwait(false);
            if (found is null)
                learnt.Forget(repository, tag);
            else
                learnt.Learn(repository, tag, found.Digest);
            return new Candidate(found?.Digest);
        }
        catch (CvException e) when (e.Kind is CvErrorKind.Invalid or CvErrorKind.NotSupported or CvErrorKind.Forbidden or CvErrorKind.Unavailable or CvErrorKind.Timeout)
        {
            Pass(repository, tag, e);
            return new Candidate(null, e);
        }
    }

    /// <summary>Says once that a tag is passed over.</summary>
    public void Pass(ImageRepository repository, string tag, CvException why)
    {
        if (log is not null && _said.Add((repository, tag)))
            LogPassedOver(log, repository, tag, why.Message);
    }

    [LoggerMessage(EventId = LogEvents.TagSkipped, EventName = nameof(LogEvents.TagSkipped), Level = LogLevel.Warning, Message = "Could not read {Repository}:{Tag}; it is skipped when searching for versions: {Reason}")]
    private static partial void LogPassedOver(ILogger logger, ImageRepository repository, string tag, string reason);
}
