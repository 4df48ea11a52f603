using System.Text;

namespace CvManager.Registries;

/// <summary>Files and answers that say their own encoding.</summary>
internal static class Utf8Text
{
    /// <summary>The text without the mark that editors of Windows put at its beginning.</summary>
    public static ReadOnlySpan<byte> WithoutMark(ReadOnlySpan<byte> text) => text.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]) ? text[3..] : text;

    /// <summary>The text in UTF-8, where it is that or, by its mark, UTF-16 (what Windows PowerShell's <c>&gt;</c> writes).</summary>
    public static ReadOnlySpan<byte> Of(ReadOnlySpan<byte> text) =>
        text.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE]) ? Encoding.UTF8.GetBytes(Encoding.Unicode.GetString(text[2..]))
        : text.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF]) ? Encoding.UTF8.GetBytes(Encoding.BigEndianUnicode.GetString(text[2..]))
        : WithoutMark(text);
}
