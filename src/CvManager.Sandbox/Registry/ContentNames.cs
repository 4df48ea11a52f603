using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace CvManager.Sandbox.Registry;

/// <summary>The grammars of names and tags (distribution specification, "Pulling manifests") and digests (image specification).</summary>
internal static partial class ContentNames
{
    public static bool IsRepository(string text) => text.Length <= 255 && Repository().IsMatch(text);

    public static bool IsTag(string text) => Tag().IsMatch(text);

    /// <summary>A well-formed digest of a supported algorithm.</summary>
    public static bool IsDigest(string text) => Digest().IsMatch(text);

    public static string Sha256(ReadOnlySpan<byte> content) => "sha256:" + Hex(SHA256.HashData(content));

    public static bool Matches(string digest, ReadOnlySpan<byte> content) =>
        digest == (digest.StartsWith("sha512:", StringComparison.Ordinal) ? "sha512:" + Hex(SHA512.HashData(content)) : Sha256(content));

#pragma warning disable CA1308 // Digests are lower case.
    private static string Hex(byte[] hash) => Convert.ToHexString(hash).ToLowerInvariant();
#pragma warning restore CA1308

    [GeneratedRegex(
        @"\A[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*\z",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture
    )]
    private static partial Regex Repository();

    [GeneratedRegex(@"\A[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Tag();

    [GeneratedRegex(@"\A(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Digest();
}
