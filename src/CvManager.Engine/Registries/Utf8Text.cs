using System.Text;

namespace CvManager.Registries;

/// <summary>Handles byte order marks of files and responses.</summary>
internal static class Utf8Text
{
    /// <summary>The text without a UTF-8 byte order mark.</summary>
    public static ReadOnlySpan<byte> WithoutMark(ReadOnlySpan<byte> text) =>
        text.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]) ? text[3..] : text;

    /// <summary>The text as UTF-8; converts UTF-16 with a byte order mark (the output of <c>&gt;</c> in Windows PowerShell).</summary>
    public static ReadOnlySpan<byte> Of(ReadOnlySpan<byte> text) =>
        text.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE]) ? Encoding.UTF8.GetBytes(Encoding.Unicode.GetString(text[2..]))
        : text.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF]) ? Encoding.UTF8.GetBytes(Encoding.BigEndianUnicode.GetString(text[2..]))
        : WithoutMark(text);
}
