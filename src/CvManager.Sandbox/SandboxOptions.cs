using System.Text.Json.Nodes;

namespace CvManager.Sandbox;

/// <summary>How a <see cref="SandboxCluster"/> is started. Every time span is measured by <see cref="TimeProvider"/>.</summary>
public sealed record SandboxOptions
{
    /// <summary>The only clock of the cluster: time stamps, timers, back-off.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Serve HTTP on 127.0.0.1. Without it the cluster is reached through <see cref="SandboxCluster.CreateHandler"/> alone.</summary>
    public bool Listen { get; init; } = true;

    /// <summary>TCP port to listen on; 0 chooses a free one.</summary>
    public int Port { get; init; }

    /// <summary>The bearer token that every request must carry; a random one by default, none needed where it is empty.</summary>
    public string? Token { get; init; }

    /// <summary>What the kubelet pulls from. Null: every image exists, but those whose tag contains <c>bad</c>.</summary>
    public IImageSource? Images { get; init; }

    /// <summary>Makes names, uids and addresses repeatable; null draws a seed.</summary>
    public int? Seed { get; init; }

    /// <summary>
    /// For simulations: whatever waits for the cluster (a watch, say) goes on inside the timer callback that feeds it, in one fixed
    /// order, rather than on the thread pool.
    /// </summary>
    public bool Deterministic { get; init; }

    /// <summary>How long a controller takes to look at a change.</summary>
    public TimeSpan ControllerLatency { get; init; } = TimeSpan.FromMilliseconds(1);

    /// <summary>From a pulled image to a running and ready container.</summary>
    public TimeSpan ContainerStartDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How long the containers of pods with restartPolicy Never or OnFailure run.</summary>
    public TimeSpan ContainerRunTime { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>From a pod's deletion to the end of its containers, at most its grace period.</summary>
    public TimeSpan ContainerStopDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Changes remembered for each resource, for watches to start from; what is older is answered 410 Gone.</summary>
    public int WatchHistory { get; init; } = 10_000;

    /// <summary>How often a watch with allowWatchBookmarks gets one.</summary>
    public TimeSpan BookmarkInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The nodes that pods are bound to.</summary>
    public int Nodes { get; init; } = 2;

    /// <summary>Called after each request, on the thread that served it; must be quick and thread-safe.</summary>
    public Action<SandboxRequestRecord>? RequestLog { get; init; }

    /// <summary>Called for each change of an object, in order, inside of what makes it; must be quick and thread-safe.</summary>
    public Action<SandboxChange>? ChangeLog { get; init; }
}

/// <summary>One change of one object. What it holds is shared with the cluster, and not to be changed.</summary>
/// <param name="Time">When it was made.</param>
/// <param name="Revision">The cluster's revision after it: one more than after the change before, whatever that was of.</param>
/// <param name="Resource">The resource's plural, followed by its group where it has one: <c>deployments.apps</c>.</param>
/// <param name="Before">Null for an object that was made.</param>
/// <param name="After">Null for one that is gone.</param>
public sealed record SandboxChange(DateTimeOffset Time, long Revision, string Resource, string Namespace, string Name, JsonObject? Before, JsonObject? After);

/// <summary>One request as the API server answered it.</summary>
/// <param name="Time">When the answer was ready.</param>
/// <param name="Method">The HTTP method.</param>
/// <param name="PathAndQuery">Decoded path and raw query.</param>
/// <param name="UserAgent">As sent; empty where there was none.</param>
/// <param name="StatusCode">The HTTP status of the answer.</param>
public sealed record SandboxRequestRecord(DateTimeOffset Time, string Method, string PathAndQuery, string UserAgent, int StatusCode)
{
    /// <summary>True for whatever may change something (a dry run too).</summary>
    public bool IsWrite => Method is not ("GET" or "HEAD" or "OPTIONS");
}
