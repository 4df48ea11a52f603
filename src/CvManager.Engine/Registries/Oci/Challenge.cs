namespace CvManager.Registries.Oci;

/// <summary>One challenge of a <c>WWW-Authenticate</c> header (RFC 9110, 11.6.1).</summary>
internal sealed record Challenge(string Scheme, IReadOnlyDictionary<string, string> Parameters)
{
    private const int LongestHeader = 16 * 1024;

    /// <summary>What is answered where the server refuses without saying what it wants.</summary>
    public static Challenge Basic { get; } = new("Basic", new Dictionary<string, string>());

    public bool IsBearer => Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase);

    public bool IsBasic => Scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase);

    public string? this[string name] => Parameters.GetValueOrDefault(name);

    /// <summary>As it is for every repository of the registry: the scope is of one.</summary>
    public Challenge OfRegistry() =>
        this with { Parameters = Parameters.Where(p => p.Key is "realm" or "service").ToDictionary(StringComparer.OrdinalIgnoreCase) };

    /// <summary>
    /// Reads all challenges of all header lines. A comma (and, with some servers, a semicolon or nothing) separates both parameters and
    /// challenges: what stands behind it is a parameter when an equals sign follows its first word, else a scheme.
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
            SkipSeparators(line, ref at);
            string word = HeaderText.Until(line, ref at, " \t,;=\"");
            if (word.Length == 0)
                return;
            int behind = at;
            HeaderText.SkipSpace(line, ref at);
            if (at < line.Length && line[at] == '=' && parameters is not null)
            {
                at++;
                HeaderText.SkipSpace(line, ref at);
                // Names of parameters are in whichever case (RFC 9110, 11.2).
                parameters.TryAdd(word.ToLowerInvariant(), Value(line, ref at));
                continue;
            }

            at = behind;
            // What belongs to no scheme, and the padding of a token, is passed over.
            if (at < line.Length && line[at] is '=' or '"')
                Value(line, ref at);
            parameters = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            all.Add(new Challenge(word, parameters));
        }
    }

    private static string Value(string line, ref int at)
    {
        if (at < line.Length && line[at] == '"')
            return HeaderText.Quoted(line, ref at);
        // Whole, though the grammar wants quotes around an address: to the next separator.
        return HeaderText.Until(line, ref at, " \t,;").Trim('\'');
    }

    private static void SkipSeparators(string line, ref int at)
    {
        while (at < line.Length && line[at] is ' ' or '\t' or ',' or ';')
            at++;
    }
}
