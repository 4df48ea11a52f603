using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Node;
using CvManager.Support;
using CvManager.Support.Cluster;
using CvManager.Support.PowerShell;
using Xunit;

[assembly: AssemblyFixture(typeof(InstalledController))]

namespace CvManager.Node;

/// <summary>The controller, installed on the node with Install-CvController. All tests share it.</summary>
public sealed class InstalledController : IAsyncLifetime
{
    private const string Deployment = "deployment/cvmanager";
    private const string Lease = "cvmanager-controller";
    private const string ServiceAccount = "system:serviceaccount:cvmanager:cvmanager";

    private static readonly ResourcePath Pods = new("", "v1", "pods");
    private static readonly ResourcePath Leases = new("coordination.k8s.io", "v1", "leases");

    private readonly PowerShellSession _session = new();
    private TestNamespace? _space;

    internal TestNamespace Space => _space!;

    public async ValueTask InitializeAsync()
    {
        _space = new TestNamespace(TestNode.ControllerNamespace, "", TestNode.KubeConfig, TestNode.KubeCtl);
        _session.Invoke("Connect-CvCluster -KubeConfig $path", ("path", TestNode.KubeConfig)).AssertNoErrors();
        await InstallAsync();
    }

    /// <summary>Installs the controller, and waits until it works.</summary>
    internal async Task InstallAsync()
    {
        Install(TestNode.Image).AssertNoErrors();
        await UntilReadyAsync();
    }

    /// <summary>Installs the controller with an image.</summary>
    /// <param name="more">Further parameters of Install-CvController.</param>
    internal SessionResult Install(string image, string more = "") =>
        _session.Invoke(
            $"Install-CvController -Image $image -Environment @{{ CVM_PLAIN_HTTP_REGISTRIES = $registry }} -Wait {more}",
            ("image", image),
            ("registry", TestNode.Registry)
        );

    /// <summary>Runs cmdlets as cluster administrator.</summary>
    internal SessionResult Invoke(string script) => _session.Invoke(script);

    /// <summary>Waits until all replicas are ready and no pod is being replaced.</summary>
    internal async Task<IReadOnlyList<ControllerPod>> UntilReadyAsync()
    {
        await Space.KubeCtlAsync("rollout", "status", Deployment, "--timeout=90s");
        // A deleted pod remains for up to a minute after its container has ended.
        await TestNode.UntilAsync("all replicas are ready", async () => (await PodsAsync()).All(pod => pod.IsReady));
        await UntilLeaderAsync(_ => true);
        return await PodsAsync();
    }

    internal async Task<IReadOnlyList<ControllerPod>> PodsAsync()
    {
        var pods = await Space.Cluster.ListAsync(
            Pods with
            {
                Namespace = Space.Namespace,
            },
            "app.kubernetes.io/name=cvmanager",
            null,
            TestContext.Current.CancellationToken
        );
        return [.. pods.Where(pod => pod["metadata"]!["deletionTimestamp"] is null).Select(ControllerPod.Read)];
    }

    /// <summary>Waits until the Lease has a holder that meets a condition and is not being deleted, and returns its pod.</summary>
    internal async Task<(ControllerPod Leader, DateTimeOffset Acquired)> UntilLeaderAsync(Func<string, bool> isMeant)
    {
        (ControllerPod, DateTimeOffset)? found = null;
        await TestNode.UntilAsync(
            "a replica leads",
            async () =>
            {
                var lease = await Space.UntilAsync(Leases, Lease, lease => HolderOf(lease) is { Length: > 0 } holder && isMeant(holder));
                // The identity is the name of the pod, an underscore and its uid.
                var name = HolderOf(lease)!.Split('_')[0];
                if ((await PodsAsync()).SingleOrDefault(pod => pod.Name == name) is { } leader)
                    found = (leader, DateTimeOffset.Parse(lease["spec"]!["acquireTime"]!.GetValue<string>(), CultureInfo.InvariantCulture));
                return found is not null;
            }
        );
        return found!.Value;
    }

    /// <summary>The leader, and another replica that is ready.</summary>
    internal async Task<(ControllerPod Leader, ControllerPod Standby)> ReplicasAsync()
    {
        var pods = await UntilReadyAsync();
        var leader = (await UntilLeaderAsync(_ => true)).Leader;
        return (pods.Single(pod => pod.Name == leader.Name), pods.First(pod => pod.Name != leader.Name));
    }

    /// <summary>Waits until the container of a pod meets a condition.</summary>
    internal async Task<ControllerPod> UntilPodAsync(string name, Func<ControllerPod, bool> isMeant) =>
        ControllerPod.Read(await Space.UntilAsync(Pods, name, pod => isMeant(ControllerPod.Read(pod))));

