namespace CvManager.Registries.Oci;

/// <summary>One challenge of a <c>WWW-Authenticate</c> header (RFC 9110, 11.6.1).</summary>
internal sealed record Challenge(string Scheme, IReadOnlyDictionary<string, string> Parameters)
{
    private const int LongestHeader = 16 * 1024;

    public bool IsBearer => Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase);

    public bool IsBasic => Scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase);

    public string? this[string name] => Parameters.GetValueOrDefault(name);

    /// <summary>
    /// Reads all challenges of all header lines. A comma separates both parameters and challenges: what stands behind one is a parameter
    /// when an equals sign follows its first word, else a scheme. What cannot be read ends the reading of its line.
    /// </summary>
    public static IReadOnlyList<Challenge> ParseAll(IEnumerable<string> lines)
    {
        List<Challenge> all = [];
        foreach (string line in lines)
        {
            if (line.Length <= LongestHeader)
                ParseLine(line, all);
        }

        return all;
    }

    private static void ParseLine(string line, List<Challenge> all)
    {
        int at = 0;
        Dictionary<string, string>? parameters = null;
        while (true)
        {
            SkipSpace(line, ref at, orComma: true);
            string word = Word(line, ref at);
            if (word.Length == 0)
                return;
            int behind = at;
            SkipSpace(line, ref at, orComma: false);
            if (at < line.Length && line[at] == '=' && parameters is not null)
            {
                at++;
                SkipSpace(line, ref at, orComma: false);
                if (Value(line, ref at) is not string value)
                    return;
                parameters[word] = value;
                continue;
            }

            at = behind;
            parameters = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            all.Add(new Challenge(word, parameters));
        }
    }

    private static string? Value(string line, ref int at)
    {
        if (at >= line.Length || line[at] != '"')
            return Word(line, ref at);
        var value = new System.Text.StringBuilder();
        for (at++; at < line.Length; at++)
        {
            if (line[at] == '"')
            {
                at++;
                return value.ToString();
            }

            if (line[at] == '\\' && at + 1 < line.Length)
                at++;
            value.Append(line[at]);
        }

        return null;
    }

    private static string Word(string line, ref int at)
    {
        int start = at;
        while (at < line.Length && line[at] is not (' ' or '\t' or ',' or '=' or '"'))
            at++;
        return line[start..at];
    }

    private static void SkipSpace(string line, ref int at, bool orComma)
    {
        while (at < line.Length && (line[at] is ' ' or '\t' || (orComma && line[at] == ',')))
            at++;
    }
}
