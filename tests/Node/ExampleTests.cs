using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using CvManager.Resources;
using CvManager.Support;
using CvManager.Support.Cluster;
using CvManager.Support.PowerShell;
using Xunit;

namespace CvManager.Node;

/// <summary>
/// examples/cvm-example on the node: the steps of its workflow build, test and push real images, and move the tags of its environments.
/// </summary>
public sealed partial class ExampleTests : IDisposable
{
    private const string First = "6e4ae1c0000000000000000000000000000000aa";
    private const string Next = "9f8e7d60000000000000000000000000000000bb";

    private static readonly string Folder = Path.Combine(RepositoryRoot.Path, "examples", "cvm-example");

    private readonly PowerShellSession _session = new();
    private readonly DirectoryInfo _work = Directory.CreateTempSubdirectory("cvm-example-");

    /// <summary>The owner of the repository on GitHub, and its name in the registry.</summary>
    private readonly string _owner = TestNamespace.NewName("acme");

    private readonly JsonObject _workflow = YamlDocuments
        .Read(File.ReadAllText(Path.Combine(Folder, ".github", "workflows", "release.yml")))[0]
        .AsObject();

    public void Dispose()
    {
        _session.Dispose();
        _work.Delete(recursive: true);
    }

    [Fact]
    public async Task A_version_of_the_example_reaches_prod_only_after_its_tests_have_passed_in_demo()
    {
        await BuildBaseAsync();
        await using var demo = await EnvironmentAsync("demo");
        await using var prod = await EnvironmentAsync("prod");
        // There is no DNS server on the node.
        var url = $"http://{await demo.ReadAsync("service/myapp", ".spec.clusterIP")}";

        await RunJobAsync("release", First, url);
        await RunJobAsync("promote", First, url);
        await demo.UntilSuccessAsync("myapp", First);
        await prod.UntilSuccessAsync("myapp", First);
        await UntilServesAsync(demo, First);
        await UntilServesAsync(prod, First);

        await RunJobAsync("release", Next, url);
        await demo.UntilSuccessAsync("myapp", Next);
        await UntilServesAsync(demo, Next);
        await UntilServesAsync(prod, First);

        await RunJobAsync("promote", Next, url);
        var promoted = await prod.UntilSuccessAsync("myapp", Next);
        await UntilServesAsync(prod, Next);
        var gate = Assert.Single(promoted["status"]!["rollout"]!["gates"]!.AsArray())!;
        Assert.Equal("Succeeded", gate["phase"]!.GetValue<string>());
        Assert.Equal([$"{Next} Succeeded", $"{First} Succeeded"], await prod.HistoryAsync());
    }

    /// <summary>Applies the manifests of an environment, unchanged but for the registry and the poll interval.</summary>
    private async Task<TestNamespace> EnvironmentAsync(string name)
    {
        var manifests = (await File.ReadAllTextAsync(Path.Combine(Folder, "deploy", $"{name}.yaml"), Token))
            .Replace("ghcr.io/", $"{TestNode.Registry}/", StringComparison.Ordinal)
            .Replace("acme/", $"{_owner}/", StringComparison.Ordinal)
            .Replace("pollIntervalSeconds: 30", "pollIntervalSeconds: 5", StringComparison.Ordinal);
        TestNamespace environment = new(name, "", TestNode.KubeConfig, TestNode.KubeCtl);
        // Of an earlier run.
        await environment.KubeCtlAsync("delete", "namespace", name, "--ignore-not-found", "--timeout=90s");
        await environment.ApplyAsync(manifests);
        return environment;
    }

    /// <summary>The image busybox, which stands in for the one of the Dockerfile.</summary>
    private async Task BuildBaseAsync()
    {
        await ExternalProgram.RunAsync("tar", ["-C", _work.FullName, "-xf", TestNode.BusyBoxArchive, "layer.tar"]);
        await File.WriteAllTextAsync(Path.Combine(_work.FullName, "Dockerfile"), "FROM scratch\nADD layer.tar /\nENV PATH=/bin\n", Token);
        await RunScriptAsync($"docker build -t localhost/busybox:1 {_work.FullName}", []);
    }

    /// <summary>Runs the steps of a job: its scripts with bash, and the action by its cmdlet. CIExamples.Tests.ps1 has the action itself.</summary>
    private async Task RunJobAsync(string name, string commit, string url)
    {
        var repository = Evaluate(_workflow["env"]!["REPOSITORY"]!, commit);
        foreach (var step in _workflow["jobs"]![name]!["steps"]!.AsArray().Select(step => step!.AsObject()))
        {
            if (step["run"] is { } script)
            {
                await RunScriptAsync(
                    script.GetValue<string>(),
                    [
                        $"GITHUB_SHA={commit}",
                        $"REPOSITORY={repository}",
                        $"CVM_BUILD_ARGS=--build-arg BASE=localhost/busybox:1 --build-arg URL={url}",
                    ]
                );
            }
            else if (step["uses"]!.GetValue<string>().StartsWith("cvmanager/", StringComparison.Ordinal))
            {
                _session
                    .Invoke(
                        "Add-CvRegistryTag -Repository $repository -Version $version -Tag $tag",
                        (
                            "repository",
                            Evaluate(step["with"]!["repository"]!, commit).Replace("REPOSITORY", repository, StringComparison.Ordinal)
                        ),
                        ("version", Evaluate(step["with"]!["version"]!, commit)),
                        ("tag", Evaluate(step["with"]!["tags"]!, commit))
                    )
                    .AssertNoErrors();
            }
        }
    }

    /// <summary>Runs a script in the folder of the example, as GitHub does, with a stand-in for docker.</summary>
    private Task<string> RunScriptAsync(string script, string[] environment)
    {
        var programs = Path.Combine(RepositoryRoot.Path, "tests", "servers", "docker");
        return ExternalProgram.RunAsync(
            "env",
            [
                $"--chdir={Folder}",
                $"PATH={programs}:{Environment.GetEnvironmentVariable("PATH")}",
                $"CVM_BUILD_STORAGE={_work.FullName}",
                .. environment,
                "bash",
                "-euo",
                "pipefail",
                "-c",
                script,
            ]
        );
    }

    /// <summary>Replaces the expressions of GitHub.</summary>
    private string Evaluate(JsonNode value, string commit) =>
        Expression()
            .Replace(
                value.GetValue<string>(),
                match =>
                    match.Groups[1].Value switch
                    {
                        "github.sha" => commit,
                        "github.repository" => $"{_owner}/cvm-example",
                        "env.REPOSITORY" => "REPOSITORY",
                        var other => throw new InvalidOperationException($"The test does not know the expression {other}."),
                    }
            )
            .Replace("ghcr.io/", $"{TestNode.RegistryFromOutside}/", StringComparison.Ordinal);

    /// <summary>Waits until all pods behind the Service of an environment serve a version.</summary>
    private static Task UntilServesAsync(TestNamespace environment, string version) =>
        TestNode.UntilAsync(
            $"{environment.Namespace} serves {version}",
            async () =>
            {
                var addresses = (await environment.ReadAsync("endpoints/myapp", ".subsets[*].addresses[*].ip")).Split(' ');
                var served = await Task.WhenAll(addresses.Where(ip => ip.Length > 0).Select(ip => TestNode.GetAsync($"{ip}:8080/version")));
                return served.Length > 0 && served.All(text => text.Trim() == version);
            }
        );

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [GeneratedRegex(@"\$\{\{ ([\w.]+) \}\}")]
    private static partial Regex Expression();
}
