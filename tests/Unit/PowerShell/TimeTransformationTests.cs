using System.Management.Automation;
using CvManager.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell;

public sealed class TimeTransformationTests
{
    [Theory]
    [InlineData("12:30")]
    [InlineData("2026-03-01T12:30:00Z")]
    public void A_time_is_left_to_PowerShell(string text) => Assert.Same(text, new TimeTransformationAttribute().Transform(null!, text));

    [Theory]
    [InlineData("yesterday")]
    [InlineData("5x")]
    [InlineData("25:99")]
    public void Text_that_is_neither_a_time_nor_a_duration_is_rejected(string text) =>
        Assert.Throws<ArgumentTransformationMetadataException>(() => new TimeTransformationAttribute().Transform(null!, text));

    [Fact]
    public void A_duration_is_the_time_that_long_ago()
    {
        var before = TimeProvider.System.GetUtcNow();

        var time = (DateTimeOffset)new TimeTransformationAttribute().Transform(null!, new PSObject("90m"));

        Assert.InRange(time + TimeSpan.FromMinutes(90), before, TimeProvider.System.GetUtcNow());
    }
}
