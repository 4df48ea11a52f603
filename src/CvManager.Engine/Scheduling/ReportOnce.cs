using System.Collections.Concurrent;

namespace CvManager.Scheduling;

/// <summary>Remembers the last problem of each subject, so that a problem that is retried is reported once. Thread-safe.</summary>
/// <typeparam name="TProblem">What distinguishes problems.</typeparam>
internal sealed class ReportOnce<TProblem>
    where TProblem : IEquatable<TProblem>
{
    private readonly ConcurrentDictionary<string, TProblem> _reported = new(StringComparer.Ordinal);

    /// <summary>The number of subjects with a problem.</summary>
    public int Count => _reported.Count;

    /// <summary>Stores the problem of a subject; false if it is the same as before.</summary>
    public bool IsNew(string subject, TProblem problem)
    {
        while (!_reported.TryAdd(subject, problem))
        {
            if (!_reported.TryGetValue(subject, out var before))
                continue;
            if (before.Equals(problem))
                return false;
            if (_reported.TryUpdate(subject, problem, before))
                return true;
        }

        return true;
    }

    /// <summary>Forgets the problem of a subject; false if it had none.</summary>
    public bool Forget(string subject) => _reported.TryRemove(subject, out _);
}
