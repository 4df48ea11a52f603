namespace CvManager.Scheduling;

/// <summary>The result of the work on a key, which determines when the key is due again.</summary>
internal readonly record struct WorkResult
{
    private WorkResult(bool isFailure, TimeSpan? again)
    {
        IsFailure = isFailure;
        RequeueDelay = again;
    }

    /// <summary>Nothing more to do until the key is requested again. Resets the backoff.</summary>
    public static WorkResult Done { get; } = new(false, null);

    /// <summary>Retry after the key's backoff.</summary>
    public static WorkResult Failed { get; } = new(true, null);

    public bool IsFailure { get; }

    /// <summary>True if the key did not fail and is due again after a time.</summary>
    public bool IsRequeued => RequeueDelay is not null;

    /// <summary>The time after which the key is due again at the latest; null if it is not requeued.</summary>
    public TimeSpan? RequeueDelay { get; }

    /// <summary>Success; the key is due again after this time at the latest. Resets the backoff.</summary>
    /// <param name="after">Zero or less: at once.</param>
    public static WorkResult RequeueAfter(TimeSpan after) => new(false, after > TimeSpan.Zero ? after : TimeSpan.Zero);
}
