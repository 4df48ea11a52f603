namespace CvManager.Registries.Oci;

/// <summary>The <c>Link</c> header of a page (RFC 8288).</summary>
internal static class LinkHeader
{
    private const int MaxAddressLength = 8 * 1024;

    /// <summary>The target of the first link with the relation "next"; null on the last page.</summary>
    /// <exception cref="FormatException">A header is not valid, so that a next page may be missed.</exception>
    public static string? Next(IEnumerable<string> lines)
    {
        foreach (var line in lines)
        {
            var at = 0;
            while (SkipTo(line, ref at))
            {
                var address = Address(line, ref at);
                if (!IsNext(line, ref at))
                    continue;
                return address.Length is > 0 and <= MaxAddressLength ? address : throw new FormatException("invalid link target");
            }
        }

        return null;
    }

    /// <summary>Skips to the next link; false at the end of the line.</summary>
    private static bool SkipTo(string line, ref int at)
    {
        while (at < line.Length && line[at] is ' ' or '\t' or ',')
            at++;
        return at < line.Length;
    }

    /// <summary>The target in angle brackets, which some servers omit.</summary>
    private static string Address(string line, ref int at)
    {
        var start = at;
        var bracketed = line[at] == '<';
        var end = bracketed ? line.IndexOf('>', at) : line.IndexOf(';', at);
        if (end < 0)
            throw new FormatException("unterminated link target");
        at = bracketed ? end + 1 : end;
        return line[(bracketed ? start + 1 : start)..end].Trim();
    }

    /// <summary>Reads the parameters of one link up to the following comma.</summary>
    private static bool IsNext(string line, ref int at)
    {
        bool? next = null;
        while (true)
        {
            HeaderText.SkipSpace(line, ref at);
            if (at >= line.Length || line[at] == ',')
                return next ?? false;
            if (line[at] != ';')
                throw new FormatException("expected a link parameter");
            at++;
            HeaderText.SkipSpace(line, ref at);
            var name = Token(line, ref at);
            HeaderText.SkipSpace(line, ref at);
            var value = "";
            if (at < line.Length && line[at] == '=')
            {
                at++;
                HeaderText.SkipSpace(line, ref at);
                value = at < line.Length && line[at] == '"' ? HeaderText.Quoted(line, ref at) : Token(line, ref at);
            }

            // The first one counts (RFC 8288, 3.3); it may name several relations.
            if (next is null && name.Equals("rel", StringComparison.OrdinalIgnoreCase))
                next = value.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries).Contains("next", StringComparer.OrdinalIgnoreCase);
        }
    }

    private static string Token(string line, ref int at) => HeaderText.Until(line, ref at, " \t,;=").Trim('\'');
}
