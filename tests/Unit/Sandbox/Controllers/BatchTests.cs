using System.Text.Json.Nodes;
using CvManager.Conformance;
using CvManager.Sandbox;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Sandbox.Controllers;

/// <summary>Jobs and CronJobs over hours of fake time.</summary>
public sealed class BatchTests : IAsyncLifetime
{
    private const string Jobs = "/apis/batch/v1/namespaces/default/jobs";
    private const string CronJobs = "/apis/batch/v1/namespaces/default/cronjobs";

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 30, TimeSpan.Zero));
    private SandboxCluster _cluster = null!;
    private ApiClient _api = null!;

    public async ValueTask InitializeAsync()
    {
        _cluster = await SandboxCluster.StartAsync(
            new SandboxOptions
            {
                TimeProvider = _time,
                Listen = false,
                Seed = 1,
                Deterministic = true,
            },
            CancellationToken.None
        );
        _api = new ApiClient(SandboxConformanceTests.Client(_cluster.CreateHandler(), new Uri("http://sandbox"), _cluster.Token));
    }

    public async ValueTask DisposeAsync()
    {
        _api.Dispose();
        await _cluster.DisposeAsync();
        Assert.Empty(_cluster.Errors);
    }

    [Fact]
    public async Task A_CronJob_starts_jobs_on_schedule_and_none_while_it_is_suspended()
    {
        await CreateCronJobAsync("1", "");
        Advance(TimeSpan.FromMinutes(11));
        var jobs = await ListAsync(Jobs);
        // 00:05 and 00:10, in minutes since 1970.
        Assert.Equal(["app-29453765", "app-29453770"], jobs.Select(j => j["metadata"]!["name"]!.GetValue<string>()));
        Assert.All(jobs, j => Assert.Equal("Complete", j["status"]!["conditions"]![0]!["type"]!.GetValue<string>()));
        var status = (await _api.GetAsync($"{CronJobs}/app")).Ok()["status"]!;
        Assert.Equal(("2026-01-01T00:10:00Z", true), (status["lastScheduleTime"]!.GetValue<string>(), status["active"] is null));

        await PatchAsync("""{"spec":{"suspend":true}}""");
        Advance(TimeSpan.FromMinutes(20));
        Assert.Equal(2, (await ListAsync(Jobs)).Length);

        // Only the last missed run is started, and three finished jobs are kept.
        await PatchAsync("""{"spec":{"suspend":false}}""");
        Advance(TimeSpan.FromMinutes(11));
        Assert.Equal(
            ["app-29453790", "app-29453795", "app-29453800"],
            (await ListAsync(Jobs)).Select(j => j["metadata"]!["name"]!.GetValue<string>())
        );
    }

    [Theory]
    [InlineData("Allow", 2, 2)]
    [InlineData("Forbid", 1, 1)]
    [InlineData("Replace", 1, 1)]
    public async Task A_CronJob_follows_its_concurrency_policy(string policy, int jobs, int active)
    {
        await CreateCronJobAsync("sleep", $"\"concurrencyPolicy\":\"{policy}\",");

        Advance(TimeSpan.FromMinutes(11));

        var all = await ListAsync(Jobs);
        Assert.Equal(jobs, all.Length);
        Assert.Equal(policy == "Forbid" ? "app-29453765" : "app-29453770", all[^1]["metadata"]!["name"]!.GetValue<string>());
        Assert.Equal(active, (await _api.GetAsync($"{CronJobs}/app")).Ok()["status"]!["active"]!.AsArray().Count);
    }

    [Fact]
    public async Task A_Job_retries_with_increasing_delays_up_to_its_backoff_limit()
    {
        JsonObject job = new()
        {
            ["metadata"] = new JsonObject { ["name"] = "app" },
            ["spec"] = new JsonObject { ["backoffLimit"] = 2, ["template"] = Template("crash") },
        };
        (await _api.PostAsync(Jobs, job)).Ok();
        List<int> failures = [];
        foreach (var seconds in (int[])[5, 10, 20])
        {
            Advance(TimeSpan.FromSeconds(seconds));
            failures.Add((await _api.GetAsync($"{Jobs}/app")).Ok()["status"]!["failed"]!.GetValue<int>());
        }

        Assert.Equal([1, 2, 3], failures);
        var condition = (await _api.GetAsync($"{Jobs}/app")).Ok()["status"]!["conditions"]![0]!;
        Assert.Equal(("Failed", "BackoffLimitExceeded"), (condition["type"]!.GetValue<string>(), condition["reason"]!.GetValue<string>()));
    }

    [Fact]
    public async Task A_Job_fails_at_its_deadline_and_is_deleted_after_its_time_to_live()
    {
        JsonObject job = new()
        {
            ["metadata"] = new JsonObject { ["name"] = "app" },
            ["spec"] = new JsonObject
            {
                ["activeDeadlineSeconds"] = 30,
                ["ttlSecondsAfterFinished"] = 60,
                ["template"] = Template("sleep"),
            },
        };
        (await _api.PostAsync(Jobs, job)).Ok();
        Advance(TimeSpan.FromSeconds(29));
        Assert.Equal(1, (await _api.GetAsync($"{Jobs}/app")).Ok()["status"]!["active"]!.GetValue<int>());

        Advance(TimeSpan.FromSeconds(3));
        var condition = (await _api.GetAsync($"{Jobs}/app")).Ok()["status"]!["conditions"]![0]!;
        Assert.Equal(("Failed", "DeadlineExceeded"), (condition["type"]!.GetValue<string>(), condition["reason"]!.GetValue<string>()));
        Assert.Empty(await ListAsync("/api/v1/namespaces/default/pods"));

        Advance(TimeSpan.FromSeconds(61));
        (await _api.GetAsync($"{Jobs}/app")).Fails(404, "NotFound");
    }

    private static JsonObject Template(string tag) =>
        JsonNode
            .Parse(
                $$$"""
                {"spec":{"restartPolicy":"Never","containers":[{"name":"main","image":"r.example/app:{{{tag}}}"}]}}
                """
            )!
            .AsObject();

    private async Task CreateCronJobAsync(string tag, string spec)
    {
        var cron = JsonNode
            .Parse($$$"""{"metadata":{"name":"app"},"spec":{ {{{spec}}}"schedule":"*/5 * * * *","jobTemplate":{"spec":{} } } }""")!
            .AsObject();
        cron["spec"]!["jobTemplate"]!["spec"]!["template"] = Template(tag);
        (await _api.PostAsync(CronJobs, cron)).Ok();
    }

    private async Task PatchAsync(string patch) =>
        (await _api.PatchAsync($"{CronJobs}/app", ApiClient.MergePatch, JsonNode.Parse(patch)!)).Ok();

    private async Task<JsonObject[]> ListAsync(string path) =>
        [.. (await _api.GetAsync(path)).Ok()["items"]!.AsArray().Select(i => i!.AsObject())];

    private void Advance(TimeSpan time)
    {
        for (var done = TimeSpan.Zero; done < time; done += TimeSpan.FromMilliseconds(50))
            _time.Advance(TimeSpan.FromMilliseconds(50));
    }
}
