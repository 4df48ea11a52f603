using CvManager.PowerShell;
using CvManager.Sandbox.Registry;

namespace CvManager.Sandbox.PowerShell;

/// <summary>A sandbox of a session: cluster, registry and kubeconfig file. Stored in <see cref="SessionMemory"/>.</summary>
internal sealed class RunningSandbox : ISessionSandbox
{
    private readonly SandboxCluster _cluster;

    private RunningSandbox(SandboxCluster cluster, SandboxRegistry registry, string name, string kubeConfig)
    {
        _cluster = cluster;
        Registry = registry;
        Description = new CvSandbox
        {
            Server = cluster.Server!.ToString().TrimEnd('/'),
            Registry = registry.Host,
            KubeConfig = kubeConfig,
            Context = name,
        };
    }

    public SandboxRegistry Registry { get; }

    public CvSandbox Description { get; }

    public string KubeConfig => Description.KubeConfig;

    public IReadOnlyList<string> Repositories => [.. Registry.Repositories.Select(name => $"{Registry.Host}/{name}")];

    /// <summary>Returns a name that no running sandbox of the session has: cvm-sandbox, cvm-sandbox-2, and so on.</summary>
    public static string FreeName(SessionMemory session)
    {
        var taken = session.All<RunningSandbox>().Select(running => running.Description.Context).ToHashSet(StringComparer.Ordinal);
        var name = SandboxOptions.DefaultName;
        for (var number = 2; taken.Contains(name); number++)
            name = $"{SandboxOptions.DefaultName}-{number}";
        return name;
    }

    /// <param name="name">The name of the context.</param>
    /// <param name="port">The port of the API server; 0 for a free port.</param>
    /// <param name="registryPort">The port of the registry; 0 for a free port.</param>
    /// <param name="kubeConfig">The path of the file to write; null for a new file in the folder for temporary files.</param>
    /// <param name="cancellationToken">Stops everything that was started.</param>
    public static async Task<RunningSandbox> StartAsync(
        string name,
        int port,
        int registryPort,
        string? kubeConfig,
        CancellationToken cancellationToken
    )
    {
        var registry = await SandboxRegistry.StartAsync(new SandboxRegistryOptions { Port = registryPort }, cancellationToken);
        SandboxCluster? cluster = null;
        try
        {
            cluster = await SandboxCluster.StartAsync(
                new SandboxOptions
                {
                    Name = name,
                    Port = port,
                    Images = registry,
                },
                cancellationToken
            );
            if (kubeConfig is null)
                TemporaryKubeConfig.RemoveAbandoned(Path.GetTempPath());
            var path = kubeConfig ?? TemporaryKubeConfig.NewPath(Path.GetTempPath());
            await WritePrivateAsync(path, cluster.KubeConfigYaml, cancellationToken);
            return new RunningSandbox(cluster, registry, name, path);
        }
        catch
        {
            if (cluster is not null)
                await cluster.DisposeAsync();
            await registry.DisposeAsync();
            throw;
        }
    }

    /// <param name="server">The server of the sandbox; null for any sandbox.</param>
    public static CvException NotRunning(string? server) =>
        new(
            SandboxErrorIds.SandboxNotRunning,
            CvErrorKind.NotFound,
            server is null ? "No sandbox is running in this session." : $"Sandbox {server} is not running in this session.",
            "Run Start-CvSandbox to start one."
        )
        {
            Target = server,
        };

    public async ValueTask DisposeAsync()
    {
        // First, and before the first await: the process may exit before the rest completes.
        File.Delete(Description.KubeConfig);
        await _cluster.DisposeAsync();
        await Registry.DisposeAsync();
    }

    /// <summary>Creates the file with permissions for the user only, because it contains a credential.</summary>
    private static async Task WritePrivateAsync(string path, string text, CancellationToken cancellationToken)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        await using var file = new StreamWriter(path, options);
        await file.WriteAsync(text.AsMemory(), cancellationToken);
    }
}
