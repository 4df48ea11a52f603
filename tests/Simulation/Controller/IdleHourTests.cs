using Xunit;

namespace CvManager.Simulation.Controller;

/// <summary>R12: with nothing to do, nothing is written or logged; a followed tag costs one request per poll.</summary>
public sealed class IdleHourTests : ControllerStage
{
    [Fact]
    public async Task In_an_idle_hour_nothing_is_written_and_each_poll_is_one_request()
    {
        await CreateDeploymentAsync();
        await CreateAsync();
        Start();
        await SettlesAsync("v1");
        MoveTag("v2");
        await SettlesAsync("v2");
        await RunAsync(TimeSpan.FromMinutes(1));
        (var before, var logged, var polled) = (Requests.Count, Log.Events.Count, Polls.Count);
        var poll = (int)(await GetAsync())["spec"]!["pollIntervalSeconds"]!;

        await RunAsync(TimeSpan.FromHours(1));

        Assert.DoesNotContain(Requests.Skip(before), a => a.Permission.Verb is not ("get" or "list" or "watch"));
        Assert.Equal(logged, Log.Events.Count);
        Assert.InRange(Polls.Count - polled, 1, (3600 / poll) + 1);
        // Ended watches are restarted; in addition, the service account with the registry login is read periodically.
        Assert.InRange(Requests.Skip(before).Count(a => a.Permission.Verb is "get" or "list"), 0, 20);
    }
}
