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

    /// <summary>The maximum number of <see cref="Details"/>.</summary>
    private const int MaxDetails = 40;

    private readonly string? _target;
    private readonly IReadOnlyList<string> _details = [];

    public CvException(string errorId, CvErrorKind kind, string message, string remedy, Exception? inner = null)
        : base(RemoteText.Show(message, limit: MaxTextLength), inner)
    {
        ErrorId = errorId;
        Kind = kind;
        Remedy = RemoteText.Show(remedy, limit: MaxTextLength);
    }

    /// <summary>The message, with the details on lines of their own.</summary>
    public override string Message => _details.Count == 0 ? base.Message : string.Join('\n', [base.Message, .. _details]);

    /// <summary>Lines that follow the message: the state that was last seen, the end of a log. At most 40; empty for most errors.</summary>
    public IReadOnlyList<string> Details
    {
        get => _details;
        init => _details = [.. value.Take(MaxDetails).Select(line => RemoteText.Show(line, limit: MaxTextLength))];
    }

    /// <summary>Stable across versions; scripts may test for it. PascalCase, for example <c>RegistryTagNotFound</c>.</summary>
    public string ErrorId { get; }

    public CvErrorKind Kind { get; }

    /// <summary>True if retrying later may help without any change.</summary>
    public bool IsTransient => Kind is CvErrorKind.Unavailable or CvErrorKind.Timeout or CvErrorKind.LimitExceeded;

    /// <summary>One or two sentences: what the user can do.</summary>
    public string Remedy { get; }

    /// <summary>Where the error is in the text that was read; null if it is not about a place in a text.</summary>
    public TextPosition? Position { get; init; }

    /// <summary>What the error is about (a repository, namespace/name), for the error record's target.</summary>
    public string? Target
    {
        get => _target;
        init => _target = value is null ? null : RemoteText.Show(value, limit: MaxTextLength);
    }
}
