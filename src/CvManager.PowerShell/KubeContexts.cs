using CvManager.Cluster;

namespace CvManager.PowerShell;

/// <summary>
/// Where the contexts of a session come from: the kubeconfig in -KubeConfig; without it, the connected kubeconfig, those of the running
/// sandboxes (the newest first), and the default ones ($env:KUBECONFIG, else ~/.kube/config). The first one that has a context is used, as
/// kubectl does for the files in KUBECONFIG.
/// </summary>
/// <remarks>A source is a path, or null for the default kubeconfigs.</remarks>
internal static class KubeContexts
{
    /// <param name="session">The session.</param>
    /// <param name="kubeConfig">The path in -KubeConfig; null without it.</param>
    public static IReadOnlyList<string?> Sources(SessionMemory session, string? kubeConfig) =>
        kubeConfig is not null
            ? [kubeConfig]
            :
            [
                .. session
                    .All<SessionConnection>()
                    .Select(connection => connection.KubeConfig)
                    .Concat(session.All<ISessionSandbox>().Reverse().Select(sandbox => sandbox.KubeConfig))
                    .Append(null)
                    .Distinct(),
            ];

    /// <summary>The options of a new connection for the values of -KubeConfig and -Context.</summary>
    /// <exception cref="CvException"><c>KubeContextNotFound</c>, and those of reading a kubeconfig.</exception>
    public static ClusterOptions Find(SessionMemory session, string? kubeConfig, string? context)
    {
        var sources = Sources(session, kubeConfig);
        if (context is null || sources.Count == 1)
            return new ClusterOptions { KubeConfigPath = kubeConfig, Context = context };
        foreach (var source in sources)
        {
            if (Read(source).Any(known => known.Name == context))
                return new ClusterOptions { KubeConfigPath = source, Context = context };
        }
        throw new CvException(
            ErrorIds.KubeContextNotFound,
            CvErrorKind.NotFound,
            $"Context '{context}' not found in {string.Join(", ", sources.SelectMany(FilesOf))}.",
            "Specify an existing context; Get-CvContext lists them."
        )
        {
            Target = context,
        };
    }

    /// <summary>The path of a source, to show and to use as -KubeConfig; null if the default kubeconfigs are several files, or none.</summary>
    public static string? PathOf(string? source) => FilesOf(source) is [var only] ? only : null;

    /// <summary>The files of a source.</summary>
    public static IReadOnlyList<string> FilesOf(string? source) =>
        source is null ? [.. KubeConfigFile.Locate(null).Select(file => file.FullName)] : [source];

    /// <summary>The contexts of a source. A file of the session that was deleted has none.</summary>
    private static IReadOnlyList<KubeContext> Read(string? source)
    {
        try
        {
            return KubeConfigFile.ReadContexts(source);
        }
        catch (CvException e) when (e.ErrorId == ErrorIds.KubeConfigNotFound)
        {
            return [];
        }
    }
}
