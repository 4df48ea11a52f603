using CsCheck;
using CvManager.Registries.Oci;
using Xunit;

namespace CvManager.Unit.Registries.Oci;

/// <summary>The challenge and Link headers of registries, in spellings of real servers.</summary>
public sealed class HeaderTests
{
    private const string Realm = "https://auth.test/token";

    [Theory]
    [InlineData("Bearer realm=\"R\",service=\"reg\",scope=\"repository:app:pull\"")]
    [InlineData("bearer realm=\"R\",service=\"reg\",scope=\"repository:app:pull\"")]
    [InlineData("BEARER REALM=\"R\",Service=\"reg\",SCOPE=\"repository:app:pull\"")]
    [InlineData("Bearer realm=R,service=reg,scope=repository:app:pull")]
    [InlineData("Bearer realm = \"R\" , service = \"reg\" , scope = \"repository:app:pull\"")]
    [InlineData("Bearer realm=\"R\"; service=\"reg\"; scope=\"repository:app:pull\"")]
    [InlineData("Bearer realm=\"R\" service=\"reg\" scope=\"repository:app:pull\"")]
    [InlineData("Bearer realm='R',service='reg',scope='repository:app:pull'")]
    [InlineData("  Bearer   realm=\"R\",,service=\"reg\",scope=\"repository:app:pull\",")]
    [InlineData("Basic realm=\"x, y\", Bearer realm=\"R\",service=\"reg\",scope=\"repository:app:pull\"")]
    [InlineData("Negotiate, Bearer realm=\"R\",service=\"reg\",scope=\"repository:app:pull\"")]
    [InlineData("Negotiate YIIabc==, Bearer realm=\"R\",service=\"reg\",scope=\"repository:app:pull\"")]
    [InlineData("Bearer error=\"a \\\"quoted\\\" thing, really\",realm=\"R\",service=\"reg\",scope=\"repository:app:pull\"")]
    [InlineData("Bearer realm=\"R\",service=\"reg\",scope=\"repository:app:pull")]
    public void Challenges_in_all_spellings_are_parsed(string line)
    {
        var challenge = Assert.Single(
            Challenge.ParseAll([
                line.Replace("R", Realm, StringComparison.Ordinal)
                    .Replace("BEA" + Realm + "E" + Realm, "BEARER", StringComparison.Ordinal)
                    .Replace(Realm + "EALM", "REALM", StringComparison.Ordinal),
            ]),
            c => c.IsBearer
        );

        Assert.Equal((Realm, "reg", "repository:app:pull"), (challenge["realm"], challenge["service"], challenge["scope"]));
        // Also for the next repository.
        Assert.Equal(
            (Realm, "reg", null),
            (challenge.OfRegistry()["realm"], challenge.OfRegistry()["service"], challenge.OfRegistry()["scope"])
        );
    }

    [Theory]
    [InlineData("\"\"", "", "")]
    [InlineData("\"a, b\", c", "a, b", ", c")]
    [InlineData("\"say \\\"a\\\" \\\\ \\x\";", "say \"a\" \\ x", ";")]
    [InlineData("\"no end", "no end", "")]
    [InlineData("\"no end\\", "no end\\", "")]
    [InlineData("\"", "", "")]
    public void A_quoted_string_ends_at_its_closing_quote(string text, string value, string rest)
    {
        var at = 2;
        var line = "x=" + text;

        Assert.Equal(value, HeaderText.Quoted(line, ref at));
        Assert.Equal(rest, line[at..]);
    }

    [Fact]
    public void An_unquoted_URL_is_read_completely() =>
        Assert.Equal(
            $"{Realm}?tenant=blue&x=1",
            Assert.Single(Challenge.ParseAll([$"Bearer realm={Realm}?tenant=blue&x=1,service=reg"]))["realm"]
        );

    [Theory]
    [InlineData("</p?last=b>; rel=\"next\"")]
    [InlineData("</p?last=b>; rel=next")]
    [InlineData("</p?last=b>;REL=NEXT")]
    [InlineData("</p?last=b>; rel='next'")]
    [InlineData("</p?last=b>; rel=\"next last\"")]
    [InlineData("</p?last=b>; rel=\"prev  next\"")]
    [InlineData("/p?last=b; rel=\"next\"")]
    [InlineData("</p>; rel=\"first\", </p?last=b>; rel=\"next\"")]
    [InlineData("</p,x<y>; rel=first, </p?last=b> ; rel = next ; type=\"application/json\"")]
    [InlineData("</p?last=b>; title=\"x, <y>; rel=\\\"prev\\\"\"; rel=\"next\"")]
    [InlineData("<https://docs.test/>; rel=\"service-doc\"|</p?last=b>; rel=\"next\"")]
    [InlineData("|</p?last=b>; rel=\"next\"")]
    public void Links_to_the_next_page_in_all_spellings_are_parsed(string lines) =>
        Assert.Equal("/p?last=b", LinkHeader.Next(lines.Split('|')));

    [Theory]
    [InlineData("")]
    [InlineData("</p>; rel=\"first\"")]
    [InlineData("</p>; rel=\"nextish\"")]
    [InlineData("</p>; rel=\"first\"; rel=\"next\"")]
    [InlineData("</p>; title=\"rel=next\"")]
    [InlineData("</p>")]
    public void Other_links_are_not_the_next_page(string line) => Assert.Null(LinkHeader.Next([line]));

    [Theory]
    [InlineData("nonsense")]
    [InlineData("</p; rel=\"next\"")]
    [InlineData("<>; rel=\"next\"")]
    [InlineData("</p> rel=\"next\"")]
    public void An_invalid_link_is_not_the_end_of_a_list(string line) => Assert.Throws<FormatException>(() => LinkHeader.Next([line]));

    [Fact]
    public void Random_headers_are_read_to_their_end()
    {
        string[] parts =
        [
            "Bearer",
            "Basic",
            " ",
            "\t",
            ",",
            ";",
            "=",
            "\"",
            "\\",
            "<",
            ">",
            "realm",
            "rel",
            "next",
            "https://x",
            "'",
            "\u001b",
            "\u00e9",
            "a",
        ];
        Gen.Int[0, parts.Length - 1]
            .Array[0, 24]
            .Select(indexes => string.Concat(indexes.Select(i => parts[i])))
            .Sample(
                line =>
                {
                    foreach (var challenge in Challenge.ParseAll([line]))
                        Assert.NotEmpty(challenge.Scheme);
                    try
                    {
                        LinkHeader.Next([line]);
                    }
                    catch (FormatException)
                    {
                        // An error of the registry, not a partial list.
                    }
                },
                iter: 5_000
            );
    }
}
