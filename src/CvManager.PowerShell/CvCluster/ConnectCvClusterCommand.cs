using System.Management.Automation;
using CvManager.Cluster;
using CvManager.PowerShell.Completion;

namespace CvManager.PowerShell;

/// <summary>
/// Sets the default cluster of this session, for cmdlets without -Context and -KubeConfig. Reads the version of the cluster, so that a
/// wrong address or credential is reported here.
/// </summary>
[Cmdlet(VerbsCommunications.Connect, "CvCluster", HelpUri = ProjectUri.Docs + "Connect-CvCluster.md")]
[OutputType(typeof(CvContext))]
public sealed class ConnectCvClusterCommand : AsyncCmdlet
{
    /// <summary>The context; the default is the current context of the kubeconfig, or the cluster of the pod.</summary>
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true)]
    [Alias("Name")]
    [ArgumentCompleter(typeof(ContextCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Context { get; set; }

    /// <summary>The path of a kubeconfig; the default is $env:KUBECONFIG, else ~/.kube/config.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    public string? KubeConfig { get; set; }

    /// <summary>How long to wait for the response of the cluster.</summary>
    [Parameter]
    [TimeSpanTransformation]
    [ArgumentCompleter(typeof(DurationCompleter))]
    public TimeSpan? Timeout { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    protected override TimeSpan? TimeLimit => Timeout;

    /// <summary>The next lines of a script must not run with the former cluster.</summary>
    protected override bool ErrorsEndScript => true;

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var (session, path) = await OnPipelineAsync(() =>
            (SessionMemory.Current, string.IsNullOrEmpty(KubeConfig) ? null : GetUnresolvedProviderPathFromPSPath(KubeConfig))
        );
        var options = KubeContexts.Find(session, path, Context);
        var cluster = ClusterConnection.Connect(options);
        var server = cluster.Server.ToString().TrimEnd('/');
        try
        {
            var version = await cluster.LoggedBy(Logger).GetRawAsync("version", cancellationToken);
            WriteVerbose($"Connected to {server}, Kubernetes {version["gitVersion"]}.");
        }
        catch (CvException e) when (e.Kind == CvErrorKind.Forbidden)
        {
            // The server is reachable and has authenticated the user; reading the version is a separate permission.
            WriteVerbose($"Connected to {server}. Permission to read its version is missing.");
        }
        catch
        {
            cluster.Dispose();
            throw;
        }
        await new SessionConnection(cluster, options.KubeConfigPath).ReplaceAsync(session);
        if (PassThru)
            await WriteObjectAsync(Describe(cluster, options.KubeConfigPath));
    }

    private static CvContext Describe(ClusterConnection cluster, string? source)
    {
        var context =
            cluster.ContextName.Length == 0 ? null : KubeConfigFile.ReadContexts(source).FirstOrDefault(c => c.Name == cluster.ContextName);
        return new CvContext
        {
            Name = cluster.ContextName,
            IsCurrent = true,
            Cluster = context?.Cluster ?? "",
            Server = cluster.Server.ToString().TrimEnd('/'),
            Namespace = cluster.DefaultNamespace,
            User = context?.User ?? "",
            KubeConfig = cluster.ContextName.Length == 0 ? null : KubeContexts.PathOf(source),
        };
    }
}
