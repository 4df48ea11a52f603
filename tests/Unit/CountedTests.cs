using Xunit;

namespace CvManager.Unit;

public sealed class CountedTests
{
    [Theory]
    [InlineData(0, "0 tags")]
    [InlineData(1, "1 tag")]
    [InlineData(2, "2 tags")]
    [InlineData(12345, "12345 tags")]
    public void A_noun_agrees_with_its_count(long count, string expected) => Assert.Equal(expected, Counted.Of(count, "tag"));

    [Fact]
    public void A_plural_can_be_irregular() => Assert.Equal("3 entries", Counted.Of(3, "entry", "entries"));
}
