namespace CvManager.Registries.Oci;

/// <summary>One challenge of a <c>WWW-Authenticate</c> header (RFC 9110, 11.6.1).</summary>
internal sealed record Challenge(string Scheme, IReadOnlyDictionary<string, string> Parameters)
{
    private const int MaxHeaderLength = 16 * 1024;

    /// <summary>The default if the server sends no challenge.</summary>
    public static Challenge Basic { get; } = new("Basic", new Dictionary<string, string>());

    public bool IsBearer => Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase);

    public bool IsBasic => Scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase);

    public string? this[string name] => Parameters.GetValueOrDefault(name);

    /// <summary>The challenge without its scope, which is specific to a repository.</summary>
    public Challenge OfRegistry() =>
        this with
        {
            Parameters = Parameters.Where(p => p.Key is "realm" or "service").ToDictionary(StringComparer.OrdinalIgnoreCase),
        };

    /// <summary>
    /// Reads all challenges of all header lines. A comma (with some servers a semicolon or nothing) separates both parameters and
    /// challenges: a word that is followed by an equals sign is a parameter, otherwise a scheme.
    /// </summary>
    public static IReadOnlyList<Challenge> ParseAll(IEnumerable<string> lines)
    {
        List<Challenge> all = [];
        foreach (var line in lines)
        {
            if (line.Length <= MaxHeaderLength)
                ParseLine(line, all);
        }

        return all;
    }

    private static void ParseLine(string line, List<Challenge> all)
    {
        var at = 0;
        Dictionary<string, string>? parameters = null;
        while (true)
        {
            SkipSeparators(line, ref at);
            var word = HeaderText.Until(line, ref at, " \t,;=\"");
            if (word.Length == 0)
                return;
            var after = at;
            HeaderText.SkipSpace(line, ref at);
            if (at < line.Length && line[at] == '=' && parameters is not null)
            {
                at++;
                HeaderText.SkipSpace(line, ref at);
                // Names of parameters are case-insensitive (RFC 9110, 11.2).
                parameters.TryAdd(word.ToLowerInvariant(), Value(line, ref at));
                continue;
            }

            at = after;
            // Ignore values without a scheme and the padding of a token.
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
        // Unquoted URLs, which the grammar does not allow, are read up to the next separator.
        return HeaderText.Until(line, ref at, " \t,;").Trim('\'');
    }

    private static void SkipSeparators(string line, ref int at)
    {
        while (at < line.Length && line[at] is ' ' or '\t' or ',' or ';')
            at++;
    }
}
