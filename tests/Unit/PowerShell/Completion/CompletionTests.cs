using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell.Completion;

/// <summary>Completion in edge cases; tests/Pester has the usual ones.</summary>
public sealed class CompletionTests : IDisposable
{
    private readonly PowerShellSession _session = new();

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("Get-ContainerVersion -Timeout 1", "1m 15m 1h 1h30m")]
    [InlineData("Suspend-ContainerVersion x -Reason ", "")]
    [InlineData("Get-ContainerVersion -LabelSelector ", "")]
    [InlineData("Get-ContainerVersion -KubeConfig ./none -Name ", "")]
    [InlineData("Get-CvRegistryTag 'No Repository' ", "")]
    [InlineData("Get-CvRegistryBudget ", "")]
    [InlineData("Set-ContainerVersion -Tag ", "")]
    public void Values_that_are_known_without_a_cluster_are_offered_and_never_files(string line, string expected)
    {
        // Loads and compiles the code first, because completion has a time limit.
        _session.Complete(line);

        Assert.Equal(expected, string.Join(' ', _session.Complete(line)));
    }

    [Fact]
    public void Nothing_is_offered_for_a_cluster_that_does_not_respond()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var folder = Directory.CreateTempSubdirectory("cvm-test-").FullName;
        try
        {
            var path = Path.Combine(folder, "config");
            File.WriteAllText(path, KubeConfigs.For($"http://{silent.LocalEndpoint}"));

            Assert.Empty(_session.Complete($"Get-ContainerVersion -KubeConfig '{path}' -Name "));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Names_of_secrets_are_offered_and_their_contents_are_not_read()
    {
        _session.Invoke("$s = Start-CvSandbox; Install-CvController -CrdOnly").AssertNoErrors();
        var kubeConfig = (string)_session.Invoke("$s.KubeConfig").Single().BaseObject;
        using var cluster = ClusterConnection.Connect(new ClusterOptions { KubeConfigPath = kubeConfig });
        ResourcePath secrets = new("", "v1", "secrets", "default");
        foreach (var (name, type) in new[] { ("pull", "kubernetes.io/dockerconfigjson"), ("other", "Opaque") })
        {
            JsonObject secret = new()
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Secret",
                ["metadata"] = new JsonObject { ["name"] = name },
                ["type"] = type,
                ["stringData"] = new JsonObject { [".dockerconfigjson"] = """{"auths":{}}""" },
            };
            await cluster.CreateAsync(secrets, secret, TestContext.Current.CancellationToken);
        }
        Assert.Equal(
            ["pull"],
            await cluster.ListNamesAsync(secrets, "type=kubernetes.io/dockerconfigjson", TestContext.Current.CancellationToken)
        );
        _session.Complete("Set-ContainerVersion x -ImagePullSecret ");

        Assert.Equal(["pull"], _session.Complete("Set-ContainerVersion x -ImagePullSecret "));
    }
}
