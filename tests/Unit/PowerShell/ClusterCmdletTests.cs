using System.Management.Automation;
using System.Management.Automation.Runspaces;
using CvManager.PowerShell;
using CvManager.Sandbox.PowerShell;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell;

/// <summary>How a cmdlet selects its cluster and namespace. No cluster is needed.</summary>
public sealed class ClusterCmdletTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cvm-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("Show-Target -KubeConfig $k", "http://first.example/ shop")]
    [InlineData("Show-Target -KubeConfig $k -Context second", "http://second.example/ default")]
    [InlineData("Show-Target -KubeConfig $k -Namespace own", "http://first.example/ own")]
    [InlineData("Show-Target -KubeConfig $k -AllNamespaces", "http://first.example/ ")]
    public void Parameters_select_cluster_and_namespace(string script, string expected)
    {
        using var session = Session();

        Assert.Equal(expected, session.Invoke(script, ("k", Write())).Single().BaseObject);
    }

    [Fact]
    public void Defaults_to_the_session_cluster_and_resolves_Context_in_its_kubeconfig()
    {
        using var session = Session();
        session.Invoke("$s = Start-CvSandbox", ("k", Write())).AssertNoErrors();

        var result = session
            .Invoke("Show-Target; Show-Target -Context cvm-sandbox -Namespace x; Show-Target -KubeConfig $k; ([uri]$s.Server).AbsoluteUri")
            .AssertNoErrors();

        var server = result.Output[3].BaseObject;
        Assert.Equal([$"{server} default", $"{server} x", "http://first.example/ shop"], result.Output.Take(3).Select(o => o.BaseObject));
    }

    [Fact]
    public void Namespace_binds_by_property_name()
    {
        using var session = Session();

        var result = session
            .Invoke(
                "[pscustomobject]@{ Namespace = 'one' }, [pscustomobject]@{ Namespace = 'two' } | Show-Target -KubeConfig $k",
                ("k", Write())
            )
            .AssertNoErrors();

        Assert.Equal(["http://first.example/ one", "http://first.example/ two"], result.Output.Select(o => o.BaseObject));
    }

    [Fact]
    public void Namespace_and_AllNamespaces_are_mutually_exclusive()
    {
        using var session = Session();

        var error = session.Invoke("Show-Target -KubeConfig $k -Namespace x -AllNamespaces", ("k", Write())).Error();

        Assert.StartsWith("AmbiguousParameterSet,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_cluster_stops_the_pipeline_with_one_error()
    {
        using var session = Session();

        var result = session.Invoke(
            "[pscustomobject]@{ Namespace = 'one' }, [pscustomobject]@{ Namespace = 'two' } | Show-Target -KubeConfig $k",
            ("k", Path.Combine(_folder, "none"))
        );

        Assert.Empty(result.Output);
        Assert.Equal(
            "KubeConfigNotFound,CvManager.Unit.PowerShell.ClusterCmdletTests+ShowTargetCommand",
            result.Error().FullyQualifiedErrorId
        );
    }

    private static PowerShellSession Session() =>
        new(
            import: false,
            state =>
            {
                state.Commands.Add(new SessionStateCmdletEntry("Show-Target", typeof(ShowTargetCommand), null));
                state.Commands.Add(new SessionStateCmdletEntry("Start-CvSandbox", typeof(StartCvSandboxCommand), null));
            }
        );

    private string Write()
    {
        var path = Path.Combine(_folder, "config");
        File.WriteAllText(
            path,
            """
            apiVersion: v1
            kind: Config
            current-context: first
            clusters:
            - {name: first, cluster: {server: "http://first.example"}}
            - {name: second, cluster: {server: "http://second.example"}}
            users:
            - {name: user, user: {token: token}}
            contexts:
            - {name: first, context: {cluster: first, user: user, namespace: shop}}
            - {name: second, context: {cluster: second, user: user}}
            """
        );
        return path;
    }

    [Cmdlet(VerbsCommon.Show, "Target", DefaultParameterSetName = NamespaceSet)]
    public sealed class ShowTargetCommand : NamespacedCmdlet
    {
        [Parameter(ValueFromPipeline = true)]
        public PSObject? InputObject { get; set; }

        protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
        {
            var cluster = await ConnectAsync(cancellationToken);
            await WriteObjectAsync($"{cluster.Server} {await ResolveNamespaceAsync(cancellationToken)}");
        }
    }
}
