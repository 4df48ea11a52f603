using System.Management.Automation.Runspaces;
using System.Runtime.CompilerServices;

namespace CvManager.PowerShell;

/// <summary>
/// What a session remembers between its cmdlets. Each runspace has its own, which ends with it, or with the process.
/// <see cref="Current"/> is for the pipeline thread; the rest is thread-safe.
/// </summary>
internal sealed class SessionMemory
{
    private static readonly ConditionalWeakTable<Runspace, SessionMemory> s_sessions = [];

    private readonly object _lock = new();
    private readonly List<IAsyncDisposable> _kept = [];

    private SessionMemory(Runspace runspace)
    {
        runspace.StateChanged += (_, change) =>
        {
            if (change.RunspaceStateInfo.State is RunspaceState.Closed or RunspaceState.Broken)
                End();
        };
        // Not every host closes its runspaces when the process ends.
        AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
    }

    public static SessionMemory Current => s_sessions.GetValue(Runspace.DefaultRunspace, static runspace => new SessionMemory(runspace));

    /// <summary>What was kept of this type, in the order in which it came.</summary>
    public IReadOnlyList<T> All<T>()
        where T : IAsyncDisposable
    {
        lock (_lock)
            return [.. _kept.OfType<T>()];
    }

    /// <summary>Keeps it until it is taken out again or the session ends.</summary>
    public void Keep(IAsyncDisposable item)
    {
        lock (_lock)
            _kept.Add(item);
    }

    /// <summary>The one that is kept of this type, made where there is none yet.</summary>
    public T Only<T>(Func<T> make)
        where T : IAsyncDisposable
    {
        lock (_lock)
        {
            if (_kept.OfType<T>().FirstOrDefault() is { } kept)
                return kept;
            var made = make();
            _kept.Add(made);
            return made;
        }
    }

    /// <summary>Hands it back for disposal; false where somebody else did already.</summary>
    public bool TakeOut(IAsyncDisposable item)
    {
        lock (_lock)
            return _kept.Remove(item);
    }

    private void OnProcessExit(object? sender, EventArgs e) => End();

    private void End()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
        List<IAsyncDisposable> kept;
        lock (_lock)
        {
            kept = [.. _kept];
            _kept.Clear();
        }
        // Nobody is left to wait for it: what must not outlast the session (a file) goes before the first await of each.
        foreach (var item in kept)
            _ = item.DisposeAsync().AsTask();
    }
}
