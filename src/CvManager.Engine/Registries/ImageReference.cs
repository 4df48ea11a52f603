using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace CvManager.Registries;

/// <summary>
/// An image reference as in a pod template: <c>[host[:port]/]path[:tag][@digest]</c>, in the reference grammar of the distribution project.
/// </summary>
public sealed partial record ImageReference
{
    /// <param name="repository">The repository of the image.</param>
    /// <param name="tag">Null if there is only a digest, or neither (which means <c>latest</c>).</param>
    /// <param name="digest">Null if there is none.</param>
    /// <exception cref="CvException"><c>ImageReferenceInvalid</c>.</exception>
    public ImageReference(ImageRepository repository, string? tag, string? digest)
    {
        ArgumentNullException.ThrowIfNull(repository);
        if ((tag is not null && !IsTag(tag)) || (digest is not null && !IsDigest(digest)))
            throw Invalid($"{repository}{(tag is null ? "" : ":" + tag)}{(digest is null ? "" : "@" + digest)}");
        Repository = repository;
        Tag = tag;
        Digest = digest;
    }

    /// <summary>Host and port.</summary>
    public string Registry => Repository.Registry;

    public ImageRepository Repository { get; }

    public string? Tag { get; }

    /// <summary><c>sha256:…</c>.</summary>
    public string? Digest { get; }

    /// <exception cref="CvException"><c>ImageReferenceInvalid</c>.</exception>
    public static ImageReference Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return TryParse(text, out var reference) ? reference : throw Invalid(text);
    }

    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out ImageReference? reference)
    {
        reference = null;
        if (string.IsNullOrEmpty(text))
            return false;

        string? digest = null;
        string? tag = null;
        var name = text;
        var at = name.IndexOf('@', StringComparison.Ordinal);
        if (at >= 0)
        {
            digest = name[(at + 1)..];
            name = name[..at];
        }

        // A colon before the last slash belongs to the port.
        var colon = name.LastIndexOf(':');
        if (colon > name.LastIndexOf('/'))
        {
            tag = name[(colon + 1)..];
            name = name[..colon];
        }

        if (
            (tag is not null && !IsTag(tag))
            || (digest is not null && !IsDigest(digest))
            || !ImageRepository.TryParse(name, out var repository)
        )
            return false;
        reference = new ImageReference(repository, tag, digest);
        return true;
    }

    /// <summary>True for a valid tag: 1 to 128 letters, digits, <c>_</c>, <c>.</c> or <c>-</c>, not starting with a dot or dash.</summary>
    public static bool IsTag([NotNullWhen(true)] string? text) => text is not null && TagPattern().IsMatch(text);

    /// <summary>True for a supported digest: <c>sha256:</c> and 64 or <c>sha512:</c> and 128 lower-case hexadecimal digits.</summary>
    public static bool IsDigest([NotNullWhen(true)] string? text) => text is not null && DigestPattern().IsMatch(text);

    public override string ToString() =>
        (Tag, Digest) switch
        {
            (null, null) => $"{Repository}",
            (null, _) => $"{Repository}@{Digest}",
            (_, null) => $"{Repository}:{Tag}",
            _ => $"{Repository}:{Tag}@{Digest}",
        };

    private static CvException Invalid(string text) =>
        new(
            ErrorIds.ImageReferenceInvalid,
            CvErrorKind.Invalid,
            $"'{text}' is not a valid image reference.",
            "Use [host[:port]/]path[:tag][@digest], for example 'registry.example.com:5000/team/app:1.4.2'."
        )
        {
            Target = text,
        };

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\z", RegexOptions.CultureInvariant)]
    private static partial Regex TagPattern();

    [GeneratedRegex(@"\A(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})\z", RegexOptions.CultureInvariant)]
    private static partial Regex DigestPattern();
}
