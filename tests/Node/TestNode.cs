using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using CvManager.Support;
using Xunit;

namespace CvManager.Node;

/// <summary>The node of tests/servers/node. .ci/run starts it with AUDIT=1 and sets these environment variables.</summary>
internal static class TestNode
{
    /// <summary>The namespace of the controller.</summary>
    public const string ControllerNamespace = "cvmanager";

    /// <summary>The path of a kubeconfig with administrator permissions.</summary>
    public static string KubeConfig => Require("CVM_NODE_KUBECONFIG");

    /// <summary>The path of a kubectl that matches the control plane.</summary>
    public static string KubeCtl => Environment.GetEnvironmentVariable("CVM_KUBECTL") ?? "kubectl";

    /// <summary>The image of the controller, as the node references it.</summary>
    public static string Image => Require("CVM_NODE_IMAGE");

    /// <summary>host:port of the registry, as the node and its pods reference it.</summary>
    public static string Registry => Image.Split('/')[0];

    /// <summary>host:port of the same registry, as this machine references it.</summary>
    public static string RegistryFromOutside => $"127.0.0.1:{Registry.Split(':')[1]}";

    /// <summary>The audit log of the API server.</summary>
    public static string AuditLog => Path.Combine(ControlPlane, "audit.log");

    /// <summary>The archive of the image busybox.</summary>
    public static string BusyBoxArchive => Path.Combine(Servers, "node", "busybox.tar");

    /// <summary>The folder with the keys, process ids and logs of the control plane.</summary>
    public static string ControlPlane => Path.Combine(Servers, "kube", $"run-{Name}");

    private static string Servers => Path.GetDirectoryName(Path.GetDirectoryName(KubeConfig)!)!;

    /// <summary>"node", or "node-NAME" if it was started with NAME.</summary>
    private static string Name => Path.GetFileName(KubeConfig)["kubeconfig-".Length..];

    private static string Run => Path.Combine(Servers, "node", "run" + Name["node".Length..]);

    private static string ControlGroup => "cvm-" + Name;

    /// <summary>Runs a program in the namespaces of the node, and returns its output.</summary>
    public static Task<string> RunInsideAsync(params string[] command) => ExternalProgram.RunAsync(Path.Combine(Run, "in.sh"), command);

    /// <summary>Requests a page with HTTP from inside the node.</summary>
    public static Task<string> GetAsync(string address) => RunInsideAsync("busybox", "wget", "-q", "-O", "-", $"http://{address}");

    /// <summary>The folder of the control group of a container.</summary>
    /// <param name="controller">memory, freezer and so on (control groups, version 1).</param>
    /// <param name="containerId">As in the status of a pod: containerd://…</param>
    public static string ControlGroupOf(string controller, string containerId)
    {
        var id = containerId[(containerId.LastIndexOf('/') + 1)..];
        return Directory
            .EnumerateDirectories(Path.Combine("/sys/fs/cgroup", controller, ControlGroup), id, SearchOption.AllDirectories)
            .Single();
    }

    /// <summary>The first process of a container.</summary>
    public static Process ProcessOf(string containerId) =>
        File.ReadLines(Path.Combine(ControlGroupOf("freezer", containerId), "cgroup.procs"))
            .Select(line => Process.GetProcessById(int.Parse(line, CultureInfo.InvariantCulture)))
            .MinBy(process => process.StartTime)!;

    /// <summary>Kills a daemon of the node with SIGKILL, and starts it again.</summary>
    /// <param name="pidFile">Contains its process id, in the process namespace of the node.</param>
    /// <param name="log">The file to which it writes.</param>
    /// <param name="arguments">Returns its new arguments.</param>
    public static async Task RestartAsync(string pidFile, string log, Func<IReadOnlyList<string>, IEnumerable<string>> arguments)
    {
        var pid = (await File.ReadAllTextAsync(pidFile)).Trim();
        var command = (await RunInsideAsync("cat", $"/proc/{pid}/cmdline")).TrimEnd('\0').Split('\0');
        // kill -0 fails once the process is gone; the first process of the node reaps it.
        await RunInsideAsync("sh", "-c", $"kill -KILL {pid}; while kill -0 {pid} 2> /dev/null; do :; done");
        const string Start = """pid=$1 log=$2; shift 2; echo $$ > "$pid"; exec "$@" >> "$log" 2>&1 < /dev/null""";
        await RunInsideAsync(["setsid", "--fork", "sh", "-c", Start, "sh", pidFile, log, .. arguments(command)]);
    }

    /// <summary>Restarts the API server, and waits until it is ready.</summary>
    /// <param name="arguments">Returns its new arguments.</param>
    public static async Task RestartApiServerAsync(Func<IReadOnlyList<string>, IEnumerable<string>> arguments)
    {
        await RestartAsync(
            Path.Combine(ControlPlane, "kube-apiserver.pid"),
            Path.Combine(ControlPlane, "logs", "kube-apiserver.log"),
            arguments
        );
        await UntilAsync(
            "the API server is ready",
            async () => (await ExternalProgram.TryAsync(KubeCtl, ["--kubeconfig", KubeConfig, "get", "--raw", "/readyz"])).ExitCode == 0
        );
    }

    public static Task RestartKubeletAsync() =>
        RestartAsync(Path.Combine(Run, "kubelet.pid"), Path.Combine(Run, "logs", "kubelet.log"), arguments => arguments);

    /// <summary>Checks a condition that cannot be watched, repeatedly until it is met, for at most 2 minutes.</summary>
    public static async Task UntilAsync(string what, Func<Task<bool>> isMet)
    {
        var started = TimeProvider.System.GetTimestamp();
        using PeriodicTimer timer = new(TimeSpan.FromMilliseconds(200));
        while (!await isMet())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromMinutes(2), $"Waited 2 minutes until {what}.");
            await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }

    [SuppressMessage("Design", "CA1065", Justification = "A test that needs the node cannot go on without it.")]
    private static string Require(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value
            ? value
            : throw new InvalidOperationException($"{name} is not set: start the node of tests/servers/node, or run .ci/run.");
}
