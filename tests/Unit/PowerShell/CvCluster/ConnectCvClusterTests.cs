using System.Management.Automation;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell.CvCluster;

public sealed class ConnectCvClusterTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cvm-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Contexts_and_sandboxes_can_be_piped()
    {
        using var session = new PowerShellSession();

        var byContext = session
            .Invoke("$s = Start-CvSandbox -NoConnect; Get-CvContext -KubeConfig $s.KubeConfig | Connect-CvCluster -PassThru")
            .Single();
        var bySandbox = session.Invoke("$s | Connect-CvCluster -PassThru").Single();

        Assert.Equal(byContext.Properties["Server"].Value, bySandbox.Properties["Server"].Value);
        Assert.Equal("cvm-sandbox", byContext.Properties["Name"].Value);
        Assert.Equal("default", byContext.Properties["Namespace"].Value);
        Assert.Equal("cvm-sandbox", byContext.Properties["User"].Value);
    }

    [Fact]
    public void A_sandbox_is_reached_by_its_context_after_connecting_to_another_cluster()
    {
        using var session = new PowerShellSession();

        var result = session
            .Invoke(
                """
                $one = Start-CvSandbox
                $two = Start-CvSandbox
                (Connect-CvCluster cvm-sandbox -PassThru).Server -eq $one.Server
                (Connect-CvCluster cvm-sandbox-2 -PassThru).Server -eq $two.Server
                (Get-CvContext cvm-sandbox*).Name -join ' '
                (Get-CvContext cvm-sandbox).KubeConfig -eq $one.KubeConfig
                Install-CvController -CrdOnly -Context cvm-sandbox
                $null = New-ContainerVersion one r.example/one demo app -Context cvm-sandbox
                (Get-ContainerVersion -Context cvm-sandbox).Name
                Stop-CvSandbox $one -Confirm:$false
                (Get-CvContext cvm-sandbox*).Name
                """
            )
            .AssertNoErrors();

        Assert.Equal([true, true, "cvm-sandbox-2 cvm-sandbox", true, "one", "cvm-sandbox-2"], result.Output.Select(o => o.BaseObject));
        var error = session.Invoke("Connect-CvCluster cvm-sandbox").Error();
        Assert.Equal("KubeContextNotFound", error.FullyQualifiedErrorId.Split(',')[0]);
    }

    [Fact]
    public void Verbose_names_the_cluster_the_context_and_the_namespace_once()
    {
        using var session = new PowerShellSession();
        session.Invoke("$s = Start-CvSandbox; Install-CvController -CrdOnly").AssertNoErrors();

        var verbose = session.Invoke("1..3 | ForEach-Object { '*' } | Get-ContainerVersion -Verbose").AssertNoErrors().Verbose;

        var line = Assert.Single(verbose, text => text.Contains("cvm-sandbox", StringComparison.Ordinal));
        var sandbox = session.Invoke("$s").Single();
        Assert.Contains($"{sandbox.Properties["Server"].Value}", line, StringComparison.Ordinal);
        Assert.Contains($"{sandbox.Properties["KubeConfig"].Value}", line, StringComparison.Ordinal);
        Assert.Contains("'default'", line, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unreachable_cluster_is_an_error_and_changes_nothing()
    {
        using var session = new PowerShellSession();
        using var closed = new TcpListener(IPAddress.Loopback, 0);
        closed.Start();
        var server = $"http://{closed.LocalEndpoint}";
        closed.Stop();

        var error = session.Invoke("$s = Start-CvSandbox; Connect-CvCluster -KubeConfig $k", ("k", Write(KubeConfigs.For(server)))).Error();

        Assert.Equal("ClusterUnreachable,CvManager.PowerShell.ConnectCvClusterCommand", error.FullyQualifiedErrorId);
        Assert.Equal(ErrorCategory.ConnectionError, error.CategoryInfo.Category);
        Assert.Equal([true], session.Invoke("(Get-CvContext cvm-sandbox).IsCurrent").Output.Select(o => o.BaseObject));
    }

    [Fact]
    public void A_wrong_credential_is_an_error_that_does_not_contain_it()
    {
        using var session = new PowerShellSession();
        dynamic sandbox = session.Invoke("Start-CvSandbox -NoConnect").Single().BaseObject;

        var config = File.ReadAllText((string)sandbox.KubeConfig);
        var wrong = Regex.Replace(config, "token: .*", "token: s3cret");
        Assert.NotEqual(config, wrong);

        var error = session.Invoke("Connect-CvCluster -KubeConfig $k", ("k", Write(wrong))).Error();

        Assert.Equal("ClusterUnauthorized,CvManager.PowerShell.ConnectCvClusterCommand", error.FullyQualifiedErrorId);
        Assert.Equal(ErrorCategory.AuthenticationError, error.CategoryInfo.Category);
        Assert.DoesNotContain("s3cret", error.Exception.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Timeout_limits_the_wait_for_a_cluster_that_does_not_respond()
    {
        using var session = new PowerShellSession();
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();

        var error = session
            .Invoke("Connect-CvCluster -KubeConfig $k -Timeout 200ms", ("k", Write(KubeConfigs.For($"http://{silent.LocalEndpoint}"))))
            .Error();

        Assert.Equal("OperationTimedOut,CvManager.PowerShell.ConnectCvClusterCommand", error.FullyQualifiedErrorId);
        Assert.Equal(ErrorCategory.OperationTimeout, error.CategoryInfo.Category);
    }

    [Theory]
    [InlineData("Connect-CvCluster nope -KubeConfig $k", "KubeContextNotFound")]
    [InlineData("Connect-CvCluster -KubeConfig ($k + '.none')", "KubeConfigNotFound")]
    public void A_context_or_file_that_does_not_exist_is_an_error(string script, string errorId)
    {
        using var session = new PowerShellSession();

        var error = session.Invoke(script, ("k", Write(KubeConfigs.For("http://127.0.0.1:1")))).Error();

        Assert.Equal(errorId, error.FullyQualifiedErrorId.Split(',')[0]);
        Assert.Equal(ErrorCategory.ObjectNotFound, error.CategoryInfo.Category);
        Assert.NotEmpty(error.ErrorDetails.RecommendedAction);
    }

    private string Write(string text)
    {
        var path = Path.Combine(_folder, "config");
        File.WriteAllText(path, text);
        return path;
    }
}
