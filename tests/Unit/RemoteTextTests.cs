using System.Globalization;
using System.Net;
using System.Text;
using Xunit;

namespace CvManager.Unit;

/// <summary>Remote text in messages.</summary>
public sealed class RemoteTextTests
{
    private const string Password = "S3cr+t/päss \"word\"";

    public static TheoryData<string> FormsOfALogin()
    {
        var pair = Convert.ToBase64String(Encoding.UTF8.GetBytes("robot:" + Password));
        var alone = Convert.ToBase64String(Encoding.UTF8.GetBytes(Password));
        return
        [
            Password,
            "robot:" + Password,
            pair,
            "Basic " + pair,
            pair.TrimEnd('='),
            pair.Replace('+', '-').Replace('/', '_'),
            alone,
            alone.ToUpperInvariant(),
            Uri.EscapeDataString(Password),
            Uri.EscapeDataString(Password).ToLowerInvariant(),
            WebUtility.UrlEncode(Password),
            WebUtility.HtmlEncode(Password),
            Uri.EscapeDataString(pair),
            System.Text.Json.JsonSerializer.Serialize(Password).Trim('"'),
            Convert.ToHexString(Encoding.UTF8.GetBytes(Password)),
        ];
    }

    [Theory]
    [MemberData(nameof(FormsOfALogin))]
    public void A_secret_is_hidden_in_all_encodings(string form)
    {
        var shown = RemoteText.Show($"denied for <{form}>, really", Secrets.OfLogin("robot", Password));

        Assert.DoesNotContain(form, shown, StringComparison.OrdinalIgnoreCase);
        Assert.StartsWith("denied for <", shown, StringComparison.Ordinal);
        Assert.EndsWith(">, really", shown, StringComparison.Ordinal);
    }

    [Fact]
    public void A_short_secret_is_hidden_only_as_a_separate_word()
    {
        Assert.Equal("a basket, and *** too", RemoteText.Show("a basket, and ask too", new Secrets("ask")));
        Assert.Equal("nothing to hide", RemoteText.Show("nothing to hide", new Secrets("", null)));
    }

    [Theory]
    [InlineData("dial http://me:geheim@proxy:3128 failed", "geheim")]
    [InlineData("you sent Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb2JvdCJ9.c2lnbmF0dXJl to me", "eyJzdWIi")]
    [InlineData("AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=0123456789abcdef0123456789abcdef", "0123456789abcdef")]
    public void Tokens_and_signatures_are_hidden_by_their_format(string text, string secret) =>
        Assert.DoesNotContain(secret, RemoteText.Show(text), StringComparison.Ordinal);

    [Theory]
    [InlineData("\u001b[31mred\u0007\u009b2J", "\\u001b[31mred\\u0007\\u009b2J")]
    [InlineData("one\r\n\ttwo\u2028three\u0085", "one two three ")]
    [InlineData("\u202egnp.exe\u2066\u200b\ufeff\u061c", "\\u202egnp.exe\\u2066\\u200b\\ufeff\\u061c")]
    [InlineData("größe 東京 🙂", "größe 東京 🙂")]
    [InlineData(null, "")]
    public void Control_and_invisible_characters_are_escaped(string? text, string shown) => Assert.Equal(shown, RemoteText.Show(text));

    [Fact]
    public void A_text_is_truncated_at_its_limit_without_showing_part_of_a_secret()
    {
        var secrets = new Secrets("tok-SECRET-bearer-777");
        Assert.Equal(RemoteText.DefaultLimit, RemoteText.Show(new string('x', 200_000)).Length);
        Assert.Equal("🙂…", RemoteText.Show("🙂🙂🙂", limit: 4));
        // The processed part ends within the secret, whatever its prefix.
        for (var before = 0; before < 24; before++)
        {
            var echoes = new string('-', before) + string.Concat(Enumerable.Repeat("tok-SECRET-bearer-777", 10_000));
            Assert.DoesNotContain("SECRET", RemoteText.Show(echoes, secrets, limit: 100_000), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Errors_have_no_control_characters_and_a_limited_length()
    {
        var error = new CvException("X", CvErrorKind.Invalid, "it says \u001b[31m\n" + new string('y', 100_000), "\a", null)
        {
            Target = "a\rb",
        };

        Assert.InRange(error.Message.Length, 1000, 2000);
        Assert.DoesNotContain($"{error.Message}{error.Remedy}{error.Target}", c => char.GetUnicodeCategory(c) == UnicodeCategory.Control);
    }
}
