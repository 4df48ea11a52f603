using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace CvManager.Node;

/// <summary>The image runs as the Deployment of the manifests.</summary>
public sealed class StartTests(InstalledController controller)
{
    private const double MiB = 1024 * 1024;

    [Fact]
    public async Task Both_replicas_start_restricted_and_under_their_own_service_account()
    {
        var pods = await controller.UntilReadyAsync();

        Assert.Equal(2, pods.Count);
        foreach (var pod in pods)
        {
            using var process = pod.Process;
            var status = Fields(process, "status");
            Assert.All(status["Uid"].Split('\t').Concat(status["Gid"].Split('\t')), id => Assert.Equal("65532", id));
            Assert.Equal("0", status["CapEff"].TrimStart('0') + "0");
            Assert.Equal("0", status["CapBnd"].TrimStart('0') + "0");
            Assert.Equal("1", status["NoNewPrivs"]);
            // A filter (seccomp(2)).
            Assert.Equal("2", status["Seccomp"]);
            // proc(5), mountinfo: the fifth field is the mount point, the sixth has its options.
            var root = File.ReadLines($"/proc/{process.Id}/mountinfo").Select(line => line.Split(' ')).Single(mount => mount[4] == "/");
            Assert.Contains("ro", root[5].Split(','));
            var requests = InstalledController.RequestsOf(pod);
            Assert.NotEmpty(requests);
            Assert.All(requests, request => Assert.Equal("system:serviceaccount:cvmanager:cvmanager", request.User));
        }
    }

    [Fact]
    public async Task The_start_and_the_memory_of_each_replica_are_measured()
    {
        foreach (var pod in await controller.UntilReadyAsync())
        {
            using var process = pod.Process;
            await using var log = FollowedOutput.OfPod(TestNode.ControllerNamespace, pod.Name);
            var synced = (await log.EventAsync(LogEvents.InitialSyncComplete))["time"]!.GetValue<string>();
            var took = DateTimeOffset.Parse(synced, CultureInfo.InvariantCulture) - process.StartTime;
            var group = TestNode.ControlGroupOf("memory", pod.ContainerId);
            var usage = ReadNumber(Path.Combine(group, "memory.usage_in_bytes"));
            // As the kubelet computes it.
            var inactive = File.ReadLines(Path.Combine(group, "memory.stat"))
                .Single(line => line.StartsWith("total_inactive_file ", StringComparison.Ordinal))
                .Split(' ')[1];
            var workingSet = usage - double.Parse(inactive, CultureInfo.InvariantCulture);
            var peak = ReadNumber(Path.Combine(group, "memory.max_usage_in_bytes"));
            var limit = ReadNumber(Path.Combine(group, "memory.limit_in_bytes"));

            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{pod.Name}: initial sync complete {took.TotalSeconds:0.0} s after the container's start; "
                    + $"working set {workingSet / MiB:0} MiB, peak {peak / MiB:0} MiB, "
                    + $"resident {process.WorkingSet64 / MiB:0} MiB, limit {limit / MiB:0} MiB"
            );
            Assert.InRange(took, TimeSpan.Zero, TimeSpan.FromMinutes(1));
            Assert.InRange(workingSet, 1, limit * 0.8);
        }
    }

    private static double ReadNumber(string file) => double.Parse(File.ReadAllText(file), CultureInfo.InvariantCulture);

    /// <summary>The fields of /proc/PID/status.</summary>
    private static Dictionary<string, string> Fields(Process process, string file) =>
        File.ReadLines($"/proc/{process.Id}/{file}")
            .Select(line => line.Split(":\t", 2))
            .ToDictionary(pair => pair[0], pair => pair[^1].Trim());
}
