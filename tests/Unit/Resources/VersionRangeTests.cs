using CvManager.Resources;
using Xunit;

namespace CvManager.Unit.Resources;

public sealed class VersionRangeTests
{
    [Theory]
    [InlineData(">=1.0.0", "2021.12.1 2022.01.1 2022.04.3 latest", "2022.04.3")]
    [InlineData(">=2024", "2024.1.15 2024.01.16 2024.10.1", "2024.10.1")]
    [InlineData(">=22", "22.04 24.04 23.10", "24.04")]
    [InlineData(">=2.0.300-0", "2.0.330-63-gc1cfb6864 2.0.299", "2.0.330-63-gc1cfb6864")]
    [InlineData(">=v0.0.1-0", "v1.0.1-rc.9 v1.0.1-rc.10", "v1.0.1-rc.10")]
    [InlineData(">=1.0.0-0 <2", "1.9.0 2.0.0-alpha", "1.9.0")]
    [InlineData("3.12.*", "3.9.1-1 3.12.0-1 3.12.0-2 3.11.9-1", "3.12.0-2")]
    [InlineData("^1.2", "1.2.3 1.2.4_build.7 1.2.4_build.8", "1.2.4_build.8")]
    [InlineData("~12.5", "12.5.5.200 12.5.5.201 12.5.5.99", "12.5.5.201")]
    [InlineData(">=1.0.0", "1.0.20240115093000 1.0.20240116080000 1.0.7", "1.0.20240116080000")]
    [InlineData(">=1.0.0", "1.4.2 20240115 12345678", "1.4.2")]
    [InlineData("^1", "v1.2.3 1.2.3", "1.2.3")]
    [InlineData("^1", "1.9 1.10", "1.10")]
    [InlineData(">=1.0.0, <2.0.0", "1.5.0 2.1.0", "1.5.0")]
    [InlineData("^v1.2.0", "v1.3.0 v2.0.0", "v1.3.0")]
    [InlineData("^1", "1.4.0 1.4.0-amd64 1.4.0-arm64 1.5.0-alpine", "1.4.0")]
    public void Tags_are_ordered_by_their_versioning_scheme(string range, string tags, string highest)
    {
        Assert.True(VersionRange.TryParse(range, out var parsed));

        Assert.Equal(highest, parsed.Highest(tags.Split(' '), out _));
    }

    [Theory]
    [InlineData("^1", "1.4.0-rc.1 0.9.0", "1.4.0-rc.1")]
    [InlineData("^1", "2.0.0 2.1.0", "2.1.0")]
    [InlineData("^1", "latest main-7", "'v'")]
    public void The_reason_for_no_tag_in_the_range_includes_what_was_excluded(string range, string tags, string reason)
    {
        Assert.True(VersionRange.TryParse(range, out var parsed));

        Assert.Null(parsed.Highest(tags.Split(' '), out var why));
        Assert.Contains(reason, why, StringComparison.Ordinal);
    }
}
