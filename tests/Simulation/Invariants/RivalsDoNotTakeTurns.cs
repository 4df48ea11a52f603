namespace CvManager.Simulation.Invariants;

/// <summary>Two ContainerVersions never alternate on one container: the older one manages it.</summary>
internal sealed class RivalsDoNotTakeTurns : Invariant
{
    public override int Number => 9;

    public override IEnumerable<string> Check(History history)
    {
        foreach (var change in history.ImageChanges())
        {
            foreach ((var resource, var _) in history.IntentsOf(change))
            {
                var older = history.Resources.Values.FirstOrDefault(r =>
                    IsOlder(r, resource)
                    && r.Within(change.By.Time - history.Grace, change.By.Number)
                        .All(s => s is not null && Fields.Text(s, "spec", "container", "name") == change.Container)
                );
                if (older is not null)
                    yield return $"{change} for {resource.Name}, although the older {older.Name} selects it";
            }
        }
    }

    /// <summary>Creation timestamps have whole seconds.</summary>
    private static bool IsOlder(Timeline one, Timeline other)
    {
        var created = Created(one);
        var age = string.CompareOrdinal(created, Created(other));
        return one != other && (age < 0 || (age == 0 && string.CompareOrdinal(one.Name, other.Name) < 0));

        static string Created(Timeline resource) => Fields.Text(resource.States[0].Change.After, "metadata", "creationTimestamp");
    }
}
