using CvManager.Sandbox.Api;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>
/// A controller: changes put keys into its queue, and the event loop works them off one by one, each with the store's lock held. A key
/// that is queued already is not queued twice. A conflict or a refusal puts the key back after a while.
/// </summary>
internal abstract class ControllerBase
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(200);

    private readonly HashSet<string> queued = new(StringComparer.Ordinal);
    private readonly Dictionary<string, LoopEntry> alarms = new(StringComparer.Ordinal);

    protected ControllerBase(ClusterState cluster)
    {
        Cluster = cluster;
        cluster.Store.Observe(OnChange);
    }

    protected ClusterState Cluster { get; }

    protected DateTimeOffset Now => Cluster.Loop.Now;

    /// <summary>Takes notes of a change: called with the lock held, inside of whatever made the change.</summary>
    protected abstract void OnChange(StoreChange change);

    /// <summary>Brings one key's world in order. Looks at the store, never at what it remembers of it.</summary>
    protected abstract void Reconcile(string key);

    protected void Enqueue(string key) => EnqueueAfter(key, Cluster.Options.ControllerLatency, once: true);

    /// <summary>Looks at a key again later, beside whatever else is queued for it.</summary>
    protected void EnqueueAfter(string key, TimeSpan delay) => EnqueueAfter(key, delay, once: false);

    /// <summary>Looks at a key again at a time, in place of the time that was set for it before.</summary>
    protected void SetAlarm(string key, DateTimeOffset? time)
    {
        if (alarms.Remove(key, out var former))
            former.Dispose();
        if (time is not DateTimeOffset at)
            return;
        var delay = at - Now;
        alarms[key] = Cluster.Loop.Post(delay < TimeSpan.Zero ? TimeSpan.Zero : delay, () => Run(key, wasQueued: false));
    }

    protected StoredObject? Find(ResourceType type, string key)
    {
        int slash = key.IndexOf('/', StringComparison.Ordinal);
        return slash < 0 ? Cluster.Store.Table(type).Find("", key) : Cluster.Store.Table(type).Find(key[..slash], key[(slash + 1)..]);
    }

    private void EnqueueAfter(string key, TimeSpan delay, bool once)
    {
        if (once && !queued.Add(key))
            return;
        Cluster.Loop.Post(delay < TimeSpan.Zero ? TimeSpan.Zero : delay, () => Run(key, once));
    }

    private void Run(string key, bool wasQueued)
    {
        lock (Cluster.Store.Gate)
        {
            if (wasQueued)
                queued.Remove(key);
            try
            {
                Reconcile(key);
            }
            catch (ApiException)
            {
                // Changed in between, refused, or the namespace is going away: look again, as every controller does.
                EnqueueAfter(key, RetryDelay);
            }
        }
    }
}
