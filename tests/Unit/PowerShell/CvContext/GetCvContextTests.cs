using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell.CvContext;

public sealed class GetCvContextTests : IDisposable
{
    private const string TwoContexts = """
        apiVersion: v1
        kind: Config
        current-context: prod
        clusters:
        - {name: east, cluster: {server: "https://east.example:6443"}}
        users:
        - {name: deployer, user: {token: "s3cret", password: "s3cret2"}}
        contexts:
        - {name: prod, context: {cluster: east, user: deployer, namespace: shop}}
        - {name: qa one, context: {cluster: gone, user: deployer}}
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("cvm-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Contexts_are_shown_as_a_table()
    {
        using var session = new PowerShellSession();

        var text = session.Render("Get-CvContext -KubeConfig $path", ("path", Write("config", TwoContexts)));

        Assert.Equal(
            """

            IsCurrent Namespace      Name                                                                                                        Server
            --------- ---------      ----                                                                                                        ------
            *         shop           prod                                                                                                        https://east.example:6443
                      default        qa one


            """,
            PlainText.Of(text)
        );
    }

    [Theory]
    [InlineData("a: [", "KubeConfigInvalid")]
    [InlineData("hello", "KubeConfigInvalid")]
    [InlineData("contexts: 5", "KubeConfigInvalid")]
    [InlineData("", "KubeConfigInvalid")]
    [InlineData(null, "KubeConfigNotFound")]
    public void An_invalid_or_missing_file_is_an_error(string? text, string errorId)
    {
        using var session = new PowerShellSession();
        var path = text is null ? Path.Combine(_folder, "none") : Write("bad", text);

        var result = session.Invoke("Get-CvContext -KubeConfig $path", ("path", path));

        Assert.Empty(result.Output);
        Assert.Equal($"{errorId},CvManager.PowerShell.GetCvContextCommand", result.Error().FullyQualifiedErrorId);
        Assert.Equal(path, result.Error().TargetObject);
    }

    [Fact]
    public void A_broken_kubeconfig_is_one_error_and_hides_no_other_context()
    {
        using var session = new PowerShellSession();
        var broken = Write("broken", TwoContexts);
        session.Invoke("$sandbox = Start-CvSandbox; Connect-CvCluster -KubeConfig $sandbox.KubeConfig").AssertNoErrors();
        var connected = (string)session.Invoke("$sandbox.KubeConfig").Single().BaseObject;
        File.Copy(connected, broken, overwrite: true);
        session.Invoke("Connect-CvCluster -KubeConfig $path", ("path", broken)).AssertNoErrors();
        File.WriteAllText(broken, "a: [");

        var listed = session.Invoke("Get-CvContext");
        var named = session.Invoke("Get-CvContext nope");
        var used = session.Invoke("Get-ContainerVersion -Context nope");

        Assert.Contains(listed.Output, context => (string)context!.Properties["Name"].Value == "cvm-sandbox");
        foreach (var result in (SessionResult[])[listed, named, used])
            Assert.Equal(("KubeConfigInvalid", broken), (result.Error().FullyQualifiedErrorId.Split(',')[0], result.Error().TargetObject));
        Assert.Equal(["cvm-sandbox"], session.Complete("Get-CvContext cvm"));
        session.Invoke("Stop-CvSandbox");
    }

    [Fact]
    public void Contexts_are_completed()
    {
        using var session = new PowerShellSession();
        var path = Write("config", TwoContexts);
        // Loads and compiles the code first, because completion has a time limit.
        session.Invoke("Get-CvContext -KubeConfig $path", ("path", path)).AssertNoErrors();

        Assert.Equal(["prod", "'qa one'"], session.Complete($"Get-CvContext -KubeConfig '{path}' "));
        Assert.Equal(["prod"], session.Complete($"Get-CvContext -KubeConfig '{path}' -Name P"));
        Assert.DoesNotContain("prod", session.Complete($"Get-CvContext -KubeConfig '{Write("bad", "a: [")}' -Name "));
    }

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
