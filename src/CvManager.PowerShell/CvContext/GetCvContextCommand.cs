using System.Management.Automation;
using CvManager.Cluster;
using CvManager.PowerShell.Completion;

namespace CvManager.PowerShell;

/// <summary>Lists the contexts of the kubeconfig, without connecting to a cluster.</summary>
[Cmdlet(VerbsCommon.Get, "CvContext", HelpUri = ProjectUri.Docs + "Get-CvContext.md")]
[OutputType(typeof(CvContext))]
public sealed class GetCvContextCommand : AsyncCmdlet
{
    /// <summary>Names of contexts. Wildcards are allowed; the default is all.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ContextCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>The path of the kubeconfig; the default is the connected one, else $env:KUBECONFIG, else ~/.kube/config.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    public string? KubeConfig { get; set; }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var (session, specified) = await OnPipelineAsync(() =>
            (SessionMemory.Current, KubeConfig is null ? null : GetUnresolvedProviderPathFromPSPath(KubeConfig))
        );
        var connected = SessionConnection.Of(session);
        var path = specified ?? connected?.KubeConfig;
        var contexts = KubeConfigFile.ReadContexts(path);
        var current =
            connected is not null && connected.KubeConfig == path
                ? connected.Cluster.ContextName
                : contexts.FirstOrDefault(context => context.IsCurrent)?.Name;

        var patterns = new NamePatterns(Name);
        foreach (var context in contexts.Where(context => patterns.Matches(context.Name)))
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
                    KubeConfig = path,
                }
            );
        }
        foreach (var missing in patterns.ExactNames.Where(name => contexts.All(context => context.Name != name)))
        {
            await WriteErrorAsync(
                new CvException(
                    CmdletErrorIds.ContextNotFound,
                    CvErrorKind.NotFound,
                    $"Context '{missing}' not found in {path ?? "the kubeconfig"}.",
                    "Run Get-CvContext to list the contexts."
                )
                {
                    Target = missing,
                }
            );
        }
    }
}