    /// <summary>The requests of a pod in the audit log of the API server, in order of their completion.</summary>
    internal static IReadOnlyList<AuditedRequest> RequestsOf(ControllerPod pod) =>
        [.. ReadAuditLog(pod.Address).Where(request => request.Address == pod.Address)];

    /// <summary>The successful writes of all pods of the controller since a time, but for those of the Lease.</summary>
    internal static IReadOnlyList<AuditedRequest> WritesSince(DateTimeOffset time) =>
        [
            .. ReadAuditLog(ServiceAccount)
                .Where(request =>
                    request.User == ServiceAccount
                    && request.At >= time
                    && request is { IsWrite: true, Code: < 400, Resource: not "leases" }
                )
                .OrderBy(request => request.At),
        ];

    private static List<AuditedRequest> ReadAuditLog(string text)
    {
        using StreamReader log = new(new FileStream(TestNode.AuditLog, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        List<AuditedRequest> requests = [];
        while (log.ReadLine() is { } line)
        {
            // The last line may be incomplete.
            if (
                line.Contains($"\"{text}\"", StringComparison.Ordinal)
                && line.EndsWith('}')
                && AuditedRequest.Read(JsonNode.Parse(line)!) is { Stage: "ResponseComplete" } request
            )
                requests.Add(request);
        }

        return requests;
    }

    public ValueTask DisposeAsync()
    {
        _space?.Cluster.Dispose();
        _session.Dispose();
        return ValueTask.CompletedTask;
    }

    private static string? HolderOf(JsonObject lease) => lease["spec"]?["holderIdentity"]?.GetValue<string>();
}

/// <summary>A pod of the controller.</summary>
/// <param name="Address">Its IP address.</param>
/// <param name="ContainerId">containerd://…; empty if its container has not started yet.</param>
/// <param name="IsTerminated">Its container has ended, and was not restarted.</param>
/// <param name="ExitCode">The exit code of its container, or of the previous one if it was restarted; null if it never ended.</param>
/// <param name="FinishedAt">When that container ended, in whole seconds.</param>
internal sealed record ControllerPod(
    string Name,
    string Address,
    string ContainerId,
    bool IsReady,
    int Restarts,
    bool IsTerminated,
    int? ExitCode,
    DateTimeOffset? FinishedAt
)
{
    /// <summary>Its first process, as this machine sees it.</summary>
    public Process Process => TestNode.ProcessOf(ContainerId);

    public static ControllerPod Read(JsonObject pod)
    {
        var container = pod["status"]?["containerStatuses"]?[0];
        var terminated = container?["state"]?["terminated"];
        var ended = terminated ?? container?["lastState"]?["terminated"];
        return new ControllerPod(
            pod["metadata"]!["name"]!.GetValue<string>(),
            pod["status"]?["podIP"]?.GetValue<string>() ?? "",
            container?["containerID"]?.GetValue<string>() ?? "",
            container?["ready"]?.GetValue<bool>() == true,
            container?["restartCount"]?.GetValue<int>() ?? 0,
            terminated is not null,
            ended?["exitCode"]?.GetValue<int>(),
            ended is null ? null : DateTimeOffset.Parse(ended["finishedAt"]!.GetValue<string>(), CultureInfo.InvariantCulture)
        );
    }

    public Task SignalAsync(string signal) =>
        ExternalProgram.RunAsync("kill", [$"-{signal}", Process.Id.ToString(CultureInfo.InvariantCulture)]);

    /// <summary>Stops all its processes without a signal, or lets them continue.</summary>
    /// <param name="isFrozen">The cgroup freezer (control groups, version 1).</param>
    public void Freeze(bool isFrozen) =>
        File.WriteAllText(Path.Combine(TestNode.ControlGroupOf("freezer", ContainerId), "freezer.state"), isFrozen ? "FROZEN" : "THAWED");
}

/// <summary>A request in the audit log.</summary>
/// <param name="Address">The IP address of the client.</param>
internal sealed record AuditedRequest(
    string Stage,
    string Verb,
    string Resource,
    string Uri,
    int Code,
    DateTimeOffset At,
    string User,
    string Address
)
{
    public bool IsWrite => Verb is not ("get" or "list" or "watch");

    public static AuditedRequest Read(JsonNode entry) =>
        new(
            entry["stage"]!.GetValue<string>(),
            entry["verb"]!.GetValue<string>(),
            entry["objectRef"]?["resource"]?.GetValue<string>() ?? "",
            entry["requestURI"]!.GetValue<string>(),
            entry["responseStatus"]?["code"]?.GetValue<int>() ?? 0,
            DateTimeOffset.Parse(entry["requestReceivedTimestamp"]!.GetValue<string>(), CultureInfo.InvariantCulture),
            entry["user"]?["username"]?.GetValue<string>() ?? "",
            entry["sourceIPs"]?[0]?.GetValue<string>() ?? ""
        );
}
