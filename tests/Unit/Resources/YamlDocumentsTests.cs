using System.Text;
using CvManager.Resources;
using Xunit;

namespace CvManager.Unit.Resources;

public sealed class YamlDocumentsTests
{
    [Fact]
    public void Unquoted_scalars_have_types_and_quoted_ones_are_strings()
    {
        var node = YamlDocuments.Read("{a: 1, b: '1', c: true, d: 'true', e: ~, f: 2026-01-01, g: 12e5}").Single();

        Assert.Equal("""{"a":1,"b":"1","c":true,"d":"true","e":null,"f":"2026-01-01","g":1200000}""", node.ToJsonString());
    }

    [Fact]
    public void Several_documents_are_read_and_empty_ones_skipped() =>
        Assert.Equal(2, YamlDocuments.Read("---\n---\na: 1\n---\n# nothing\n---\nb: 2\n...\n").Count);

    [Fact]
    public void JSON_is_supported() =>
        Assert.Equal("""{"a":[1,{"b":"c"}]}""", YamlDocuments.Read("""{"a": [1, {"b": "c"}]}""").Single().ToJsonString());

    [Theory]
    [InlineData("a: [1, 2")]
    [InlineData("a: 1\na: 2")]
    [InlineData("a: *nowhere")]
    [InlineData("a: b: c")]
    [InlineData("a: .inf")]
    public void Invalid_YAML_is_reported_with_its_position(string text)
    {
        var error = Assert.Throws<CvException>(() => YamlDocuments.Read(text));

        Assert.Equal("ManifestInvalid", error.ErrorId);
        Assert.Matches(@"\b[12]\b", error.Message);
    }

    [Fact]
    public void Aliases_that_expand_to_billions_of_values_are_rejected()
    {
        StringBuilder text = new("a0: &a0 [x]\n");
        for (var i = 1; i < 12; i++)
            text.Append('a')
                .Append(i)
                .Append(": &a")
                .Append(i)
                .Append(" [")
                .AppendJoin(", ", Enumerable.Repeat("*a" + (i - 1), 10))
                .Append("]\n");

        Assert.Equal("ManifestTooLarge", Assert.Throws<CvException>(() => YamlDocuments.Read(text.ToString())).ErrorId);
    }

    [Fact]
    public void A_text_over_the_limit_is_rejected_without_parsing() =>
        Assert.Equal(
            "ManifestTooLarge",
            Assert.Throws<CvException>(() => YamlDocuments.Read(new string(' ', YamlDocuments.MaxTextLength + 1))).ErrorId
        );
}
