using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>
/// A controller: changes add keys to its queue, and the event loop reconciles them one at a time with the store's lock held. A key is
/// queued at most once. A key whose reconcile fails with an API error is retried.
/// </summary>
internal abstract class ControllerBase
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(200);

    private readonly HashSet<string> _queued = new(StringComparer.Ordinal);
    private readonly Dictionary<string, LoopEntry> _timers = new(StringComparer.Ordinal);

    protected ControllerBase(ClusterState cluster)
    {
        Cluster = cluster;
        cluster.Store.Observe(OnChange);
    }

    protected ClusterState Cluster { get; }

    protected DateTimeOffset Now => Cluster.Loop.Now;

    /// <summary>Enqueues the keys that a change affects. Called with the lock held, by the write that made the change.</summary>
    protected abstract void OnChange(StoreChange change);

    /// <summary>Reconciles one key with the current state of the store.</summary>
    protected abstract void Reconcile(string key);

    protected void Enqueue(string key) => EnqueueAfter(key, Cluster.Options.ControllerLatency, once: true);

    /// <summary>Reconciles a key again after a delay, in addition to what is already queued for it.</summary>
    protected void EnqueueAfter(string key, TimeSpan delay) => EnqueueAfter(key, delay, once: false);

    /// <summary>Reconciles a key at the given time, replacing an earlier time; null cancels it.</summary>
    protected void RequeueAt(string key, DateTimeOffset? time)
    {
        if (_timers.Remove(key, out var previous))
            previous.Dispose();
        if (time is not DateTimeOffset at)
            return;
        var delay = at - Now;
        _timers[key] = Cluster.Loop.Post(delay < TimeSpan.Zero ? TimeSpan.Zero : delay, () => Run(key, wasQueued: false));
    }

    protected StoredObject? Find(ResourceType type, string key)
    {
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        return slash < 0 ? Cluster.Store.Table(type).Find("", key) : Cluster.Store.Table(type).Find(key[..slash], key[(slash + 1)..]);
    }

    private void EnqueueAfter(string key, TimeSpan delay, bool once)
    {
        if (once && !_queued.Add(key))
            return;
        Cluster.Loop.Post(delay < TimeSpan.Zero ? TimeSpan.Zero : delay, () => Run(key, once));
    }

    private void Run(string key, bool wasQueued)
    {
        lock (Cluster.Store.Gate)
        {
            if (wasQueued)
                _queued.Remove(key);
            try
            {
                Reconcile(key);
            }
            catch (ApiException)
            {
                // A conflict, a rejected write, or a terminating namespace: retry.
                EnqueueAfter(key, RetryDelay);
            }
        }
    }
}
