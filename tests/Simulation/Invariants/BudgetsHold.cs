using CvManager.Simulation.Seeds;

namespace CvManager.Simulation.Invariants;

/// <summary>A registry budget is never exceeded.</summary>
internal sealed class BudgetsHold : Invariant
{
    public override int Number => 8;

    public override IEnumerable<string> Check(History history)
    {
        foreach (var login in history.RegistryRequests.GroupBy(r => r.Who))
        {
            double left = Replica.RequestBurst;
            var last = World.Start;
            foreach ((var _, var time) in login)
            {
                left = Math.Min(Replica.RequestBurst, left + ((time - last).TotalSeconds * Replica.RequestsPerSecond)) - 1;
                last = time;
                if (left > -0.01)
                    continue;
                yield return $"{time:HH:mm:ss.fff} {login.Key.Split(' ')[0]} exceeded its registry request budget";
                break;
            }
        }
    }
}
