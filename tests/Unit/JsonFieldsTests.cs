using System.Text.Json.Nodes;
using Xunit;

namespace CvManager.Unit;

public sealed class JsonFieldsTests
{
    [Theory]
    [InlineData("7", 7, 7L)]
    [InlineData("-1", -1, -1L)]
    [InlineData("2147483648", null, 2147483648L)]
    [InlineData("9223372036854775807", null, long.MaxValue)]
    [InlineData("9223372036854775808", null, 0L)]
    [InlineData("1.5", null, 0L)]
    [InlineData("1e400", null, 0L)]
    [InlineData("\"7\"", null, 0L)]
    [InlineData("null", null, 0L)]
    [InlineData("{}", null, 0L)]
    [InlineData("[7]", null, 0L)]
    public void A_number_that_is_not_an_integer_in_range_is_missing(string json, int? number, long value)
    {
        var node = JsonNode.Parse($$"""{"spec":{"replicas":{{json}}} }""");

        Assert.Equal(number, node.Number("spec", "replicas"));
        Assert.Equal(value, node.Long("spec", "replicas"));
    }

    [Fact]
    public void A_number_without_a_parsed_value_is_supported()
    {
        JsonObject node = new() { ["int"] = 7, ["long"] = 8L };

        Assert.Equal((7, 8, 7L, 8L), (node.Number("int"), node.Number("long"), node.Long("int"), node.Long("long")));
    }

    [Theory]
    [InlineData("7")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("null")]
    public void A_path_through_another_type_is_missing(string json)
    {
        var node = JsonNode.Parse($$"""{"status":{{json}}}""");

        Assert.Null(node.Text("status", "name"));
        Assert.Empty(node.Items("status", "conditions"));
        Assert.Empty(node.Map("status", "labels"));
        Assert.False(node.Flag("status", "paused"));
    }
}
