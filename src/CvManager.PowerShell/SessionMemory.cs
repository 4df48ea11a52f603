using System.Management.Automation.Runspaces;
using System.Runtime.CompilerServices;

namespace CvManager.PowerShell;

/// <summary>
/// Objects that a session keeps between cmdlets. Each runspace has its own; they are disposed when the runspace closes or the process
/// exits. Use <see cref="Current"/> on the pipeline thread; the other members are thread-safe.
/// </summary>
/// <remarks>Public for other modules of CvManager: their cmdlets share the session with those of this one.</remarks>
public sealed class SessionMemory
{
    private static readonly ConditionalWeakTable<Runspace, SessionMemory> Sessions = [];

    private readonly object _lock = new();
    private readonly List<IAsyncDisposable> _items = [];

    private SessionMemory(Runspace runspace)
    {
        runspace.StateChanged += (_, change) =>
        {
            if (change.RunspaceStateInfo.State is RunspaceState.Closed or RunspaceState.Broken)
                End();
        };
        // Not every host closes its runspaces when the process exits.
        AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
    }

    public static SessionMemory Current => Sessions.GetValue(Runspace.DefaultRunspace, static runspace => new SessionMemory(runspace));

    /// <summary>The stored items of a type, oldest first.</summary>
    public IReadOnlyList<T> All<T>()
        where T : IAsyncDisposable
    {
        lock (_lock)
            return [.. _items.OfType<T>()];
    }

    /// <summary>Stores an item until it is removed or the session ends.</summary>
    public void Add(IAsyncDisposable item)
    {
        lock (_lock)
            _items.Add(item);
    }

    /// <summary>Returns the stored item of a type; creates and stores it if there is none.</summary>
    public T GetOrAdd<T>(Func<T> create)
        where T : IAsyncDisposable
    {
        lock (_lock)
        {
            if (_items.OfType<T>().FirstOrDefault() is { } existing)
                return existing;
            var created = create();
            _items.Add(created);
            return created;
        }
    }

    /// <summary>Removes an item, which the caller then disposes. Returns false if it was already removed.</summary>
    public bool Remove(IAsyncDisposable item)
    {
        lock (_lock)
            return _items.Remove(item);
    }

    private void OnProcessExit(object? sender, EventArgs e) => End();

    private void End()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
        List<IAsyncDisposable> items;
        lock (_lock)
        {
            items = [.. _items];
            _items.Clear();
        }
        // Not awaited: DisposeAsync must delete what must not outlive the session, such as a file, before its first await.
        foreach (var item in items)
            _ = item.DisposeAsync().AsTask();
    }
}
