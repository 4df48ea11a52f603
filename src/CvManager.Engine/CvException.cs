namespace CvManager;

/// <summary>The category of an error, by what the user can do about it.</summary>
public enum CvErrorKind
{
    /// <summary>The object does not exist.</summary>
    NotFound,

    /// <summary>The credential is missing, invalid or expired.</summary>
    Unauthenticated,

    /// <summary>Permission denied.</summary>
    Forbidden,

    /// <summary>The object already exists, or was modified in the meantime.</summary>
    Conflict,

    /// <summary>The input or a response is not valid.</summary>
    Invalid,

    /// <summary>A quota or rate limit of the server, or a limit on what is read.</summary>
    LimitExceeded,

    /// <summary>The operation timed out.</summary>
    Timeout,

    /// <summary>The network or the server failed; retrying may help.</summary>
    Unavailable,

    /// <summary>The server does not support the operation.</summary>
    NotSupported,

    /// <summary>The operation was performed and failed (a rollout).</summary>
    Failed,
}

/// <summary>
/// An error for the user: a stable id, what is wrong (field, value) and what to do. The texts contain no secrets or control characters and
/// have a limited length (<see cref="RemoteText"/>).
/// </summary>
public class CvException : Exception
{
    /// <summary>The maximum length of each text. Quoted remote text is truncated earlier.</summary>
    private const int MaxTextLength = 2000;

    private readonly string? _target;

    public CvException(string errorId, CvErrorKind kind, string message, string remedy, Exception? inner = null)
        : base(RemoteText.Show(message, limit: MaxTextLength), inner)
    {
        ErrorId = errorId;
        Kind = kind;
        Remedy = RemoteText.Show(remedy, limit: MaxTextLength);
    }

    /// <summary>Stable across versions; scripts may test for it. PascalCase, for example <c>RegistryTagNotFound</c>.</summary>
    public string ErrorId { get; }

    public CvErrorKind Kind { get; }

    /// <summary>True if retrying later may help without any change.</summary>
    public bool IsTransient => Kind is CvErrorKind.Unavailable or CvErrorKind.Timeout or CvErrorKind.LimitExceeded;

    /// <summary>One or two sentences: what the user can do.</summary>
    public string Remedy { get; }

    /// <summary>What the error is about (a repository, namespace/name), for the error record's target.</summary>
    public string? Target
    {
        get => _target;
        init => _target = value is null ? null : RemoteText.Show(value, limit: MaxTextLength);
    }
}
