using System.Management.Automation;
using Xunit;

namespace CvManager.Unit.PowerShell;

public sealed class SandboxCmdletTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cvm-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Starting_one_connects_the_session_and_stopping_it_leaves_nothing()
    {
        using var session = new PowerShellSession();
        dynamic sandbox = session.Invoke("Start-CvSandbox").Single().BaseObject;
        string file = sandbox.KubeConfig;

        Assert.Equal([sandbox.Server], session.Invoke("Get-CvContext").AssertNoErrors().Values<string>("Server"));
        Assert.True(File.Exists(file));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));

        Assert.Empty(session.Invoke("$s | Stop-CvSandbox", ("s", sandbox)).AssertNoErrors().Output);

        Assert.False(File.Exists(file));
        Assert.Equal("SandboxNotRunning,CvManager.PowerShell.StopCvSandboxCommand", session.Invoke("Stop-CvSandbox $s").Error().FullyQualifiedErrorId);
        Assert.Equal(
            "ClusterUnreachable,CvManager.PowerShell.ConnectCvClusterCommand",
            session.Invoke("Connect-CvCluster -KubeConfig $k", ("k", KubeConfig(sandbox.Server))).Error().FullyQualifiedErrorId);
    }

    [Fact]
    public void NoConnect_leaves_the_connection_alone()
    {
        using var session = new PowerShellSession();

        var result = session.Invoke("$first = Start-CvSandbox; $second = Start-CvSandbox -NoConnect; $first.Server; (Get-CvContext).Server; Stop-CvSandbox $first; $second.Server").AssertNoErrors();

        Assert.Equal(result.Output[0], result.Output[1]);
        Assert.NotEqual(result.Output[0], result.Output[2]);
    }

    [Fact]
    public void It_ends_with_its_session_and_only_that()
    {
        string ended, going;
        using var other = new PowerShellSession();
        using (var session = new PowerShellSession())
        {
            ended = (string)session.Invoke("(Start-CvSandbox).KubeConfig").Single().BaseObject;
            going = (string)other.Invoke("(Start-CvSandbox).KubeConfig").Single().BaseObject;
            Assert.Equal("SandboxNotRunning", other.Invoke("Stop-CvSandbox $s", ("s", session.Invoke("Start-CvSandbox").Single())).Error().FullyQualifiedErrorId.Split(',')[0]);
        }

        Assert.False(File.Exists(ended));
        Assert.True(File.Exists(going));
    }

    [Fact]
    public void The_kubeconfig_is_written_where_one_says_but_over_nothing()
    {
        using var session = new PowerShellSession();
        var path = Path.Combine(_folder, "config");
        var taken = Path.Combine(_folder, "taken");
        File.WriteAllText(taken, "mine");

        Assert.Equal(path, session.Invoke("(Start-CvSandbox -KubeConfig $path).KubeConfig", ("path", path)).Single().BaseObject);
        var error = session.Invoke("Start-CvSandbox $taken", ("taken", taken)).Error();

        Assert.Equal("SandboxKubeConfigNotWritten,CvManager.PowerShell.StartCvSandboxCommand", error.FullyQualifiedErrorId);
        Assert.Equal("mine", File.ReadAllText(taken));
    }

    [Fact]
    public void WhatIf_starts_and_stops_nothing()
    {
        using var session = new PowerShellSession();

        Assert.Empty(session.Invoke("Start-CvSandbox -WhatIf").AssertNoErrors().Output);
        Assert.True(File.Exists((string)session.Invoke("$s = Start-CvSandbox; Stop-CvSandbox -WhatIf; Add-CvSandboxImage a b -WhatIf; $s.KubeConfig").Single().BaseObject));
        Facts.AssertIn(session.Host.Text, "What if: ", "https://127.0.0.1:");
    }

    [Fact]
    public async Task Images_are_there_for_clients_with_their_tags()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        using var session = new PowerShellSession();
        using var http = new HttpClient();

        dynamic image = session.Invoke("Start-CvSandbox | ForEach-Object { }; Add-CvSandboxImage team/myapp 1a2b3c4, demo -Label @{ a = 'b' }").Single().BaseObject;
        string repository = image.Repository;
        string registry = repository.Split('/')[0];

        Assert.EndsWith("/team/myapp", repository, StringComparison.Ordinal);
        Assert.Equal($"{repository}:1a2b3c4", image.Image);
        foreach (var tag in (string[])["1a2b3c4", "demo"])
        {
            using var answer = await http.SendAsync(new HttpRequestMessage(HttpMethod.Head, $"http://{registry}/v2/team/myapp/manifests/{tag}"), cancellationToken);
            Assert.Equal(image.Digest, answer.Headers.GetValues("Docker-Content-Digest").Single());
        }
    }

    [Fact]
    public void Names_that_are_none_and_missing_sandboxes_are_errors()
    {
        using var session = new PowerShellSession();

        Assert.Equal("SandboxNotRunning,CvManager.PowerShell.AddCvSandboxImageCommand", session.Invoke("Add-CvSandboxImage a b").Error().FullyQualifiedErrorId);
        var result = session.Invoke("$null = Start-CvSandbox; Add-CvSandboxImage 'No Such' b; Add-CvSandboxImage a 'no tag'; Add-CvSandboxImage broken x -Broken");
        Assert.All(result.Errors, error => Assert.Equal("SandboxImageInvalid,CvManager.PowerShell.AddCvSandboxImageCommand", error.FullyQualifiedErrorId));
        Assert.Equal(2, result.Errors.Count);
        Assert.Equal([false], result.Values<bool>("Pullable"));
    }

    [Fact]
    public void A_broken_image_can_be_released_but_not_pulled()
    {
        using var session = new PowerShellSession();

        var moved = session.Invoke("$null = Start-CvSandbox; $image = Add-CvSandboxImage team/app 1a2b3c4 -Broken; Add-CvRegistryTag $image.Repository -Version 1a2b3c4 -Tag demo -PassThru");

        Assert.Equal("demo", moved.Single().Properties["Tag"].Value);
    }

    [Fact]
    public void A_taken_port_is_an_error()
    {
        using var session = new PowerShellSession();

        var error = session.Invoke("$s = Start-CvSandbox; Start-CvSandbox -Port ([uri]$s.Server).Port").Error();

        Assert.Equal("SandboxPortTaken,CvManager.PowerShell.StartCvSandboxCommand", error.FullyQualifiedErrorId);
        Assert.Equal(ErrorCategory.ResourceExists, error.CategoryInfo.Category);
    }

    private string KubeConfig(string server)
    {
        var path = Path.Combine(_folder, "other");
        File.WriteAllText(path, KubeConfigs.For(server));
        return path;
    }
}
