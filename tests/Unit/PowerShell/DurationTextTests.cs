using CvManager.PowerShell;
using Xunit;

namespace CvManager.Unit.PowerShell;

public sealed class DurationTextTests
{
    [Theory]
    [InlineData(0, "0s")]
    [InlineData(0.25, "250ms")]
    [InlineData(5, "5s")]
    [InlineData(90, "1m30s")]
    [InlineData(300, "5m")]
    [InlineData(5400, "1h30m")]
    [InlineData(86400, "1d")]
    [InlineData(90061.5, "1d1h1m1s500ms")]
    public void A_duration_is_text_that_parameters_accept(double seconds, string expected)
    {
        var text = DurationText.Of(TimeSpan.FromSeconds(seconds));

        Assert.Equal(expected, text);
        Assert.Equal(TimeSpan.FromSeconds(seconds), TimeSpanTransformationAttribute.Read(text));
    }
}
