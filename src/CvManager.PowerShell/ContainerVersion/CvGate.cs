using System.Collections;
using System.Management.Automation;
using System.Text.Json.Nodes;
using CvManager.Resources;

namespace CvManager.PowerShell;

/// <summary>A gate (R5): a pod of this image must end with exit code 0 before a rollout goes on.</summary>
public sealed record CvGate
{
    /// <summary>Image; there is no other kind.</summary>
    public string Kind { get; init; } = "Image";

    /// <summary>Repository of the image, without tag; without a registry, of that of the ContainerVersion.</summary>
    public string Image { get; init; } = "";

    public string Tag { get; init; } = "";

    /// <summary>When it counts as failed: 1 s to a day.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(new VerifySpec().TimeoutSeconds);

    public override string ToString() => $"{Image}:{Tag}";

    internal static IReadOnlyList<CvGate> Of(IEnumerable<VerifySpec> gates) =>
    [
        .. gates.Select(gate => new CvGate { Kind = gate.Kind, Image = gate.Image, Tag = gate.Tag, Timeout = TimeSpan.FromSeconds(gate.TimeoutSeconds) }),
    ];

    /// <param name="value">A gate, <c>repository:tag</c>, or a map with its properties (timeoutSeconds as well, as manifests have it).</param>
    /// <exception cref="FormatException">Says what is wrong with it; limits are the resource's own, and are looked at later.</exception>
    internal static CvGate From(object? value)
    {
        var wrapped = value as PSObject;
        return (wrapped?.BaseObject ?? value) switch
        {
            CvGate gate => gate,
            string text => Parse(text),
            IDictionary map => FromProperties(map.Cast<DictionaryEntry>().Select(entry => ($"{entry.Key}", entry.Value))),
            PSCustomObject when wrapped is not null => FromProperties(wrapped.Properties.Select(property => (property.Name, (object?)property.Value))),
            var other => throw new FormatException($"'{other}' is no gate"),
        };
    }

    internal JsonObject ToJson() => new()
    {
        ["kind"] = Kind,
        ["image"] = Image,
        ["tag"] = Tag,
        ["timeoutSeconds"] = (long)Math.Ceiling(Timeout.TotalSeconds),
    };

    private static CvGate Parse(string text)
    {
        // A colon in front of the last slash is a port's.
        var colon = text.LastIndexOf(':');
        return colon > text.LastIndexOf('/') && !text.Contains('@', StringComparison.Ordinal)
            ? new CvGate { Image = text[..colon], Tag = text[(colon + 1)..] }
            : throw new FormatException($"'{text}' names no tag");
    }

    private static CvGate FromProperties(IEnumerable<(string Name, object? Value)> properties)
    {
        var gate = new CvGate();
        foreach (var (name, value) in properties)
        {
            gate = name.ToUpperInvariant() switch
            {
                "KIND" => gate with { Kind = $"{value}" },
                "IMAGE" => gate with { Image = $"{value}" },
                "TAG" => gate with { Tag = $"{value}" },
                "TIMEOUT" or "TIMEOUTSECONDS" => gate with { Timeout = TimeSpanTransformationAttribute.Read(value) ?? gate.Timeout },
                _ => throw new FormatException($"a gate has no '{name}'"),
            };
        }

        return gate.Image.Length > 0 && gate.Tag.Length > 0 ? gate : throw new FormatException("a gate needs an Image and a Tag");
    }
}
