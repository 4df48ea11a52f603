using System.Management.Automation;
using CvManager.PowerShell.Completion;

namespace CvManager.PowerShell;

/// <summary>Lists the contexts that -Context and Connect-CvCluster accept, without connecting to a cluster.</summary>
[Cmdlet(VerbsCommon.Get, "CvContext", HelpUri = ProjectUri.Docs + "Get-CvContext.md")]
[OutputType(typeof(CvContext))]
public sealed class GetCvContextCommand : AsyncCmdlet
{
    /// <summary>Names of contexts. Wildcards are allowed; the default is all.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [TextTransformation]
    [SupportsWildcards]
    [TextListTransformation]
    [ArgumentCompleter(typeof(ContextCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>The path of a kubeconfig; the default is all kubeconfigs of the session (<see cref="KubeContexts"/>).</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    public string? KubeConfig { get; set; }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var (session, specified) = await OnPipelineAsync(() =>
            (SessionMemory.Current, KubeConfig is null ? null : GetUnresolvedProviderPathFromPSPath(KubeConfig))
        );
        var connected = SessionConnection.Of(session);
        var sources = KubeContexts.Sources(session, specified);
        // Without a connection, the default context is the current one of the specified or default kubeconfig.
        var currentSource = connected is null ? sources[^1] : connected.KubeConfig;
        var patterns = new NamePatterns(Name);
        HashSet<string> seen = new(StringComparer.Ordinal);
        var isComplete = true;
        foreach (var (source, contexts, error) in KubeContexts.Read(sources))
        {
            if (error is not null)
            {
                isComplete = false;
                await WriteErrorAsync(error);
            }

            var current =
                source != currentSource ? null
                : connected is not null ? connected.Cluster.ContextName
                : contexts.FirstOrDefault(context => context.IsCurrent)?.Name;
            foreach (var context in contexts.Where(context => seen.Add(context.Name) && patterns.Matches(context.Name)))
            {
                await WriteObjectAsync(
                    new CvContext
                    {
                        Name = context.Name,
                        IsCurrent = context.Name == current,
                        Cluster = context.Cluster,
                        Server = context.Server,
                        Namespace = context.Namespace,
                        User = context.User,
                        KubeConfig = KubeContexts.PathOf(source),
                    }
                );
            }
        }
        // A kubeconfig that could not be read may have it.
        if (!isComplete)
            return;
        foreach (var missing in patterns.ExactNames.Where(name => !seen.Contains(name)))
            await WriteErrorAsync(KubeContexts.NotFound(missing, sources));
    }
}
