using CvManager.Cluster;
using CvManager.Support.Cluster;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Cluster;

/// <summary>Credentials from exec plugins.</summary>
public sealed class ExecPluginTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cvm-test-").FullName;

    public ExecPluginTests() => Assert.SkipWhen(OperatingSystem.IsWindows(), "The programs are shell scripts.");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("v1")]
    [InlineData("v1beta1")]
    public async Task A_relative_command_is_resolved_against_the_kubeconfig_and_receives_the_cluster(string version)
    {
        Script(
            "plugin.sh",
            $$$"""
            echo 'a newer version is there' >&2
            printf '%s' "$KUBERNETES_EXEC_INFO" > "$(dirname "$0")/info.json"
            echo '{"apiVersion":"client.authentication.k8s.io/{{{version}}}","kind":"ExecCredential","status":{"token":"'$PREFIX$1'"}}'
            """
        );
        await using LoopbackApiServer server = new();

        using var cluster = Connect(
            server.Port,
            $$"""exec: {apiVersion: client.authentication.k8s.io/{{version}}, command: ./plugin.sh, args: [x], interactiveMode: IfAvailable, provideClusterInfo: true, env: [{name: PREFIX, value: s3}]}"""
        );
        await cluster.GetRawAsync("version", Token);

        Assert.Contains("Authorization: Bearer s3x", Assert.Single(server.Requests));
        var info = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "info.json")))!;
        Assert.Equal(
            ($"http://127.0.0.1:{server.Port}", "eu"),
            (info["spec"]!["cluster"]!["server"]!.GetValue<string>(), info["spec"]!["cluster"]!["config"]!["region"]!.GetValue<string>())
        );
        Assert.False(info["spec"]!["interactive"]!.GetValue<bool>());
    }

    [Fact]
    public async Task A_credential_is_cached_until_it_expires_or_is_rejected()
    {
        FakeTimeProvider time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        Script(
            "plugin.sh",
            """
            echo x >> "$(dirname "$0")/runs"
            echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t","expirationTimestamp":"2026-01-01T01:00:00Z"}}'
            """
        );
        using var plugin = Plugin(Path.Combine(_folder, "plugin.sh"), time);

        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ => await plugin.GetAsync(Token)));
        Assert.Equal(1, Runs());
        time.Advance(TimeSpan.FromMinutes(59));
        await plugin.GetAsync(Token);
        Assert.Equal(1, Runs());
        plugin.Invalidate();
        await plugin.GetAsync(Token);
        Assert.Equal(2, Runs());
        time.Advance(TimeSpan.FromMinutes(2));
        await plugin.GetAsync(Token);
        Assert.Equal(3, Runs());

        int Runs() => File.ReadAllLines(Path.Combine(_folder, "runs")).Length;
    }

    [Theory]
    [InlineData("echo s3cret >&2; exit 3")]
    [InlineData("echo s3cret")]
    [InlineData("""echo '{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","status":{"token":"s3cret"}}'""")]
    [InlineData("""echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":5,"x":"s3cret"}}'""")]
    [InlineData("""echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":null}'""")]
    [InlineData(
        """echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"clientCertificateData":"s3cret","clientKeyData":"s3cret"}}'"""
    )]
    [InlineData("head -c 3000000 /dev/zero")]
    public async Task Errors_do_not_contain_the_output_of_a_program(string script)
    {
        Script("plugin.sh", script);
        using var plugin = Plugin(Path.Combine(_folder, "plugin.sh"), TimeProvider.System);

        var error = await Assert.ThrowsAsync<CvException>(async () => await plugin.GetAsync(Token));

        Assert.Equal("ClusterUnauthorized", error.ErrorId);
        Assert.DoesNotContain("s3cret", error.ToString() + error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_program_is_reported_with_its_install_hint()
    {
        using var plugin = Plugin("no-such-plugin-anywhere", TimeProvider.System, "brew install it");

        var error = await Assert.ThrowsAsync<CvException>(async () => await plugin.GetAsync(Token));

        Assert.Equal(("ClusterUnauthorized", "brew install it"), (error.ErrorId, error.Remedy));
    }

    [Fact]
    public async Task A_program_that_does_not_exit_is_killed_with_its_children()
    {
        FakeTimeProvider time = new();
        var child = Path.Combine(_folder, "child");
        Script("plugin.sh", $"sleep 1000 & echo $! > {child}.new; mv {child}.new {child}; wait");
        using var plugin = Plugin(Path.Combine(_folder, "plugin.sh"), time);

        Task asked = plugin.GetAsync(Token).AsTask();
        while (!File.Exists(child))
            await Task.Delay(10, Token);
        time.Advance(TimeSpan.FromMinutes(3));

        Assert.Equal("ClusterUnauthorized", (await Assert.ThrowsAsync<CvException>(() => asked)).ErrorId);
        var stat = $"/proc/{File.ReadAllText(child).Trim()}/stat";
        while (File.Exists(stat) && !File.ReadAllText(stat).Contains(") Z ", StringComparison.Ordinal))
            await Task.Delay(10, Token);
    }

    [Fact]
    public void A_program_is_found_only_through_absolute_entries_of_the_PATH()
    {
        var bin = Directory.CreateDirectory(Path.Combine(_folder, "bin")).FullName;
        Script("bin/tool", "exit 0");
        File.WriteAllText(Path.Combine(bin, "data"), "not executable");
        Directory.CreateDirectory(Path.Combine(bin, "folder"));
        var relative = Path.GetRelativePath(Environment.CurrentDirectory, bin);

        Assert.Equal(Path.Combine(bin, "tool"), ChildProgram.Find("tool", $":.:{relative}:/no/such:{bin}", null));
        Assert.Equal(Path.Combine(bin, "tool"), ChildProgram.Find(Path.Combine(bin, "tool"), null, null));
        Assert.Null(ChildProgram.Find("tool", $":.:{relative}", null));
        Assert.Null(ChildProgram.Find(Path.Combine(relative, "tool"), bin, null));
        Assert.Null(ChildProgram.Find("./tool", bin, null));
        Assert.Null(ChildProgram.Find("data", bin, null));
        Assert.Null(ChildProgram.Find("folder", bin, null));
        Assert.Null(ChildProgram.Find("", bin, null));
        Assert.Null(ChildProgram.Find("tool", null, null));
    }

    private static ExecPlugin Plugin(string command, TimeProvider time, string? hint = null) =>
        new(
            new KubeExec
            {
                ApiVersion = ExecPlugin.V1,
                Command = command,
                InstallHint = hint,
            },
            new KubeCluster { Server = "https://x.test" },
            null,
            time
        );

    private ClusterConnection Connect(int port, string user)
    {
        var path = Path.Combine(_folder, "config");
        File.WriteAllText(
            path,
            $$$"""
            clusters:
            - name: c
              cluster: {server: "http://127.0.0.1:{{{port}}}", extensions: [{name: client.authentication.k8s.io/exec, extension: {region: eu}}]}
            users: [{name: u, user: {{{{user}}}}}]
            contexts: [{name: x, context: {cluster: c, user: u}}]
            current-context: x
            """
        );
        return ClusterConnection.Connect(new ClusterOptions { KubeConfigPath = path });
    }

    private void Script(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, "#!/bin/sh\n" + text + "\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
