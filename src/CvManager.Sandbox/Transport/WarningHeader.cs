namespace CvManager.Sandbox.Transport;

/// <summary>Formats Warning headers (RFC 7234 section 5.5) with code 299, as the API server does.</summary>
internal static class WarningHeader
{
    public static string Format(string text) =>
        $"299 - \"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
