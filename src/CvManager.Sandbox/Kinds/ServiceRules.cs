using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Kinds;

internal sealed class ServiceRules(Identifiers identifiers) : KindRules
{
    public override bool ReturnsDeleted => true;

    public override string? CheckName(string name) => NameRules.Dns1035(name);

    public override void Default(JsonObject body)
    {
        var spec = body.Ensure("spec");
        foreach (var port in spec.Items("ports"))
        {
            port.Default("protocol", "TCP");
            if (port["targetPort"] is null && port["port"] is JsonNode number)
                port["targetPort"] = number.DeepClone();
        }
        spec.Default("sessionAffinity", "None");
        spec.Default("type", "ClusterIP");
        if (spec.Str("type") != "ExternalName")
        {
            spec.Default("internalTrafficPolicy", "Cluster");
            spec.Default("ipFamilyPolicy", "SingleStack");
            spec.Default("ipFamilies", new JsonArray("IPv4"));
        }
        body.Ensure("status").Default("loadBalancer", new JsonObject());
    }

    public override void PrepareForCreate(JsonObject body)
    {
        var spec = body.Ensure("spec");
        if (spec.Str("type") == "ExternalName")
            return;
        if (spec.Str("clusterIP").Length == 0)
            spec["clusterIP"] = identifiers.NewServiceAddress();
        spec["clusterIPs"] = new JsonArray(spec.Str("clusterIP"));
        AllocateNodePorts(spec);
    }

    public override void PrepareForUpdate(JsonObject body, JsonObject old)
    {
        var spec = body.Ensure("spec");
        // Omitted addresses keep their values.
        foreach (var field in (string[])["clusterIP", "clusterIPs"])
        {
            if (spec[field] is null && old.At("spec", field) is JsonNode value && spec.Str("type") != "ExternalName")
                spec[field] = value.DeepClone();
        }
        AllocateNodePorts(spec);
    }

    public override void Validate(JsonObject body, CauseList causes)
    {
        var spec = body.Ensure("spec");
        var type = spec.Str("type");
        if (type is not ("ClusterIP" or "NodePort" or "LoadBalancer" or "ExternalName"))
            causes.NotSupported("spec.type", type, "ClusterIP", "ExternalName", "LoadBalancer", "NodePort");
        if (spec.Arr("ports") is null or { Count: 0 } && type != "ExternalName" && spec.Str("clusterIP") != "None")
            causes.Required("spec.ports");
        if (spec.Str("sessionAffinity") is var affinity and not ("None" or "ClientIP"))
            causes.NotSupported("spec.sessionAffinity", affinity, "ClientIP", "None");
        MetadataValidation.ValidateLabels(spec.Obj("selector"), "spec.selector", causes);
        var ports = spec.Items("ports").ToList();
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < ports.Count; i++)
        {
            var path = $"spec.ports[{i}]";
            if (ports[i].Int("port") is not (>= 1 and <= 65535))
                causes.Invalid($"{path}.port", ports[i]["port"] ?? 0L, "must be between 1 and 65535, inclusive");
            var name = ports[i].Str("name");
            if (name.Length == 0 && ports.Count > 1)
                causes.Required($"{path}.name");
            else if (name.Length > 0 && NameRules.Label(name) is string problem)
                causes.Invalid($"{path}.name", name, problem);
            else if (name.Length > 0 && !names.Add(name))
                causes.Duplicate($"{path}.name", name);
        }
    }

    public override void ValidateUpdate(JsonObject body, JsonObject old, CauseList causes)
    {
        var before = old.Str("spec", "clusterIP");
        var now = body.Str("spec", "clusterIP");
        if (before.Length > 0 && now != before && body.Str("spec", "type") != "ExternalName" && old.Str("spec", "type") != "ExternalName")
            causes.InvalidPrinted("spec.clusterIPs[0]", $"[]string{{{JsonAccess.Quoted(now)}}}", "may not change once set");
    }

    private void AllocateNodePorts(JsonObject spec)
    {
        if (spec.Str("type") is not ("NodePort" or "LoadBalancer"))
            return;
        spec.Default("externalTrafficPolicy", "Cluster");
        foreach (var port in spec.Items("ports"))
            port.Default("nodePort", 30000L + identifiers.Next(2768));
    }
}
