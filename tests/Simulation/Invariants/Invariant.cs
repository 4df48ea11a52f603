namespace CvManager.Simulation.Invariants;

/// <summary>One of the design's invariants, checked over all that happened. Without state.</summary>
internal abstract class Invariant
{
    public static IReadOnlyList<Invariant> All { get; } =
    [
        new OneRolloutForAWorkload(), new IntentBeforeAndOutcomeAfter(), new NothingOlder(), new QuarantineHolds(), new QuietWhenIdle(),
        new RivalsDoNotTakeTurns(), new HoldsAreRespected(), new NothingButTheImage(),
    ];

    /// <summary>Its number in the design.</summary>
    public abstract int Number { get; }

    /// <summary>Each time that it did not hold.</summary>
    public abstract IEnumerable<string> Check(History history);
}
