namespace CvManager.Sandbox.Http;

/// <summary>RFC 7234 section 5.5 with the code 299 that the API server uses.</summary>
internal static class WarningHeader
{
    public static string Format(string text) =>
        $"299 - \"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
