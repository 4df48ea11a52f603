using System.Management.Automation;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Sandbox;
using CvManager.Support;
using CvManager.Support.Cluster;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell.Controller;

public sealed class InstallCvControllerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cvm-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task It_writes_no_output_and_can_be_run_again()
    {
        await using var cluster = await SandboxCluster.StartAsync(new SandboxOptions(), Token);
        using var session = new PowerShellSession();
        var path = Write(cluster.KubeConfigYaml);

        Assert.Empty(session.Invoke("Install-CvController -CrdOnly -KubeConfig $path", ("path", path)).AssertNoErrors().Output);
        var stored = Assert.Single(await DefinitionsAsync(cluster));
        Assert.Equal(
            "Unchanged",
            session.Invoke("Install-CvController -CrdOnly -KubeConfig $path -PassThru").Single().Properties["Outcome"].Value
        );

        Assert.All(
            CustomResourceDefinition.Json["spec"]!.AsObject(),
            field => Assert.True(JsonNode.DeepEquals(field.Value, stored["spec"]![field.Key]), field.Key)
        );
        var again = Assert.Single(await DefinitionsAsync(cluster));
        Assert.Equal(stored["metadata"]!["resourceVersion"]!.GetValue<string>(), again["metadata"]!["resourceVersion"]!.GetValue<string>());
    }

    [Fact]
    public async Task The_outcome_is_shown_as_a_table()
    {
        await using var cluster = await SandboxCluster.StartAsync(new SandboxOptions(), Token);
        using var session = new PowerShellSession();

        var text = PlainText.Of(
            session.Render("Install-CvController -CrdOnly -KubeConfig $path -PassThru", ("path", Write(cluster.KubeConfigYaml)))
        );

        Facts.AssertIn(text, "CustomResourceDefinition", "containerversions.custom.k8s.io", "Created", cluster.Server!.Authority);
    }

    [Fact]
    public async Task WhatIf_writes_nothing()
    {
        await using var cluster = await SandboxCluster.StartAsync(new SandboxOptions(), Token);
        using var session = new PowerShellSession();

        session
            .Invoke("Install-CvController -CrdOnly -KubeConfig $path -PassThru -WhatIf", ("path", Write(cluster.KubeConfigYaml)))
            .AssertNoErrors();

        Assert.Empty(await DefinitionsAsync(cluster));
        Assert.Contains("containerversions.custom.k8s.io", session.Host.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_manifest_is_returned_without_a_cluster()
    {
        using var session = new PowerShellSession();

        var text = session
            .Invoke("Install-CvController -CrdOnly -AsYaml -KubeConfig $path", ("path", Path.Combine(_folder, "none")))
            .Single()
            .BaseObject;

        Assert.Equal(File.ReadAllText(Path.Combine(RepositoryRoot.Path, "deploy", "crd.yaml")), text);
    }

    [Fact]
    public async Task A_missing_permission_is_named()
    {
        await using LoopbackApiServer server = new()
        {
            Status = "403 Forbidden",
            Body = FakeApiServer.Status(
                403,
                "Forbidden",
                "customresourcedefinitions is forbidden: User \\\"sam\\\" cannot get resource \\\"customresourcedefinitions\\\""
            ),
        };
        using var session = new PowerShellSession();

        var error = session
            .Invoke("Install-CvController -CrdOnly -KubeConfig $path", ("path", Write(KubeConfigs.For($"http://127.0.0.1:{server.Port}"))))
            .Error();

        Assert.Equal("ClusterForbidden,CvManager.PowerShell.InstallCvControllerCommand", error.FullyQualifiedErrorId);
        Assert.Equal(ErrorCategory.PermissionDenied, error.CategoryInfo.Category);
        Assert.Contains("customresourcedefinitions", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static async Task<IReadOnlyList<JsonObject>> DefinitionsAsync(SandboxCluster cluster)
    {
        using var handler = cluster.CreateHandler();
        using var connection = ClusterConnection.FromHandler(handler, cluster.Server!, cluster.Token);
        return await connection.ListAsync(new ResourcePath("apiextensions.k8s.io", "v1", "customresourcedefinitions"), null, null, Token);
    }

    private string Write(string kubeConfig)
    {
        var path = Path.Combine(_folder, "config");
        File.WriteAllText(path, kubeConfig);
        return path;
    }
}
