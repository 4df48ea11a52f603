using CvManager.Registries;
using CvManager.Resources;

namespace CvManager.Following;

/// <summary>A repository, as seen with one login.</summary>
/// <param name="Repository">In its canonical form.</param>
/// <param name="Login">
/// Identifies the credentials in use, without containing a secret (see <see cref="RegistryLogins"/>); empty for the process's own
/// credentials. Only resources with the same login share what was read, so that no resource learns anything through another one's
/// credentials.
/// </param>
internal readonly record struct TagRepository(ImageRepository Repository, string Login)
{
    public override string ToString() => Login.Length == 0 ? $"{Repository}" : $"{Repository} ({Login})";
}

/// <summary>What at least one resource follows, and where.</summary>
internal readonly record struct PollTarget(TagRepository Repository, Followed Followed)
{
    public PollTarget(ImageRepository repository, string login, Followed followed)
        : this(new TagRepository(repository.Canonical, login), followed) { }

    public override string ToString() => $"{Repository.Repository}:{Followed}";
}

/// <summary>What is known about a followed tag.</summary>
internal sealed record TagState
{
    /// <summary>
    /// What the tag pointed at when last read; kept while the registry is unavailable. Null before the first read, and when the tag is
    /// gone.
    /// </summary>
    public TagDigest? Found { get; init; }

    /// <summary>When that was last confirmed.</summary>
    public DateTimeOffset? SeenAt { get; init; }

    /// <summary>The same as a monotonic timestamp, so that its age does not depend on the wall clock.</summary>
    public long SeenAtTimestamp { get; init; }

    /// <summary>
    /// Why the last read failed; null if it succeeded. <see cref="CvErrorKind.NotFound"/> if the tag or the repository does not exist.
    /// </summary>
    public CvException? Error { get; init; }

    public static TagState Of(TagDigest found) => new() { Found = found };

    public static TagState Failed(CvException error) => new() { Error = error };
}

/// <summary>The followed tags by the result of their last poll.</summary>
/// <param name="Ok">Read.</param>
/// <param name="Failed">Could not be read.</param>
/// <param name="Pending">Not polled yet.</param>
/// <param name="SinceRead">The time since one was last read; null for never.</param>
internal readonly record struct TagPolls(int Ok, int Failed, int Pending, TimeSpan? SinceRead);
