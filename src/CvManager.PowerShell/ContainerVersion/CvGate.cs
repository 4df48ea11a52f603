using System.Collections;
using System.Management.Automation;
using System.Text.Json;
using System.Text.Json.Nodes;
using CvManager.Resources;

namespace CvManager.PowerShell;

/// <summary>A gate (R5): a pod that runs this image must exit with code 0 before a rollout continues.</summary>
public sealed class CvGate
{
    /// <summary>The kind of gate; always Image.</summary>
    public string Kind { get; init; } = "Image";

    /// <summary>The repository of the image, without tag. The default registry is that of the ContainerVersion.</summary>
    public string Image { get; init; } = "";

    public string Tag { get; init; } = "";

    /// <summary>The maximum duration, from the creation of the pod: 1 s to a day. Text such as 10m.</summary>
    public string Timeout => DurationText.Of(Limit);

    /// <summary>The service account of the pod, whose token is mounted; null for the default service account, without a token.</summary>
    public string? ServiceAccount { get; init; }

    /// <summary>The user id that the container runs as; null for the user of the image, which must not be root; 0 for root.</summary>
    public long? RunAsUser { get; init; }

    /// <summary>Resource limits of the container, such as memory = 256Mi; null for the defaults of the namespace.</summary>
    public Labels? Limits { get; init; }

    /// <summary>Resource requests of the container; null for its limits, or the defaults of the namespace.</summary>
    public Labels? Requests { get; init; }

    private TimeSpan Limit { get; init; } = TimeSpan.FromSeconds(new VerifySpec().TimeoutSeconds);

    public override string ToString() => $"{Image}:{Tag}";

    internal static Listed<CvGate> Of(IEnumerable<VerifySpec> gates) =>
        [
            .. gates.Select(gate => new CvGate
            {
                Kind = gate.Kind,
                Image = gate.Image,
                Tag = gate.Tag,
                Limit = TimeSpan.FromSeconds(gate.TimeoutSeconds),
                ServiceAccount = gate.ServiceAccountName,
                RunAsUser = gate.RunAsUser,
                Limits = Map(gate.Resources?.Limits),
                Requests = Map(gate.Resources?.Requests),
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
            ["timeoutSeconds"] = (long)Math.Ceiling(Limit.TotalSeconds),
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

    private static Labels? Map(IReadOnlyDictionary<string, string>? map) => map is null ? null : Labels.Of(map);

    private static Labels? Quantities(object? value) =>
        value is null
            ? null
            : (value as PSObject)?.BaseObject as Labels
                ?? value as Labels
                ?? Labels.Of(Properties(value).Select(part => KeyValuePair.Create(part.Name, $"{part.Value}")));

    private static CvGate FromProperties(IEnumerable<(string Name, object? Value)> properties)
    {
        CvGate defaults = new();
        var (kind, image, tag, limit) = (defaults.Kind, defaults.Image, defaults.Tag, defaults.Limit);
        string? account = null;
        long? user = null;
        Labels? limits = null;
        Labels? requests = null;
        foreach (var (name, value) in properties)
        {
            switch (name.ToUpperInvariant())
            {
                case "KIND":
                    kind = $"{value}";
                    break;
                case "IMAGE":
                    image = $"{value}";
                    break;
                case "TAG":
                    if (TextListTransformationAttribute.IsNumber((value as PSObject)?.BaseObject ?? value))
                        throw new FormatException(
                            "The tag of a gate is a number, of which 1.10 and 1.1 are the same; put it in quotes: '1.10'"
                        );
                    tag = $"{value}";
                    break;
                case "TIMEOUT" or "TIMEOUTSECONDS":
                    limit = TimeSpanTransformationAttribute.Read(value) ?? limit;
                    break;
                case "SERVICEACCOUNT" or "SERVICEACCOUNTNAME":
                    account = value is null ? null : $"{value}";
                    break;
                case "RUNASUSER":
                    user = value is null ? null : LanguagePrimitives.ConvertTo<long>(value);
                    break;
                case "LIMITS":
                    limits = Quantities(value);
                    break;
                case "REQUESTS":
                    requests = Quantities(value);
                    break;
                case "RESOURCES":
                    foreach (var (part, quantities) in Properties(value))
                    {
                        if (part.Equals("limits", StringComparison.OrdinalIgnoreCase))
                            limits = Quantities(quantities);
                        else if (part.Equals("requests", StringComparison.OrdinalIgnoreCase))
                            requests = Quantities(quantities);
                        else
                            throw new FormatException($"Unknown property '{part}' in the resources of a gate");
                    }

                    break;
                default:
                    throw new FormatException($"Unknown gate property '{name}'");
            }
        }

        return image.Length > 0 && tag.Length > 0
            ? new CvGate
            {
                Kind = kind,
                Image = image,
                Tag = tag,
                Limit = limit,
                ServiceAccount = account,
                RunAsUser = user,
                Limits = limits,
                Requests = requests,
            }
            : throw new FormatException("A gate requires Image and Tag");
    }
}
