namespace CvManager;

/// <summary>What kind of failure an error is, in terms of what its reader can do about it.</summary>
public enum CvErrorKind
{
    /// <summary>The thing named does not exist.</summary>
    NotFound,

    /// <summary>Nobody is logged in, or the credential is wrong or expired.</summary>
    Unauthenticated,

    /// <summary>The credential is good, but has not the right that is needed.</summary>
    Forbidden,

    /// <summary>It exists already, or somebody else changed it meanwhile.</summary>
    Conflict,

    /// <summary>The input, or what a server answered, is not valid.</summary>
    Invalid,

    /// <summary>A quota or rate limit of the other side, or a limit of ours on what is read.</summary>
    LimitExceeded,

    /// <summary>It took longer than allowed.</summary>
    Timeout,

    /// <summary>The network or the other side failed; trying again may help.</summary>
    Unavailable,

    /// <summary>The other side cannot do this at all.</summary>
    NotSupported,

    /// <summary>The work was done and came to a bad end (a rollout that failed).</summary>
    Failed,
}

/// <summary>
/// An error that a person is meant to read: a stable id, what is wrong (field, value), and what to do about it.
/// Neither text ever holds a secret, a control character or more than a person reads: <see cref="RemoteText"/>.
/// </summary>
public class CvException : Exception
{
    /// <summary>Of the message. Quotations in it are cut shorter where they are made.</summary>
    private const int LongestText = 2000;

    private readonly string? _target;

    public CvException(string errorId, CvErrorKind kind, string message, string remedy, Exception? inner = null)
        : base(RemoteText.Show(message, limit: LongestText), inner)
    {
        ErrorId = errorId;
        Kind = kind;
        Remedy = RemoteText.Show(remedy, limit: LongestText);
    }

    /// <summary>Stable across versions; scripts may test for it. PascalCase, for example <c>RegistryTagNotFound</c>.</summary>
    public string ErrorId { get; }

    public CvErrorKind Kind { get; }

    /// <summary>True where trying again later may help, without anybody mending anything.</summary>
    public bool IsTransient => Kind is CvErrorKind.Unavailable or CvErrorKind.Timeout or CvErrorKind.LimitExceeded;

    /// <summary>One or two sentences: what the reader can do.</summary>
    public string Remedy { get; }

    /// <summary>What the error is about (a repository, namespace/name), for the error record's target.</summary>
    public string? Target
    {
        get => _target;
        init => _target = value is null ? null : RemoteText.Show(value, limit: LongestText);
    }
}
