namespace CvManager.Registries.Oci;

/// <summary>The <c>Link</c> header of a page (RFC 8288).</summary>
internal static class LinkHeader
{
    /// <summary>Where the next page is; null where this is the last one.</summary>
    /// <exception cref="FormatException">There is a header, but nothing can be made of it.</exception>
    public static string? Next(string? header)
    {
        if (string.IsNullOrWhiteSpace(header))
            return null;
        int at = 0;
        while (at < header.Length)
        {
            int open = header.IndexOf('<', at);
            int close = open < 0 ? -1 : header.IndexOf('>', open);
            if (close < 0)
                throw new FormatException("no address in angle brackets");
            // The parameters go on to the comma in front of the next address, if there is one.
            int end = header.IndexOf('<', close);
            string[] parameters = header[(close + 1)..(end < 0 ? header.Length : end)].Split(';', StringSplitOptions.TrimEntries);
            if (parameters.Any(p => p.TrimEnd(',', ' ').Replace("\"", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal)
                    .Equals("rel=next", StringComparison.OrdinalIgnoreCase)))
                return header[(open + 1)..close];
            at = end < 0 ? header.Length : end;
        }

        return null;
    }
}
