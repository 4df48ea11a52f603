namespace CvManager.Simulation.Invariants;

/// <summary>With nothing to do, it writes nothing: but the leader's Lease, which is how others know that it is there.</summary>
internal sealed class QuietWhenIdle : Invariant
{
    public override int Number => 7;

    public override IEnumerable<string> Check(History history) => history.IdleFrom is not { } from ? [] : history.Changes
        .Where(c => c.IsOurs && c.Number >= from && c.Change.Resource != "leases.coordination.k8s.io")
        .Select(c => $"{c} is written although nothing is to be done");
}
