using System.Globalization;
using CvManager.Sandbox.Errors;

namespace CvManager.Sandbox.Http;

/// <summary>The query parameters of a request. The first value of a repeated parameter wins, as in the API server.</summary>
internal sealed class QueryParameters
{
    private readonly Dictionary<string, string> _values;

    private QueryParameters(Dictionary<string, string> values) => _values = values;

    public static QueryParameters Parse(string query)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            var name = Decode(equals < 0 ? pair : pair[..equals]);
            values.TryAdd(name, equals < 0 ? "" : Decode(pair[(equals + 1)..]));
        }
        return new QueryParameters(values);
    }

    /// <summary>Empty if the parameter is missing.</summary>
    public string this[string name] => _values.GetValueOrDefault(name, "");

    public bool Has(string name) => _values.ContainsKey(name);

    /// <summary>True if the parameter is present and not <c>false</c> or <c>0</c>, as in the API server.</summary>
    public bool Flag(string name) => _values.TryGetValue(name, out var value) && value is not ("0" or "false" or "False");

    /// <summary>Null if the parameter is missing or empty.</summary>
    public long? Integer(string name)
    {
        var value = this[name];
        if (value.Length == 0)
            return null;
        if (long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
            return number;
        throw ApiException.BadRequest($"strconv.ParseInt: parsing \"{value}\": invalid syntax");
    }

    private static string Decode(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));
}
