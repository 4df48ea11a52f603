namespace CvManager.Simulation.Invariants;

/// <summary>One of the invariants in docs/architecture.md, checked over all that happened. Without state.</summary>
internal abstract class Invariant
{
    public static IReadOnlyList<Invariant> All { get; } =
    [
        new GatesComeFirst(), new OneRolloutForAWorkload(), new IntentBeforeAndRecordAfter(), new NothingOlder(), new QuarantineHolds(), new QuietWhenIdle(),
        new BudgetsHold(), new RivalsDoNotTakeTurns(), new HoldsAreRespected(), new NothingButTheImage(), new NoSecretsShown(),
    ];

    /// <summary>Its number on that page.</summary>
    public abstract int Number { get; }

    /// <summary>Each time that it did not hold.</summary>
    public abstract IEnumerable<string> Check(History history);
}
