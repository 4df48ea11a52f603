using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using static CvManager.Sandbox.Printing.TableLayout;

namespace CvManager.Sandbox.Printing;

/// <summary>The table columns of kinds other than workloads.</summary>
internal static class ClusterTables
{
    private const string None = "<none>";

    public static TableLayout Services { get; } =
        new(
            Name,
            Text("Type", item => item.Str("spec", "type")),
            Text("Cluster-IP", item => OrNone(item.Str("spec", "clusterIP"))),
            Text("External-IP", ExternalAddress),
            Text("Port(s)", Ports),
            Age,
            Text("Selector", item => WorkloadTables.Labels(item.Obj("spec", "selector")), wide: true)
        );

    public static TableLayout ConfigMaps { get; } =
        new(Name, Number("Data", item => (item.Obj("data")?.Count ?? 0) + (item.Obj("binaryData")?.Count ?? 0)), Age);

    public static TableLayout Secrets { get; } =
        new(Name, Text("Type", item => item.Str("type")), Number("Data", item => item.Obj("data")?.Count), Age);

    public static TableLayout Namespaces { get; } = new(Name, Text("Status", item => item.Str("status", "phase")), Age);

    public static TableLayout Leases { get; } = new(Name, Text("Holder", item => item.Str("spec", "holderIdentity")), Age);

    public static TableLayout ServiceAccounts { get; } = new(Name, Number("Secrets", item => item.Arr("secrets")?.Count), Age);

    public static TableLayout Nodes { get; } =
        new(
            Name,
            Text("Status", NodeStatus),
            Text("Roles", NodeRoles),
            Age,
            Text("Version", item => item.Str("status", "nodeInfo", "kubeletVersion")),
            Text("Internal-IP", item => Address(item, "InternalIP"), wide: true),
            Text("External-IP", item => Address(item, "ExternalIP"), wide: true),
            Text("OS-Image", item => OrUnknown(item.Str("status", "nodeInfo", "osImage")), wide: true),
            Text("Kernel-Version", item => OrUnknown(item.Str("status", "nodeInfo", "kernelVersion")), wide: true),
            Text("Container-Runtime", item => OrUnknown(item.Str("status", "nodeInfo", "containerRuntimeVersion")), wide: true)
        );

    public static TableLayout Events { get; } =
        new(
            new TableColumn("Last Seen", "string", (item, now) => LastSeen(item, now)),
            Text("Type", item => item.Str("type")),
            Text("Reason", item => item.Str("reason")),
            Text("Object", item => $"{item.Str("involvedObject", "kind").ToLowerInvariant()}/{item.Str("involvedObject", "name")}"),
            Text("Subobject", item => item.Str("involvedObject", "fieldPath"), wide: true),
            Text("Source", EventSource, wide: true),
            Text("Message", item => item.Str("message").Trim()),
            new TableColumn("First Seen", "string", (item, now) => Seen(item, "firstTimestamp", now)) { Priority = 1 },
            new TableColumn("Count", "integer", (item, _) => item.Int("series", "count") ?? item.Int("count") ?? 1L) { Priority = 1 },
            Name with
            {
                Priority = 1,
            }
        );

    public static TableLayout Claims { get; } =
        new(
            Name,
            Text("Status", item => item.IsDeleting() ? "Terminating" : item.Str("status", "phase")),
            Text("Volume", item => item.Str("spec", "volumeName")),
            Text("Capacity", item => item.Str("status", "capacity", "storage")),
            Text("Access Modes", AccessModes),
            Text("StorageClass", item => item.Str("spec", "storageClassName")),
            Text("VolumeAttributesClass", item => item.Str("spec", "volumeAttributesClassName") is { Length: > 0 } name ? name : "<unset>"),
            Age,
            Text("VolumeMode", item => item.Str("spec", "volumeMode"), wide: true)
        );

    public static TableLayout DisruptionBudgets { get; } =
        new(
            Name,
            Text("Min Available", item => Given(item.At("spec", "minAvailable"))),
            Text("Max Unavailable", item => Given(item.At("spec", "maxUnavailable"))),
            Number("Allowed Disruptions", item => item.Int("status", "disruptionsAllowed")),
            Age
        );

