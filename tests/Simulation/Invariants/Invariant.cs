namespace CvManager.Simulation.Invariants;

/// <summary>One of the invariants in docs/architecture.md, checked over the whole history. Stateless.</summary>
internal abstract class Invariant
{
    public static IReadOnlyList<Invariant> All { get; } =
    [
        new GatesComeFirst(),
        new OneRolloutForAWorkload(),
        new IntentBeforeAndRecordAfter(),
        new NothingOlder(),
        new QuarantineHolds(),
        new QuietWhenIdle(),
        new BudgetsHold(),
        new RivalsDoNotTakeTurns(),
        new HoldsAreRespected(),
        new NothingButTheImage(),
        new NoSecretsShown(),
    ];

    /// <summary>The invariant's number on that page.</summary>
    public abstract int Number { get; }

    /// <summary>Describes each violation.</summary>
    public abstract IEnumerable<string> Check(History history);
}
