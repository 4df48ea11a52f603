using System.Text.Json.Nodes;
using CvManager.Sandbox;
using Xunit;

namespace CvManager.Unit.Sandbox;

/// <summary>A cluster under a virtual clock is repeatable by its seed.</summary>
public sealed class RepeatableRunTests
{
    private const string Deployments = "/apis/apps/v1/namespaces/default/deployments";

    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task The_same_seed_repeats_all_requests_responses_and_changes_and_another_seed_does_not()
    {
        var first = await RunAsync(7);
        var second = await RunAsync(7);
        var other = await RunAsync(8);

        Assert.Equal(first.Requests, second.Requests);
        Assert.Equal(first.Changes, second.Changes);
        Assert.NotEqual(first.Requests, other.Requests);
        // The run had pods, failures and watch events.
        Assert.Contains(first.Changes, c => c.Contains("pods/", StringComparison.Ordinal));
        Assert.True(first.Failures > 2, $"{first.Failures} failures");
        Assert.True(first.Events > 20, $"{first.Events} events");
    }

    [Fact]
    public async Task A_fault_share_of_zero_injects_no_faults()
    {
        var run = await RunAsync(7, share: 0);

        Assert.Equal(0, run.Failures);
    }

    private static async Task<Run> RunAsync(int seed, double share = 0.3)
    {
        Run run = new();
        VirtualTime time = new(Start);
        await using var cluster = await SandboxCluster.StartAsync(
            new SandboxOptions
            {
                TimeProvider = time,
                Listen = false,
                Token = "",
                Seed = seed,
                Deterministic = true,
                RequestLog = r => run.Requests.Add($"{r.Time:O} {r.Method} {r.PathAndQuery} {r.StatusCode}"),
                ChangeLog = c => run.Changes.Add($"{c.Time:O} {c.Revision} {c.Resource}/{c.Name} {c.After?.ToJsonString()}"),
            },
            CancellationToken.None
        );
        FaultSchedule faults = new(seed, share);
        using HttpMessageInvoker client = new(cluster.CreateHandler(faults.Next));
        using CancellationTokenSource stop = new();
        // Started on this thread, not on the thread pool: everything later runs in timers.
        var writer = WriteAsync(client, time, run, stop.Token);
        var watcher = WatchAsync(client, time, run, stop.Token);

        await time.RunUntilAsync(Start.AddMinutes(5), null, TestContext.Current.CancellationToken);

        await stop.CancelAsync();
        await Task.WhenAll(writer, watcher);
        Assert.Empty(cluster.Errors);
        return run;
    }

    /// <summary>Creates a Deployment and changes its image every 30 s.</summary>
    private static async Task WriteAsync(HttpMessageInvoker client, VirtualTime time, Run run, CancellationToken cancellationToken)
    {
        var body = JsonNode.Parse(
            """
            {"metadata":{"name":"app"},"spec":{"replicas":3,"selector":{"matchLabels":{"app":"app"} },"template":{"metadata":{"labels":{"app":"app"} },
              "spec":{"containers":[{"name":"main","image":"r.example/app:0"}]} } } }
            """
        )!;
        for (var i = 1; !cancellationToken.IsCancellationRequested; i++)
        {
            try
            {
                using HttpRequestMessage create = new(HttpMethod.Post, $"http://sandbox{Deployments}")
                {
                    Content = Json(body, "application/json"),
                };
                using var created = await client.SendAsync(create, cancellationToken);
                var patch = JsonNode.Parse(
                    $$"""[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"r.example/app:{{i}}"}]"""
                )!;
                using HttpRequestMessage change = new(HttpMethod.Patch, $"http://sandbox{Deployments}/app")
                {
                    Content = Json(patch, "application/json-patch+json"),
                };
                using var changed = await client.SendAsync(change, cancellationToken);
                if (!changed.IsSuccessStatusCode)
                    run.Failures++;
                await Task.Delay(TimeSpan.FromSeconds(30), time, cancellationToken);
            }
            catch (HttpRequestException)
            {
                run.Failures++;
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private static async Task WatchAsync(HttpMessageInvoker client, VirtualTime time, Run run, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                using HttpRequestMessage request = new(
                    HttpMethod.Get,
                    $"http://sandbox/api/v1/namespaces/default/pods?watch=1&timeoutSeconds=120"
                );
                using var response = await client.SendAsync(request, cancellationToken);
                using StreamReader reader = new(await response.Content.ReadAsStreamAsync(cancellationToken));
                using CancellationTokenSource silence = new(TimeSpan.FromSeconds(150), time);
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, silence.Token);
                while (await reader.ReadLineAsync(limit.Token) is not null)
                    run.Events++;
                await Task.Delay(TimeSpan.FromSeconds(1), time, cancellationToken);
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                run.Failures++;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                run.Failures++; // The watch stalled.
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private static ByteArrayContent Json(JsonNode body, string type) =>
        new(System.Text.Encoding.UTF8.GetBytes(body.ToJsonString())) { Headers = { ContentType = new(type) } };

    private sealed class Run
    {
        public List<string> Requests { get; } = [];

        public List<string> Changes { get; } = [];

        public int Failures { get; set; }

        public int Events { get; set; }
    }
}
