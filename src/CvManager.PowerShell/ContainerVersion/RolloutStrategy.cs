namespace CvManager.PowerShell;

/// <summary>How workloads are brought to a version: <c>spec.strategy.kind</c>.</summary>
public enum RolloutStrategy
{
    /// <summary>Each workload is patched, and rolls out as its own kind does.</summary>
    Rolling,

    /// <summary>Two workloads and a Service that is cut over from one to the other (R13).</summary>
    ServiceBlueGreen,
}
