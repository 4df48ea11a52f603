namespace CvManager.Simulation.Invariants;

/// <summary>With nothing to do, a controller writes nothing except for the leader's Lease.</summary>
internal sealed class QuietWhenIdle : Invariant
{
    public override int Number => 7;

    public override IEnumerable<string> Check(History history) =>
        history.IdleFrom is not { } from
            ? []
            : history
                .Changes.Where(c => c.IsOurs && c.Number >= from && c.Change.Resource != "leases.coordination.k8s.io")
                .Select(c => $"{c} was written although there was nothing to do");
}
