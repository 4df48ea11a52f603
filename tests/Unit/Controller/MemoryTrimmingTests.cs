using CvManager.Controller;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Controller;

public sealed class MemoryTrimmingTests
{
    [Fact]
    public async Task Memory_is_returned_a_minute_after_the_start_and_every_ten_minutes_until_the_end()
    {
        FakeTimeProvider time = new();
        using CancellationTokenSource stop = new();
        var collections = 0;
        var running = MemoryTrimming.RunAsync(time, () => collections++, stop.Token);

        time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(0, collections);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, collections);
        time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(2, collections);

        await stop.CancelAsync();
        await running;
        time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(2, collections);
    }
}
