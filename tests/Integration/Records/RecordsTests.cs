using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Records;
using CvManager.Resources;
using CvManager.Support;
using CvManager.Support.PowerShell;
using CvManager.Support.Registries;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace CvManager.Integration.Records;

/// <summary>Records of rollouts, and rollbacks to them, on a real API server.</summary>
public sealed class RecordsTests
{
    private const string Former = "6e4ae1c";
    private const string Next = "9f8e7d6";

    private readonly string _space = $"records-{Guid.NewGuid().ToString("N")[..8]}";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_rollout_and_a_rollback_are_recorded_in_history_version_and_events()
    {
        var repository = $"{Servers.Registry}/{_space}/cvm-example";
        using ImageLayout former = new(Former);
        using ImageLayout next = new(Next);
        await former.PushAsync($"{repository}:{Former}");
        await next.PushAsync($"{repository}:{Next}");
        await next.PushAsync($"{repository}:demo");
        using PowerShellSession session = new();
        session.Invoke("Connect-CvCluster -KubeConfig $path; Install-CvController -CrdOnly", ("path", Servers.KubeConfig)).AssertNoErrors();
        await KubeCtlAsync("create", "namespace", _space);
        var manifests = (await File.ReadAllTextAsync(Path.Combine(RepositoryRoot.Path, "examples", "cvm-example", "myapp.yaml"), Token))
            .Replace("${ECR_ENDPOINT}/nearmap/cvm-example", repository, StringComparison.Ordinal)
            .Replace("  tag: demo\n", "  tag: demo\n  config: {name: myapp-version, key: version}\n", StringComparison.Ordinal);
        await ExternalProgram.RunAsync(Servers.KubeCtl, ["--kubeconfig", Servers.KubeConfig, "-n", _space, "apply", "-f", "-"], manifests);
        await KubeCtlAsync("-n", _space, "create", "configmap", "myapp-version", "--from-literal=colour=blue");
        // A ConfigMap of another owner, which allows one key to be written.
        await KubeCtlAsync("-n", _space, "annotate", "configmap", "myapp-version", "cvmanager/version-keys=version");
        var person = await KubeCtlAsync("config", "view", "--minify", "-o", "jsonpath={.contexts[0].context.user}");

        session.Invoke("$null = Start-CvReconcile -Namespace $ns -Wait -Timeout 2m", ("ns", _space)).AssertNoErrors();

        Assert.Equal(
            $"{Next} blue",
            await KubeCtlAsync("-n", _space, "get", "configmap", "myapp-version", "-o", "jsonpath={.data.version} {.data.colour}")
        );
        var info = await KubeCtlAsync("-n", _space, "get", "configmap", "-l", "OWNED_BY=CVManager", "-o", "jsonpath={.items[0].data.Info}");
        Assert.Matches($@"^Update occurred at:[-0-9]+T[:0-9]+Z:\nWorkload:myapp to version:{Next}\s*$", info);
        Assert.Equal("RolloutStarted,RolloutSucceeded", await ReasonsAsync("ContainerVersion"));
        Assert.Equal("RolloutStarted,RolloutSucceeded", await ReasonsAsync("Deployment"));

        // The tag still points at Next, but the pin takes precedence.
        session
            .Invoke(
                "Invoke-CvRollback myappcv -Namespace $ns -Reason 'too slow'; $null = Start-CvReconcile -Namespace $ns -Wait -Timeout 2m"
            )
            .AssertNoErrors();
        session
            .Invoke("$null = Start-CvReconcile -Namespace $ns -Wait -Timeout 2m; Wait-CvRollout myappcv -Namespace $ns -Timeout 1m")
            .AssertNoErrors();

        Assert.Equal(
            $"{repository}:{Former}@{former.ManifestDigest}",
            await KubeCtlAsync("-n", _space, "get", "deployment", "myapp", "-o", "jsonpath={.spec.template.spec.containers[0].image}")
        );
        var history = session.Invoke("Get-CvRolloutHistory myappcv -Namespace $ns").AssertNoErrors();
        Assert.Equal([(Next, Former), (Former, Next)], history.Values<string>("FromVersion").Zip(history.Values<string>("ToVersion")));
        Assert.Equal([person, "controller"], history.Values<string>("Who"));
        Assert.Equal(["too slow", ""], history.Values<string>("Reason"));
        Assert.Equal(
            $"{Former} blue",
            await KubeCtlAsync("-n", _space, "get", "configmap", "myapp-version", "-o", "jsonpath={.data.version} {.data.colour}")
        );
        Facts.AssertIn(
            await KubeCtlAsync("-n", _space, "get", "cv", "myappcv", "-o", "jsonpath={.status.conditions[0].message}"),
            person,
            "too slow"
        );

        session
            .Invoke("Resume-ContainerVersion myappcv -Namespace $ns; $null = Start-CvReconcile -Namespace $ns -Wait -Timeout 2m")
            .AssertNoErrors();
        Assert.Equal(
            $"{Next} blue",
            await KubeCtlAsync("-n", _space, "get", "configmap", "myapp-version", "-o", "jsonpath={.data.version} {.data.colour}")
        );
        Assert.Contains("Pinned", await ReasonsAsync("ContainerVersion"), StringComparison.Ordinal);
        Assert.Contains("Resumed", await ReasonsAsync("ContainerVersion"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Concurrent_appends_to_one_ConfigMap_lose_no_record()
    {
        const int Writers = 5,
            Each = 6;
        await KubeCtlAsync("create", "namespace", _space);
        await Task.WhenAll(
            Enumerable
                .Range(0, Writers)
                .Select(async writer =>
                {
                    using var connection = Connect();
                    RolloutHistory history = new(connection, new(TimeProvider.System, NullLogger.Instance));
                    for (var i = 0; i < Each; i++)
                        await history.AppendAsync(_space, new HistorySpec { Name = "shared" }, [Record($"{i}", $"cv{writer}")], Token);
                })
        );

        using var reader = Connect();
        var all = await new RolloutHistory(reader, new(TimeProvider.System, NullLogger.Instance)).ReadAsync(_space, Token);
        Assert.Equal(Writers * Each, all.Select(one => one.Record.Key).Distinct().Count());
        Assert.Equal(Writers * Each, all.Count);
    }

    [Fact]
    public async Task A_full_history_is_accepted_by_the_API_server_and_keeps_the_newest_records()
    {
        await KubeCtlAsync("create", "namespace", _space);
        using var connection = Connect();
        RolloutHistory history = new(connection, new(TimeProvider.System, NullLogger.Instance));
        string reason = new('ü', RolloutRecord.MaxReasonLength);
        for (var i = 0; i < 600; i += 50)
            await history.AppendAsync(
                _space,
                new HistorySpec { Name = "full" },
                [.. Enumerable.Range(i, 50).Select(n => Record($"{n}", "cv", n) with { Reason = reason })],
                Token
            );

        var all = await history.ReadAsync(_space, Token);
        Assert.Equal("599", all[0].Record.Id);
        Assert.InRange(all.Count, 100, 500);
    }

    [Fact]
    public async Task A_repeated_event_is_counted_and_the_newer_events_API_shows_it()
    {
        await KubeCtlAsync("create", "namespace", _space);
        using var connection = Connect();
        EventRecorder events = new(connection, new(TimeProvider.System, NullLogger.Instance));
        ClusterEvent happened = new(
            new EventSubject("apps/v1", "Deployment", _space, "app", "0b9b7c2e-0000-4000-8000-000000000001"),
            true,
            "RolloutFailed",
            "Version 1 failed: it crashes"
        );
        for (var i = 0; i < 3; i++)
            await events.WriteAsync(happened, Token);

        var list = JsonNode.Parse(await KubeCtlAsync("-n", _space, "get", "events.v1.events.k8s.io", "-o", "json"))!.AsObject();
        var only = Assert.Single(list["items"]!.AsArray())!;
        Assert.Equal(
            (3, "Warning", "RolloutFailed", "cvmanager"),
            (
                only["deprecatedCount"]!.GetValue<int>(),
                only["type"]!.GetValue<string>(),
                only["reason"]!.GetValue<string>(),
                only["deprecatedSource"]!["component"]!.GetValue<string>()
            )
        );
    }

    private static ClusterConnection Connect() => ClusterConnection.Connect(new ClusterOptions { KubeConfigPath = Servers.KubeConfig });

    private static RolloutRecord Record(string id, string cv, int minute = 0) =>
        new()
        {
            Id = id,
            CV = cv,
            Kind = "Deployment",
            Name = "app",
            Container = "main",
            ToVersion = "2222222",
            Outcome = RolloutPhase.Succeeded,
            Started = DateTimeOffset.UnixEpoch.AddMinutes(minute),
            Finished = DateTimeOffset.UnixEpoch.AddMinutes(minute),
        };

    private async Task<string> ReasonsAsync(string kind) =>
        string.Join(
            ',',
            (
                await KubeCtlAsync(
                    "-n",
                    _space,
                    "get",
                    "events",
                    "--field-selector",
                    $"involvedObject.kind={kind},source=cvmanager",
                    "-o",
                    "jsonpath={range .items[*]}{.reason}{\"\\n\"}{end}"
                )
            )
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Distinct()
                .Order(StringComparer.Ordinal)
        );

    private static async Task<string> KubeCtlAsync(params string[] arguments) =>
        (await ExternalProgram.RunAsync(Servers.KubeCtl, ["--kubeconfig", Servers.KubeConfig, .. arguments])).Trim();
}
