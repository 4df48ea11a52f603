using System.Text.Json.Nodes;
using CvManager.Resources;
using Xunit;

namespace CvManager.Unit.Resources;

/// <summary>YAML that is written is read as the same JSON.</summary>
public sealed class YamlWriterTests
{
    [Theory]
    [InlineData("demo")]
    [InlineData("1.10")]
    [InlineData("1e10")]
    [InlineData("0x1f")]
    [InlineData("0123")]
    [InlineData("12:30:45")]
    [InlineData("2026-11-25")]
    [InlineData("yes")]
    [InlineData("No")]
    [InlineData("null")]
    [InlineData("~")]
    [InlineData("")]
    [InlineData(" a ")]
    [InlineData("a: b")]
    [InlineData("a #b")]
    [InlineData("- a")]
    [InlineData("{cvapp: myapp}")]
    [InlineData("^(v[0-9]+)\\.x$")]
    [InlineData("two\nlines\n")]
    [InlineData("tab\t quote \" ' \\ end")]
    [InlineData("r.example:5000/team/app")]
    [InlineData("\u001b[31m \u00e9 \ud83d\ude80")]
    public void Text_stays_text(string text)
    {
        JsonObject document = new() { [text.Length > 0 ? text : "empty"] = text, ["list"] = new JsonArray(text, text) };

        Assert.True(JsonNode.DeepEquals(document, Assert.Single(YamlDocuments.Read(YamlWriter.Write(document)))));
    }

    [Theory]
    [InlineData("""{"a":1,"b":-2,"c":true,"d":false,"e":[],"f":{},"g":[{"h":[1,[2]]},{}],"i":{"j":{"k":"l"}}}""")]
    [InlineData("""{"n":null}""")]
    public void Structure_is_kept(string json)
    {
        var document = JsonNode.Parse(json)!;

        Assert.True(JsonNode.DeepEquals(document, Assert.Single(YamlDocuments.Read(YamlWriter.Write(document)))));
    }

    /// <summary>kubectl reads YAML 1.1, in which more words are not text than in 1.2.</summary>
    [Theory]
    [InlineData("yes")]
    [InlineData("off")]
    [InlineData("Y")]
    [InlineData("1_000")]
    [InlineData("190:20:30")]
    [InlineData(".5")]
    [InlineData("=")]
    public void Text_that_YAML_1_1_takes_for_something_else_is_quoted(string text) =>
        Assert.EndsWith($": \"{text}\"\n", YamlWriter.Write(new JsonObject { ["a"] = text }), StringComparison.Ordinal);

    [Fact]
    public void Documents_can_be_joined() =>
        Assert.Equal(
            2,
            YamlDocuments.Read(YamlWriter.Write(new JsonObject { ["a"] = 1 }) + YamlWriter.Write(new JsonObject { ["b"] = 2 })).Count
        );
}