    public static TableLayout RoleBindings { get; } =
        new(
            Name,
            Text("Role", item => $"{item.Str("roleRef", "kind")}/{item.Str("roleRef", "name")}"),
            Age,
            Text("Users", item => Subjects(item, "User"), wide: true),
            Text("Groups", item => Subjects(item, "Group"), wide: true),
            Text("ServiceAccounts", item => Subjects(item, "ServiceAccount"), wide: true)
        );

    private static string OrNone(string text) => text.Length == 0 ? None : text;

    private static string OrUnknown(string text) => text.Length == 0 ? "<unknown>" : text;

    private static string Given(JsonNode? value) => value is null ? "N/A" : value.AsText() ?? JsonText.Text(value);

    private static string ExternalAddress(JsonObject item)
    {
        var external = item.Texts("spec", "externalIPs").ToList();
        var type = item.Str("spec", "type");
        if (type == "ExternalName")
            return item.Str("spec", "externalName");
        if (external.Count > 0)
            return string.Join(",", external);
        return type == "LoadBalancer" ? "<pending>" : None;
    }

    private static string Ports(JsonObject item)
    {
        var ports = item.Items("spec", "ports")
            .Select(port =>
                port.Int("nodePort") is > 0 and var node
                    ? $"{port.Int("port")}:{node}/{port.Str("protocol")}"
                    : $"{port.Int("port")}/{port.Str("protocol")}"
            )
            .ToList();
        return ports.Count == 0 ? None : string.Join(",", ports);
    }

    private static string NodeStatus(JsonObject item)
    {
        var ready = item.Items("status", "conditions").FirstOrDefault(condition => condition.Str("type") == "Ready");
        var status = ready.Str("status") switch
        {
            "True" => "Ready",
            "" => "Unknown",
            _ => "NotReady",
        };
        return item.Bool("spec", "unschedulable") ? status + ",SchedulingDisabled" : status;
    }

    private static string NodeRoles(JsonObject item)
    {
        const string Prefix = "node-role.kubernetes.io/";
        var roles = (item.Labels() ?? [])
            .Select(label => label.Key)
            .Where(key => key.StartsWith(Prefix, StringComparison.Ordinal))
            .Select(key => key[Prefix.Length..])
            .Order(StringComparer.Ordinal)
            .ToList();
        return roles.Count == 0 ? None : string.Join(",", roles);
    }

    private static string Address(JsonObject item, string type) =>
        OrNone(item.Items("status", "addresses").FirstOrDefault(address => address.Str("type") == type).Str("address"));

    private static string LastSeen(JsonObject item, DateTimeOffset now)
    {
        if (item.At("series", "lastObservedTime") is JsonNode series)
            return Durations.Since(series, now);
        var last = Seen(item, "lastTimestamp", now);
        return (item.Int("count") ?? 0) > 1 ? $"{last} (x{item.Int("count")} over {Seen(item, "firstTimestamp", now)})" : last;
    }

    private static string Seen(JsonObject item, string field, DateTimeOffset now) => Durations.Since(item[field] ?? item["eventTime"], now);

    private static string EventSource(JsonObject item)
    {
        var component = item.Str("source", "component") is { Length: > 0 } given ? given : item.Str("reportingComponent");
        var host = item.Str("source", "host") is { Length: > 0 } named ? named : item.Str("reportingInstance");
        return host.Length == 0 ? component : $"{component}, {host}";
    }

    private static string AccessModes(JsonObject item) =>
        string.Join(
            ",",
            item.Texts("status", "accessModes")
                .Select(mode =>
                    mode switch
                    {
                        "ReadWriteOnce" => "RWO",
                        "ReadOnlyMany" => "ROX",
                        "ReadWriteMany" => "RWX",
                        "ReadWriteOncePod" => "RWOP",
                        _ => mode,
                    }
                )
        );

    private static string Subjects(JsonObject item, string kind) =>
        string.Join(
            ", ",
            item.Items("subjects")
                .Where(subject => subject.Str("kind") == kind)
                .Select(subject => kind == "ServiceAccount" ? $"{subject.Str("namespace")}/{subject.Str("name")}" : subject.Str("name"))
        );
}
