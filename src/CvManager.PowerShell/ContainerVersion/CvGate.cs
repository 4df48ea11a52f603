using System.Collections;
using System.Management.Automation;
using System.Text.Json;
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

    /// <summary>When it counts as failed, from the start of its pod: 1 s to a day.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(new VerifySpec().TimeoutSeconds);

    /// <summary>The service account that its pod runs as, with its token; null for the namespace's default one, without a token.</summary>
    public string? ServiceAccount { get; init; }

    /// <summary>The user id that it runs as; null for the image's own, which must not be root; 0 for root.</summary>
    public long? RunAsUser { get; init; }

    /// <summary>Limits of its container by resource, such as memory = 256Mi; null for those of the namespace.</summary>
    public IReadOnlyDictionary<string, string>? Limits { get; init; }

    /// <summary>Requests of its container by resource; null for its limits, or those of the namespace.</summary>
    public IReadOnlyDictionary<string, string>? Requests { get; init; }

    public override string ToString() => $"{Image}:{Tag}";

    internal static IReadOnlyList<CvGate> Of(IEnumerable<VerifySpec> gates) =>
    [
        .. gates.Select(gate => new CvGate
        {
            Kind = gate.Kind, Image = gate.Image, Tag = gate.Tag, Timeout = TimeSpan.FromSeconds(gate.TimeoutSeconds),
            ServiceAccount = gate.ServiceAccountName, RunAsUser = gate.RunAsUser, Limits = gate.Resources?.Limits, Requests = gate.Resources?.Requests,
        }),
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
            IDictionary or PSCustomObject => FromProperties(Properties(value)),
            var other => throw new FormatException($"'{other}' is not a gate"),
        };
    }

    internal JsonObject ToJson()
    {
        JsonObject gate = new() { ["kind"] = Kind, ["image"] = Image, ["tag"] = Tag, ["timeoutSeconds"] = (long)Math.Ceiling(Timeout.TotalSeconds) };
        if (ServiceAccount is not null)
            gate["serviceAccountName"] = ServiceAccount;
        if (RunAsUser is not null)
            gate["runAsUser"] = RunAsUser;
        if (Limits is not null || Requests is not null)
            gate["resources"] = JsonSerializer.SerializeToNode(new GateResourcesSpec { Limits = Limits, Requests = Requests }, ResourceJson.Options);
        return gate;
    }

    private static CvGate Parse(string text)
    {
        // A colon in front of the last slash is a port's.
        var colon = text.LastIndexOf(':');
        return colon > text.LastIndexOf('/') && !text.Contains('@', StringComparison.Ordinal)
            ? new CvGate { Image = text[..colon], Tag = text[(colon + 1)..] }
            : throw new FormatException($"'{text}' has no tag");
    }

    /// <summary>Of a map or an object.</summary>
    private static IEnumerable<(string Name, object? Value)> Properties(object? value) => value is PSObject { BaseObject: PSCustomObject } custom
        ? custom.Properties.Select(property => (property.Name, (object?)property.Value))
        : (((value as PSObject)?.BaseObject ?? value) as IDictionary ?? throw new FormatException($"'{value}' is not a map"))
            .Cast<DictionaryEntry>().Select(entry => ($"{entry.Key}", entry.Value));

    private static IReadOnlyDictionary<string, string>? Quantities(object? value) => value is null ? null
        : value as IReadOnlyDictionary<string, string> ?? (value as PSObject)?.BaseObject as IReadOnlyDictionary<string, string>
        ?? Properties(value).ToDictionary(part => part.Name, part => $"{part.Value}", StringComparer.Ordinal);

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
                "SERVICEACCOUNT" or "SERVICEACCOUNTNAME" => gate with { ServiceAccount = value is null ? null : $"{value}" },
                "RUNASUSER" => gate with { RunAsUser = value is null ? null : LanguagePrimitives.ConvertTo<long>(value) },
                "RESOURCES" => Properties(value).Aggregate(gate, (with, part) => part.Name.ToUpperInvariant() switch
                {
                    "LIMITS" => with with { Limits = Quantities(part.Value) },
                    "REQUESTS" => with with { Requests = Quantities(part.Value) },
                    _ => throw new FormatException($"Unknown property '{part.Name}' in the resources of a gate"),
                }),
                "LIMITS" => gate with { Limits = Quantities(value) },
                "REQUESTS" => gate with { Requests = Quantities(value) },
                _ => throw new FormatException($"Unknown gate property '{name}'"),
            };
        }

        return gate.Image.Length > 0 && gate.Tag.Length > 0 ? gate : throw new FormatException("A gate requires Image and Tag");
    }
}
