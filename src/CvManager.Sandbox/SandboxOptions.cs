using System.Text.Json.Nodes;

namespace CvManager.Sandbox;

/// <summary>Options of a <see cref="SandboxCluster"/>. All time spans are measured by <see cref="TimeProvider"/>.</summary>
public sealed record SandboxOptions
{
    /// <summary>The default of <see cref="Name"/>.</summary>
    public const string DefaultName = "cvm-sandbox";

    /// <summary>The name of context, cluster and user in <see cref="SandboxCluster.KubeConfigYaml"/>.</summary>
    public string Name { get; init; } = DefaultName;

    /// <summary>The cluster's clock, for timestamps, timers and back-off.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Whether to serve HTTPS on 127.0.0.1. Otherwise use <see cref="SandboxCluster.CreateHandler"/>.</summary>
    public bool Listen { get; init; } = true;

    /// <summary>The TCP port to listen on; 0 selects a free port.</summary>
    public int Port { get; init; }

    /// <summary>The bearer token that requests must contain; null for a random one, empty for no authentication.</summary>
    public string? Token { get; init; }

    /// <summary>The registry that the kubelet pulls from. Null if all images exist except those whose tag contains <c>bad</c>.</summary>
    public IImageSource? Images { get; init; }

    /// <summary>The seed of names, UIDs and addresses; null for a random one.</summary>
    public int? Seed { get; init; }

    /// <summary>
    /// For simulations: runs continuations that wait for the cluster, such as reads of a watch, in the event loop in a fixed order instead
    /// of on the thread pool.
    /// </summary>
    public bool Deterministic { get; init; }

    /// <summary>The delay between a change and the controller's reaction.</summary>
    public TimeSpan ControllerLatency { get; init; } = TimeSpan.FromMilliseconds(1);

    /// <summary>The time from a pulled image to a running and ready container.</summary>
    public TimeSpan ContainerStartDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How long containers run in pods with restartPolicy Never or OnFailure.</summary>
    public TimeSpan ContainerRunTime { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The time from a pod's deletion to the exit of its containers, at most its grace period.</summary>
    public TimeSpan ContainerStopDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The number of changes kept per resource. Watches from older versions get a 410 error.</summary>
    public int WatchHistory { get; init; } = 10_000;

    /// <summary>The interval of bookmarks in watches with allowWatchBookmarks.</summary>
    public TimeSpan BookmarkInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The number of nodes.</summary>
    public int Nodes { get; init; } = 2;

    /// <summary>Called after each request, on the thread that served it. Must be fast and thread-safe.</summary>
    public Action<SandboxRequestRecord>? RequestLog { get; init; }

    /// <summary>Called for each change of an object, in order, during the write. Must be fast and thread-safe.</summary>
    public Action<SandboxChange>? ChangeLog { get; init; }
}

/// <summary>One change of one object. The objects are shared with the cluster and must not be modified.</summary>
/// <param name="Time">The time of the change.</param>
/// <param name="Revision">The cluster's revision after the change. Each change of any object increases it by one.</param>
/// <param name="Resource">The plural of the resource, followed by its group if any: <c>deployments.apps</c>.</param>
/// <param name="Before">Null for a created object.</param>
/// <param name="After">Null for a deleted object.</param>
public sealed record SandboxChange(
    DateTimeOffset Time,
    long Revision,
    string Resource,
    string Namespace,
    string Name,
    JsonObject? Before,
    JsonObject? After
);

/// <summary>One request and the status of its response.</summary>
/// <param name="Time">When the response was ready.</param>
/// <param name="Method">The HTTP method.</param>
/// <param name="PathAndQuery">The request target, as sent.</param>
/// <param name="UserAgent">As sent; empty if missing.</param>
/// <param name="StatusCode">The HTTP status of the response.</param>
public sealed record SandboxRequestRecord(DateTimeOffset Time, string Method, string PathAndQuery, string UserAgent, int StatusCode)
{
    /// <summary>True for methods that may change objects, including dry runs.</summary>
    public bool IsWrite => Method is not ("GET" or "HEAD" or "OPTIONS");
}
