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
        (var asked, var said, var looks) = (Asked.Count, Log.Events.Count, Looks.Count);
        var poll = (int)(await GetAsync())["spec"]!["pollIntervalSeconds"]!;

        await RunAsync(TimeSpan.FromHours(1));

        Assert.DoesNotContain(Asked.Skip(asked), a => a.Right.Verb is not ("get" or "list" or "watch"));
        Assert.Equal(said, Log.Events.Count);
        Assert.InRange(Looks.Count - looks, 1, (3600 / poll) + 1);
        // Ended watches are restarted; in addition, the service account with the registry login is read periodically.
        Assert.InRange(Asked.Skip(asked).Count(a => a.Right.Verb is "get" or "list"), 0, 20);
    }
}
