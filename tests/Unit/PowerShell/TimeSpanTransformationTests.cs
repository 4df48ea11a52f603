using System.Management.Automation;
using CvManager.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell;

public sealed class TimeSpanTransformationTests
{
    public static TheoryData<object, double> Lengths =>
        new()
        {
            { "5m", 300 },
            { "1h30m", 5400 },
            { "90", 90 },
            { "1.5", 1.5 },
            { "1.5h", 5400 },
            { "2d", 172800 },
            { "500ms", 0.5 },
            { "1m500ms", 60.5 },
            { "10S", 10 },
            { "00:05:00", 300 },
            { "0", 0 },
            { 90, 90 },
            { 0.25, 0.25 },
            { 90L, 90 },
            { TimeSpan.FromMinutes(2), 120 },
            { new PSObject("5m"), 300 },
        };

    [Theory]
    [MemberData(nameof(Lengths))]
    public void A_duration_is_parsed(object given, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), new TimeSpanTransformationAttribute().Transform(null!, given));

    [Theory]
    [InlineData("")]
    [InlineData("soon")]
    [InlineData("5 m")]
    [InlineData("m5")]
    [InlineData("30m1h")]
    [InlineData("-5")]
    [InlineData("-00:05:00")]
    [InlineData("99999999999999d")]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    public void An_invalid_duration_is_rejected_with_the_valid_formats(object given)
    {
        var error = Assert.Throws<ArgumentTransformationMetadataException>(() =>
            new TimeSpanTransformationAttribute().Transform(null!, given)
        );

        Assert.Contains("5m, 1h30m", error.Message, StringComparison.Ordinal);
        Assert.Contains($"'{given}'", error.Message, StringComparison.Ordinal);
    }
}
