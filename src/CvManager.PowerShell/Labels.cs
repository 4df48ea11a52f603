using System.Collections.ObjectModel;

namespace CvManager.PowerShell;

/// <summary>
/// A map in an output object, such as labels or a selector: an object in JSON, and <c>k=v,k2=v2</c> as text, which is what ConvertTo-Csv
/// shows and what -LabelSelector takes. Keys are in ordinal order.
/// </summary>
public sealed class Labels : ReadOnlyDictionary<string, string>
{
    private Labels(SortedDictionary<string, string> entries)
        : base(entries) { }

    public override string ToString() => string.Join(',', this.Select(entry => $"{entry.Key}={entry.Value}"));

    /// <summary>A copy of a map; empty for null. Of entries with the same key, the last counts.</summary>
    internal static Labels Of(IEnumerable<KeyValuePair<string, string>>? entries)
    {
        SortedDictionary<string, string> copy = new(StringComparer.Ordinal);
        foreach (var (key, value) in entries ?? [])
            copy[key] = value;
        return new Labels(copy);
    }
}
