using System.Management.Automation;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.Sandbox.PowerShell;

public sealed class SandboxCmdletTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cvm-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void NoConnect_does_not_change_the_connection()
    {
        using var session = new PowerShellSession();

        var result = session
            .Invoke(
                "$first = Start-CvSandbox; $second = Start-CvSandbox -NoConnect; $first.Server; (Get-CvContext | ForEach-Object { if ($_.IsCurrent) { $_.Server } }); Stop-CvSandbox $first; $second.Server"
            )
            .AssertNoErrors();

        Assert.Equal(result.Output[0], result.Output[1]);
        Assert.NotEqual(result.Output[0], result.Output[2]);
    }

    [Fact]
    public void Each_sandbox_of_a_session_has_a_context_of_its_own()
    {
        using var session = new PowerShellSession();

        var contexts = session
            .Invoke("$a = Start-CvSandbox; $b = Start-CvSandbox -NoConnect; Stop-CvSandbox $a; $c = Start-CvSandbox; $a, $b, $c")
            .AssertNoErrors()
            .Values<string>("Context");

        Assert.Equal(["cvm-sandbox", "cvm-sandbox-2", "cvm-sandbox"], contexts);
    }

    [Fact]
    public void A_sandbox_ends_with_its_session()
    {
        string ended,
            going;
        using var other = new PowerShellSession();
        using (var session = new PowerShellSession())
        {
            ended = (string)session.Invoke("(Start-CvSandbox).KubeConfig").Single().BaseObject;
            going = (string)other.Invoke("(Start-CvSandbox).KubeConfig").Single().BaseObject;
            Assert.Equal(
                "SandboxNotRunning",
                other
                    .Invoke("Stop-CvSandbox $s", ("s", session.Invoke("Start-CvSandbox").Single()))
                    .Error()
                    .FullyQualifiedErrorId.Split(',')[0]
            );
        }

        Assert.False(File.Exists(ended));
        Assert.True(File.Exists(going));
    }

    [Fact]
    public void The_kubeconfig_is_written_to_KubeConfig_but_never_over_a_file()
    {
        using var session = new PowerShellSession();
        var path = Path.Combine(_folder, "config");
        var taken = Path.Combine(_folder, "taken");
        File.WriteAllText(taken, "mine");

        Assert.Equal(path, session.Invoke("(Start-CvSandbox -KubeConfig $path).KubeConfig", ("path", path)).Single().BaseObject);
        var error = session.Invoke("Start-CvSandbox $taken", ("taken", taken)).Error();

        Assert.Equal("SandboxKubeConfigNotWritten,CvManager.Sandbox.PowerShell.StartCvSandboxCommand", error.FullyQualifiedErrorId);
        Assert.Equal("mine", File.ReadAllText(taken));
    }

    [Fact]
    public void A_broken_image_can_be_tagged_but_not_pulled()
    {
        using var session = new PowerShellSession();

        var moved = session.Invoke(
            "$null = Start-CvSandbox; $image = Add-CvSandboxImage team/app 1a2b3c4 -Broken; Add-CvRegistryTag $image.Repository -Version 1a2b3c4 -Tag demo -PassThru"
        );

        Assert.Equal("demo", moved.Single().Properties["Tag"].Value);
    }

    [Fact]
    public void A_port_in_use_is_an_error()
    {
        using var session = new PowerShellSession();

        var error = session.Invoke("$s = Start-CvSandbox; Start-CvSandbox -Port ([uri]$s.Server).Port").Error();

        Assert.Equal("SandboxPortTaken,CvManager.Sandbox.PowerShell.StartCvSandboxCommand", error.FullyQualifiedErrorId);
        Assert.Equal(ErrorCategory.ResourceExists, error.CategoryInfo.Category);
    }
}
