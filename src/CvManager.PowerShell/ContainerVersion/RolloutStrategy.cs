namespace CvManager.PowerShell;

/// <summary>How a version is rolled out: <c>spec.strategy.kind</c>.</summary>
public enum RolloutStrategy
{
    /// <summary>Patches each workload, which rolls out as its kind does.</summary>
    Rolling,

    /// <summary>Rolls out to the idle one of two workloads, and then cuts a Service over to it (R13).</summary>
    ServiceBlueGreen,
}
