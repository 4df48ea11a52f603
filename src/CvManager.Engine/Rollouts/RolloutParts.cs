using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>The services that a step uses.</summary>
internal sealed record RolloutParts(WorkloadStore Workloads, WorkloadDelivery Delivery, GateRunner Gates, ServiceStore Services);
