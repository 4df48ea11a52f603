using CvManager.PowerShell;
using CvManager.Support;
using Microsoft.Extensions.Logging;
using Xunit;

namespace CvManager.Unit.PowerShell.CvReconcile;

public sealed class WatchStatusTests
{
    [Theory]
    [InlineData(LogEvents.InitialSyncComplete, "it happened")]
    [InlineData(LogEvents.LeaseAcquired, "it happened")]
    [InlineData(LogEvents.LeaderObserved, "Waiting: it happened")]
    public void What_a_person_waits_for_is_shown_once(int id, string shown)
    {
        List<string> lines = [];
        EventLog log = new();
        WatchStatus status = new(log, lines.Add);

        status.Log(LogLevel.Information, new EventId(id), "it happened", null, (state, _) => state);

        Assert.Equal([shown], lines);
        Assert.Empty(log.Events);
    }

    [Fact]
    public void Other_events_are_logged()
    {
        List<string> lines = [];
        EventLog log = new();
        WatchStatus status = new(log, lines.Add);

        status.Log(LogLevel.Warning, new EventId(LogEvents.WatchFailed), "it happened", null, (state, _) => state);

        Assert.Empty(lines);
        Assert.Single(log.Events);
    }
}
