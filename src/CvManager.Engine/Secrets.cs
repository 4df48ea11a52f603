using System.Net;
using System.Text;
using System.Text.Encodings.Web;

namespace CvManager;

/// <summary>Secrets that were sent to a remote side, in all encodings in which it may echo them. Prints none of them.</summary>
public sealed class Secrets
{
    /// <summary>The replacement text.</summary>
    public const string Hidden = "***";

    /// <summary>Shorter secrets are only hidden as separate words: a password "a" occurs in many words.</summary>
    private const int ShortForm = 6;

    private readonly string[] _forms;

    /// <param name="secrets">Passwords and tokens; null and empty values are ignored.</param>
    public Secrets(params string?[] secrets)
    {
        ArgumentNullException.ThrowIfNull(secrets);
        // Longest first: a shorter one may be a part of it.
        _forms =
        [
            .. secrets
                .Where(s => !string.IsNullOrEmpty(s))
                .SelectMany(s => FormsOf(s!))
                .Distinct(StringComparer.OrdinalIgnoreCase)
                .OrderByDescending(f => f.Length),
        ];
    }

    private Secrets(Secrets one, Secrets other) =>
        _forms = [.. one._forms.Concat(other._forms).Distinct(StringComparer.OrdinalIgnoreCase).OrderByDescending(f => f.Length)];

    public static Secrets None { get; } = new();

    /// <summary>A password, by itself and as sent by HTTP basic authentication.</summary>
    public static Secrets OfLogin(string userName, string password) =>
        string.IsNullOrEmpty(password) ? None : new($"{userName}:{password}", password);

    public Secrets With(Secrets other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return other._forms.Length == 0 ? this : new Secrets(this, other);
    }

    public override string ToString() => Counted.Of(_forms.Length, "form");

    /// <param name="cut">True if the text is truncated: its end may be the beginning of a secret.</param>
    internal string Hide(string text, bool cut = false)
    {
        foreach (var form in _forms)
            text = form.Length >= ShortForm ? text.Replace(form, Hidden, StringComparison.OrdinalIgnoreCase) : HideWord(text, form);
        return cut && _forms.Length > 0 ? text[..^Math.Min(text.Length, _forms[0].Length)] : text;
    }

    private static string HideWord(string text, string form)
    {
        var at = 0;
        while ((at = text.IndexOf(form, at, StringComparison.OrdinalIgnoreCase)) >= 0)
        {
            var end = at + form.Length;
            var word = (at == 0 || !char.IsLetterOrDigit(text[at - 1])) && (end == text.Length || !char.IsLetterOrDigit(text[end]));
            if (word)
                text = string.Concat(text.AsSpan(0, at), Hidden, text.AsSpan(end));
            at += word ? Hidden.Length : 1;
        }

        return text;
    }

    private static IEnumerable<string> FormsOf(string secret)
    {
        var bytes = Encoding.UTF8.GetBytes(secret);
        var base64 = Convert.ToBase64String(bytes);
        yield return secret;
        yield return base64;
        yield return base64.TrimEnd('=');
        yield return base64.TrimEnd('=').Replace('+', '-').Replace('/', '_');
        yield return Uri.EscapeDataString(base64);
        yield return Uri.EscapeDataString(secret);
        yield return WebUtility.UrlEncode(secret);
        yield return WebUtility.HtmlEncode(secret);
        yield return JavaScriptEncoder.Default.Encode(secret);
        yield return JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(secret);
        yield return Convert.ToHexString(bytes);
    }
}
