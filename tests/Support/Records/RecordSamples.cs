using CvManager.Records;
using CvManager.Resources;

namespace CvManager.Support.Records;

/// <summary>A resource, its rollout and its record, for tests.</summary>
internal static class RecordSamples
{
    public static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    public static RolloutRecord Record(
        string id = "1",
        string name = "app",
        string cv = "cv",
        int minute = 0,
        string outcome = RolloutPhase.Succeeded,
        string reason = ""
    ) =>
        new()
        {
            Id = id,
            CV = cv,
            Kind = "Deployment",
            Name = name,
            Container = "main",
            FromVersion = "1111111",
            ToVersion = "2222222",
            FromImage = "r.example/app:1111111",
            ToImage = "r.example/app:2222222",
            Digest = "sha256:" + new string('a', 64),
            Started = Noon.AddMinutes(minute),
            Finished = Noon.AddMinutes(minute).AddSeconds(30),
            Outcome = outcome,
            Reason = reason,
        };

    public static ContainerVersion Resource(ConfigSpec? config = null, HistorySpec? history = null) =>
        new()
        {
            Metadata = new ResourceMetadata
            {
                Name = "cv",
                Namespace = "shop",
                Uid = "u-cv",
            },
            Spec = new ContainerVersionSpec
            {
                Container = new ContainerSpec { Name = "main" },
                Config = config,
                History = history ?? new HistorySpec(),
            },
        };

    public static RolloutStatus Rollout(string phase = RolloutPhase.Succeeded, string id = "1", params string[] workloads) =>
        new()
        {
            Id = id,
            Version = "2222222",
            Digest = "sha256:" + new string('a', 64),
            Phase = phase,
            StartedAt = Noon,
            FinishedAt = Noon.AddSeconds(30),
            Message = phase == RolloutPhase.Succeeded ? null : "it crashes",
            Workloads =
            [
                .. (workloads.Length == 0 ? ["app"] : workloads).Select(w => new WorkloadRolloutStatus
                {
                    Kind = "Deployment",
                    Name = w,
                    FromImage = "r.example/app:1111111",
                    ToImage = "r.example/app:2222222",
                    Phase = phase,
                }),
            ],
        };
}
