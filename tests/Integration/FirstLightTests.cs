using System.Text.Json.Nodes;
using CvManager.Support;
using CvManager.Support.PowerShell;
using CvManager.Support.Registries;
using Xunit;

namespace CvManager.Integration;

/// <summary>The example application on a real control plane and a real registry: a tag move is rolled out.</summary>
public sealed class FirstLightTests
{
    private const string Former = "6e4ae1c";
    private const string Next = "9f8e7d6";

    [Fact]
    public async Task A_tag_move_is_rolled_out_to_the_example_workload_and_a_second_pass_writes_nothing()
    {
        var ns = $"first-light-{Guid.NewGuid().ToString("N")[..8]}";
        var repository = $"{Servers.Registry}/{ns}/cvm-example";
        using ImageLayout former = new(Former);
        using ImageLayout next = new(Next);
        await former.PushAsync($"{repository}:{Former}");
        await former.PushAsync($"{repository}:demo");
        await next.PushAsync($"{repository}:{Next}");

        using PowerShellSession session = new();
        session.Invoke("Connect-CvCluster -KubeConfig $path", ("path", Servers.KubeConfig)).AssertNoErrors();
        session.Invoke("Install-CvController -CrdOnly").AssertNoErrors();
        await KubeCtlAsync("create", "namespace", ns);
        var manifests = (
            await File.ReadAllTextAsync(
                Path.Combine(RepositoryRoot.Path, "examples", "cvm-example", "myapp.yaml"),
                TestContext.Current.CancellationToken
            )
        ).Replace("${ECR_ENDPOINT}/nearmap/cvm-example", repository, StringComparison.Ordinal);
        await ExternalProgram.RunAsync(Servers.KubeCtl, ["--kubeconfig", Servers.KubeConfig, "-n", ns, "apply", "-f", "-"], manifests);
        await KubeCtlAsync("-n", ns, "rollout", "status", "deployment/myapp", "--timeout=60s");

        session
            .Invoke("Add-CvRegistryTag -Repository $repository -Version $version -Tag demo", ("repository", repository), ("version", Next))
            .AssertNoErrors();
        session.Invoke("Start-CvReconcile -Namespace $ns -WhatIf", ("ns", ns)).AssertNoErrors();
        Assert.Equal($"{repository}:{Former}", await ImageAsync(ns));

        session.Invoke("Start-CvReconcile -Namespace $ns", ("ns", ns)).AssertNoErrors();

        Assert.Equal($"{repository}:{Next}@{next.ManifestDigest}", await ImageAsync(ns));
        await KubeCtlAsync("-n", ns, "rollout", "status", "deployment/myapp", "--timeout=60s");
        session.Invoke("Start-CvReconcile -Namespace $ns -Wait", ("ns", ns)).AssertNoErrors();
        await KubeCtlAsync("-n", ns, "wait", "--for=condition=Ready", "cv/myappcv", "--timeout=60s");
        Assert.Equal(Next, (await KubeCtlAsync("-n", ns, "get", "cv", "myappcv", "-o", "jsonpath={.status.currVersion}")).Trim());
        Assert.Equal("Success", (await KubeCtlAsync("-n", ns, "get", "cv", "myappcv", "-o", "jsonpath={.status.currStatus}")).Trim());

        var before = (await WritesAsync(ns)).Count;
        session.Invoke("Start-CvReconcile -Namespace $ns", ("ns", ns)).AssertNoErrors();
        // The log is in order: if it contains this write, it contains all writes of the pass.
        await KubeCtlAsync("-n", ns, "create", "configmap", "after");
        var writes = await WritesAsync(ns);
        while (!writes.Any(w => w.EndsWith("configmaps/after", StringComparison.Ordinal)))
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            writes = await WritesAsync(ns);
        }

        Assert.Equal(["create configmaps/after"], writes.Skip(before));
    }

    /// <summary>
    /// Reads from the audit log what users and programs, except the controllers of the control plane, wrote in a namespace.
    /// </summary>
    private static async Task<IReadOnlyList<string>> WritesAsync(string ns)
    {
        List<string> writes = [];
        using StreamReader reader = new(new FileStream(Servers.AuditLog, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        while (await reader.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            if (!line.EndsWith('}') || JsonNode.Parse(line) is not JsonObject entry)
                continue;
            var verb = entry["verb"]!.GetValue<string>();
            if (verb is "get" or "list" or "watch" || entry["objectRef"]?["namespace"]?.GetValue<string>() != ns)
                continue;
            writes.Add($"{verb} {entry["objectRef"]!["resource"]}/{entry["objectRef"]!["name"]}");
        }

        return writes;
    }

    private static async Task<string> ImageAsync(string ns) =>
        (await KubeCtlAsync("-n", ns, "get", "deployment", "myapp", "-o", "jsonpath={.spec.template.spec.containers[0].image}")).Trim();

    private static Task<string> KubeCtlAsync(params string[] arguments) =>
        ExternalProgram.RunAsync(Servers.KubeCtl, ["--kubeconfig", Servers.KubeConfig, .. arguments]);
}
