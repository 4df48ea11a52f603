using System.Collections;
using System.Management.Automation;
using System.Text.Json;
using System.Text.Json.Nodes;
using CvManager.Resources;

namespace CvManager.PowerShell;

/// <summary>A gate (R5): a pod that runs this image must exit with code 0 before a rollout continues.</summary>
public sealed record CvGate
{
    /// <summary>The kind of gate; always Image.</summary>
    public string Kind { get; init; } = "Image";

    /// <summary>The repository of the image, without tag. The default registry is that of the ContainerVersion.</summary>
    public string Image { get; init; } = "";

    public string Tag { get; init; } = "";

    /// <summary>The maximum duration, from the creation of the pod: 1 s to a day.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(new VerifySpec().TimeoutSeconds);

    /// <summary>The service account of the pod, whose token is mounted; null for the default service account, without a token.</summary>
    public string? ServiceAccount { get; init; }

    /// <summary>The user id that the container runs as; null for the user of the image, which must not be root; 0 for root.</summary>
    public long? RunAsUser { get; init; }

    /// <summary>Resource limits of the container, such as memory = 256Mi; null for the defaults of the namespace.</summary>
    public IReadOnlyDictionary<string, string>? Limits { get; init; }

    /// <summary>Resource requests of the container; null for its limits, or the defaults of the namespace.</summary>
    public IReadOnlyDictionary<string, string>? Requests { get; init; }

    public override string ToString() => $"{Image}:{Tag}";

    internal static Listed<CvGate> Of(IEnumerable<VerifySpec> gates) =>
        [
            .. gates.Select(gate => new CvGate
            {
                Kind = gate.Kind,
                Image = gate.Image,
                Tag = gate.Tag,
                Timeout = TimeSpan.FromSeconds(gate.TimeoutSeconds),
                ServiceAccount = gate.ServiceAccountName,
                RunAsUser = gate.RunAsUser,
                Limits = gate.Resources?.Limits,
                Requests = gate.Resources?.Requests,
            }),
        ];

    /// <param name="value">A gate, <c>repository:tag</c>, or a map with the property names of this class or of a manifest.</param>
    /// <exception cref="FormatException">The value is not a gate. Limits are validated later, with the whole resource.</exception>
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
        JsonObject gate = new()
        {
            ["kind"] = Kind,
            ["image"] = Image,
            ["tag"] = Tag,
            ["timeoutSeconds"] = (long)Math.Ceiling(Timeout.TotalSeconds),
        };
        if (ServiceAccount is not null)
            gate["serviceAccountName"] = ServiceAccount;
        if (RunAsUser is not null)
            gate["runAsUser"] = RunAsUser;
        if (Limits is not null || Requests is not null)
            gate["resources"] = JsonSerializer.SerializeToNode(
                new GateResourcesSpec { Limits = Limits, Requests = Requests },
                ResourceJson.Options
            );
        return gate;
    }

    private static CvGate Parse(string text)
    {
        // A colon before the last slash belongs to a port.
        var colon = text.LastIndexOf(':');
        return colon > text.LastIndexOf('/') && !text.Contains('@', StringComparison.Ordinal)
            ? new CvGate { Image = text[..colon], Tag = text[(colon + 1)..] }
            : throw new FormatException($"'{text}' has no tag");
    }

    /// <summary>The entries of a map, or the properties of an object.</summary>
    private static IEnumerable<(string Name, object? Value)> Properties(object? value) =>
        value is PSObject { BaseObject: PSCustomObject } custom
            ? custom.Properties.Select(property => (property.Name, (object?)property.Value))
            : (((value as PSObject)?.BaseObject ?? value) as IDictionary ?? throw new FormatException($"'{value}' is not a map"))
                .Cast<DictionaryEntry>()
                .Select(entry => ($"{entry.Key}", entry.Value));

    private static IReadOnlyDictionary<string, string>? Quantities(object? value) =>
        value is null
            ? null
            : value as IReadOnlyDictionary<string, string>
                ?? (value as PSObject)?.BaseObject as IReadOnlyDictionary<string, string>
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
                "RESOURCES" => Properties(value)
                    .Aggregate(
                        gate,
                        (with, part) =>
                            part.Name.ToUpperInvariant() switch
                            {
                                "LIMITS" => with with { Limits = Quantities(part.Value) },
                                "REQUESTS" => with with { Requests = Quantities(part.Value) },
                                _ => throw new FormatException($"Unknown property '{part.Name}' in the resources of a gate"),
                            }
                    ),
                "LIMITS" => gate with { Limits = Quantities(value) },
                "REQUESTS" => gate with { Requests = Quantities(value) },
                _ => throw new FormatException($"Unknown gate property '{name}'"),
            };
        }

        return gate.Image.Length > 0 && gate.Tag.Length > 0 ? gate : throw new FormatException("A gate requires Image and Tag");
    }
}
