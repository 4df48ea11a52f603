namespace CvManager.Scheduling;

/// <summary>What came of working on a key, and so when it is worked on again.</summary>
internal readonly record struct WorkResult
{
    private WorkResult(bool isFailure, TimeSpan? again)
    {
        IsFailure = isFailure;
        Again = again;
    }

    /// <summary>Nothing more to do until somebody asks for it. Forgets former failures.</summary>
    public static WorkResult Done { get; } = new(false, null);

    /// <summary>To be tried again after the key's back-off.</summary>
    public static WorkResult Failed { get; } = new(true, null);

    public bool IsFailure { get; }

    /// <summary>True where the key asks to be worked on again, and has not failed.</summary>
    public bool IsComingAgain => Again is not null;

    /// <summary>How long from now the key wants to be worked on again, at the latest; null where it does not ask.</summary>
    public TimeSpan? Again { get; }

    /// <summary>All is well; work on it again after this time at the latest. Forgets former failures.</summary>
    /// <param name="after">Zero or less is at once.</param>
    public static WorkResult ComeAgain(TimeSpan after) => new(false, after > TimeSpan.Zero ? after : TimeSpan.Zero);
}
