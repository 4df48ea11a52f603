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
        foreach (var (source, contexts, error) in Read(sources))
        {
            // The context may be in it; that of a later kubeconfig may be another cluster.
            if (error is not null)
                throw error;
            if (contexts.Any(known => known.Name == context))
                return new ClusterOptions { KubeConfigPath = source, Context = context };
        }
        throw NotFound(context, sources);
    }

    public static CvException NotFound(string context, IReadOnlyList<string?> sources) =>
        KubeConfigFile.ContextNotFound(context, string.Join(", ", sources.SelectMany(FilesOf)));

    /// <summary>
    /// Reads the sources one by one, each with its contexts or the error. A kubeconfig of the session that was deleted has none; the one in
    /// -KubeConfig must exist.
    /// </summary>
    public static IEnumerable<(string? Source, IReadOnlyList<KubeContext> Contexts, CvException? Error)> Read(
        IReadOnlyList<string?> sources
    )
    {
        foreach (var source in sources)
        {
            IReadOnlyList<KubeContext> contexts = [];
            CvException? error = null;
            try
            {
                contexts = KubeConfigFile.ReadContexts(source);
            }
            catch (CvException e)
            {
                error = e.ErrorId == ErrorIds.KubeConfigNotFound && sources.Count > 1 ? null : e;
            }

            yield return (source, contexts, error);
        }
    }

    /// <summary>The path of a source, to show and to use as -KubeConfig; null if the default kubeconfigs are several files, or none.</summary>
    public static string? PathOf(string? source) => FilesOf(source) is [var only] ? only : null;

    /// <summary>The files of a source.</summary>
    public static IReadOnlyList<string> FilesOf(string? source) =>
        source is null ? [.. KubeConfigFile.Locate(null).Select(file => file.FullName)] : [source];
}
