using System.Diagnostics;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using CvManager.Support;

namespace CvManager.Bench;

/// <summary>
/// Moves a tag back and forth between two versions of an image: Add-CvRegistryTag in a running session and from the command line,
/// compared with <c>skopeo copy</c>.
/// </summary>
internal sealed class AddTagScenario : IScenario
{
    private const int WarmUps = 5;
    private const int CountedRuns = 10;

    private static readonly string[] Versions = ["1a2b3c4", "5d6e7f8"];

    public string Name => "add-tag";

    public string Description =>
        "Add-CvRegistryTag compared with skopeo copy; CVM_REGISTRY is host:port of an OCI registry on loopback without a login, "
        + "and skopeo is on the PATH";

    public string Number => "repetitions of each, alternating";

    public int DefaultNumber => 100;

    public async Task<FigureTable> RunAsync(int number, CancellationToken cancellationToken)
    {
        var registry = Environment.GetEnvironmentVariable("CVM_REGISTRY") is { Length: > 0 } address
            ? address
            : throw new InvalidOperationException(
                "CVM_REGISTRY is not set. Start tests/servers/registry/up.sh, and set CVM_REGISTRY to 127.0.0.1:15000."
            );
        var path = $"bench-{Guid.NewGuid().ToString("N")[..8]}/app";
        foreach (var version in Versions)
            await BenchImage.PushAsync(new Uri($"http://{registry}/v2/{path}/"), version, cancellationToken);

        using Session session = new();
        (string Name, Func<string, string, string, Task> Move)[] contestants =
        [
            ("Add-CvRegistryTag, in a running session", session.AddAsync),
            (
                "cvm -Command Add-CvRegistryTag, one process per run",
                (repository, version, tag) =>
                    RunAsync(
                        ControllerProcess.Cvm,
                        ["-NoProfile", "-Command", $"Add-CvRegistryTag {repository} -Version {version} -Tag {tag}"],
                        cancellationToken
                    )
            ),
            (
                "skopeo copy, one process per run",
                (repository, version, tag) =>
                    RunAsync(
                        "skopeo",
                        [
                            "copy",
                            "--quiet",
                            "--src-tls-verify=false",
                            "--dest-tls-verify=false",
                            $"docker://{repository}:{version}",
                            $"docker://{repository}:{tag}",
                        ],
                        cancellationToken
                    )
            ),
        ];

        List<TimeSpan>[] times = [.. contestants.Select(_ => new List<TimeSpan>())];
        for (var i = -WarmUps; i < number; i++)
        {
            for (var c = 0; c < contestants.Length; c++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var started = Stopwatch.GetTimestamp();
                await contestants[c].Move($"{registry}/{path}", Versions[(i + WarmUps) % 2], $"tag-{c}");
                if (i >= 0)
                    times[c].Add(Stopwatch.GetElapsedTime(started));
            }
        }

        List<Measurement> measured = [];
        for (var c = 0; c < contestants.Length; c++)
        {
            await using CountingProxy proxy = new(new Uri($"http://{registry}/"));
            for (var i = 0; i < CountedRuns; i++)
                await contestants[c].Move($"{proxy.Host}/{path}", Versions[i % 2], $"counted-{c}");
            measured.Add(new Measurement(contestants[c].Name, times[c], (double)proxy.Requests / CountedRuns));
        }

        return FigureTable.Of(measured);
    }

    private static async Task RunAsync(string program, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        var errors = await process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0 || errors.Length > 0)
            throw new InvalidOperationException($"{program} exited with code {process.ExitCode}: {errors}");
    }

    /// <summary>A PowerShell session with the module, like that of a script in a pipeline.</summary>
    private sealed class Session : IDisposable
    {
        private readonly Runspace _runspace;

        public Session()
        {
            var state = InitialSessionState.CreateDefault2();
            state.ThrowOnRunspaceOpenError = true;
            state.ImportPSModule(Path.Combine(RepositoryRoot.Path, "module", "CvManager", "CvManager.psd1"));
            _runspace = RunspaceFactory.CreateRunspace(state);
            _runspace.Open();
        }

        public async Task AddAsync(string repository, string version, string tag)
        {
            using var shell = PowerShell.Create(_runspace);
            shell
                .AddCommand("Add-CvRegistryTag")
                .AddParameter("Repository", repository)
                .AddParameter("Version", version)
                .AddParameter("Tag", tag);
            await shell.InvokeAsync();
            if (shell.HadErrors)
                throw new InvalidOperationException($"Add-CvRegistryTag: {shell.Streams.Error.FirstOrDefault()}");
        }

        public void Dispose() => _runspace.Dispose();
    }
}
