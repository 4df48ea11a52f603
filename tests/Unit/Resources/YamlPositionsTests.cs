using CvManager.Resources;
using Xunit;

namespace CvManager.Unit.Resources;

/// <summary>The positions of fields in manifests.</summary>
public sealed class YamlPositionsTests
{
    private const string Text = """
        # a comment
        kind: A
        spec:
          list:
          - tag: one
          - {tag: two, other: x}
        ---
        ---
        a value
        ---
        {"kind": "B",
          "spec": {"a": 1}}
        """;

    [Theory]
    [InlineData(0, "kind", 2, 1)]
    [InlineData(0, "spec.list[0].tag", 5, 5)]
    [InlineData(0, "spec.list[1]", 6, 5)]
    [InlineData(0, "spec.list[1].other", 6, 16)]
    [InlineData(1, "spec.a", 12, 12)]
    [InlineData(0, "", 2, 1)]
    // Missing fields: the closest one that contains it.
    [InlineData(0, "spec.list[0].missing.deeper", 5, 5)]
    [InlineData(0, "spec.list[7].tag", 4, 3)]
    [InlineData(0, "metadata.name", 2, 1)]
    public void A_field_has_the_position_of_its_key(int document, string field, long line, long column) =>
        Assert.Equal(new TextPosition(line, column), YamlPositions.Read(Text)[document].Find(field));

    [Fact]
    public void Anchors_and_aliases_are_not_expanded()
    {
        var positions = Assert.Single(YamlPositions.Read("a: &x\n  b: 1\nc: *x\n"));

        Assert.Equal(new TextPosition(3, 1), positions.Find("c.b"));
    }
}
