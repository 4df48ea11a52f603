using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Kinds;

/// <summary>Defaults and validation of pod specs, in pods and in templates.</summary>
internal static class PodTemplates
{
    private const long FileMode = 420; // 0644

    public static void DefaultTemplate(JsonObject? template)
    {
        if (template is null)
            return;
        var meta = template.Ensure("metadata");
        if (!meta.ContainsKey("creationTimestamp"))
            meta["creationTimestamp"] = null; // Go serializes an unset time as null.
        if (template.Obj("spec") is JsonObject spec)
            DefaultSpec(spec);
    }

    public static void DefaultSpec(JsonObject spec)
    {
        foreach (var container in AllContainers(spec))
            DefaultContainer(container);
        foreach (var volume in spec.Items("volumes"))
            DefaultVolume(volume);
        spec.Default("restartPolicy", "Always");
        spec.Default("terminationGracePeriodSeconds", 30L);
        spec.Default("dnsPolicy", "ClusterFirst");
        spec.Default("securityContext", new JsonObject());
        spec.Default("schedulerName", "default-scheduler");
        if (spec.Str("serviceAccountName") is { Length: > 0 } account)
            spec["serviceAccount"] = account;
        else if (spec.Str("serviceAccount") is { Length: > 0 } old)
            spec["serviceAccountName"] = old;
    }

    public static IEnumerable<JsonObject> AllContainers(JsonObject spec) => spec.Items("initContainers").Concat(spec.Items("containers"));

    public static void ValidateTemplate(JsonObject? template, string path, CauseList causes, bool mayFinish = false)
    {
        if (template is null)
            return;
        MetadataValidation.ValidateLabels(template.Labels(), $"{path}.labels", causes);
        ValidateSpec(template.Obj("spec"), $"{path}.spec", causes);
        var policy = template.Str("spec", "restartPolicy");
        if (mayFinish && policy == "Always")
            causes.NotSupported($"{path}.spec.restartPolicy", policy, "OnFailure", "Never");
        else if (!mayFinish && policy is "OnFailure" or "Never")
            causes.NotSupported($"{path}.spec.restartPolicy", policy, "Always");
    }

    public static void ValidateSpec(JsonObject? spec, string path, CauseList causes)
    {
        var volumes = new HashSet<string>(StringComparer.Ordinal);
        var index = 0;
        foreach (var volume in spec.Items("volumes"))
        {
            var name = volume.Str("name");
            var at = $"{path}.volumes[{index++}].name";
            if (name.Length == 0)
                causes.Required(at);
            else if (NameRules.Label(name) is string problem)
                causes.Invalid(at, name, problem);
            else if (!volumes.Add(name))
                causes.Duplicate(at, name);
        }
        if (spec.Arr("containers") is null or { Count: 0 })
            causes.Required($"{path}.containers");
        var names = new HashSet<string>(StringComparer.Ordinal);
        ValidateContainers(spec.Arr("containers"), $"{path}.containers", names, volumes, causes);
        ValidateContainers(spec.Arr("initContainers"), $"{path}.initContainers", names, volumes, causes);
        if (spec is null)
            return;
        if (spec.Str("restartPolicy") is var policy and not ("" or "Always" or "OnFailure" or "Never"))
            causes.NotSupported($"{path}.restartPolicy", policy, "Always", "OnFailure", "Never");
        if (spec.Str("dnsPolicy") is var dns and not ("" or "ClusterFirst" or "ClusterFirstWithHostNet" or "Default" or "None"))
            causes.NotSupported($"{path}.dnsPolicy", dns, "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None");
        NotNegative(spec, "terminationGracePeriodSeconds", path, causes);
        if (spec.Int("activeDeadlineSeconds") is <= 0 and var deadline)
            causes.Invalid($"{path}.activeDeadlineSeconds", deadline, "must be between 1 and 2147483647, inclusive");
    }

    public static void NotNegative(JsonObject node, string field, string path, CauseList causes)
    {
        if (node.Int(field) is < 0 and var value)
            causes.Invalid($"{path}.{field}", value, "must be greater than or equal to 0");
    }

    private static void DefaultContainer(JsonObject container)
    {
        foreach (var port in container.Items("ports"))
            port.Default("protocol", "TCP");
        foreach (var variable in container.Items("env"))
            variable.Obj("valueFrom", "fieldRef")?.Default("apiVersion", "v1");
        container.Default("resources", new JsonObject());
        foreach (var probe in (string[])["livenessProbe", "readinessProbe", "startupProbe"])
        {
            if (container.Obj(probe) is not JsonObject settings)
                continue;
            if (settings.Obj("httpGet") is JsonObject http)
            {
                http.Default("path", "/");
                http.Default("scheme", "HTTP");
            }
            settings.Default("timeoutSeconds", 1L);
            settings.Default("periodSeconds", 10L);
            settings.Default("successThreshold", 1L);
            settings.Default("failureThreshold", 3L);
        }
        container.Default("terminationMessagePath", "/dev/termination-log");
        container.Default("terminationMessagePolicy", "File");
        container.Default("imagePullPolicy", IsLatest(container.Str("image")) ? "Always" : "IfNotPresent");
    }

    private static bool IsLatest(string image)
    {
        if (image.Contains('@', StringComparison.Ordinal))
            return false;
        var last = image[(image.LastIndexOf('/') + 1)..];
        var colon = last.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 || last[(colon + 1)..] == "latest";
    }

    private static void DefaultVolume(JsonObject volume)
    {
        foreach (var source in (string[])["secret", "configMap", "downwardAPI", "projected"])
            volume.Obj(source)?.Default("defaultMode", FileMode);
        volume.Obj("hostPath")?.Default("type", "");
        if (volume.Count == 1 && volume.ContainsKey("name"))
            volume["emptyDir"] = new JsonObject();
    }

    private static void ValidateContainers(
        JsonArray? containers,
        string path,
        HashSet<string> names,
        HashSet<string> volumes,
        CauseList causes
    )
    {
        var index = 0;
        foreach (var container in containers.Items())
        {
            var at = $"{path}[{index++}]";
            var name = container.Str("name");
            if (name.Length == 0)
                causes.Required($"{at}.name");
            else if (NameRules.Label(name) is string problem)
                causes.Invalid($"{at}.name", name, problem);
            else if (!names.Add(name))
                causes.Duplicate($"{at}.name", name);
            var image = container.Str("image");
            if (image.Length == 0)
                causes.Required($"{at}.image");
            else if (image.Trim() != image)
                causes.Invalid($"{at}.image", image, "must not have leading or trailing whitespace");
            if (container.Str("imagePullPolicy") is var policy and not ("" or "Always" or "IfNotPresent" or "Never"))
                causes.NotSupported($"{at}.imagePullPolicy", policy, "Always", "IfNotPresent", "Never");
            var number = 0;
            foreach (var port in container.Items("ports"))
                ValidatePort(port, $"{at}.ports[{number++}]", causes);
            number = 0;
            foreach (var variable in container.Items("env"))
            {
                if (variable.Str("name").Length == 0)
                    causes.Required($"{at}.env[{number}].name");
                number++;
            }
            number = 0;
            foreach (var mount in container.Items("volumeMounts"))
            {
                if (mount.Str("name").Length == 0)
                    causes.Required($"{at}.volumeMounts[{number}].name");
                else if (!volumes.Contains(mount.Str("name")))
                    causes.NotFound($"{at}.volumeMounts[{number}].name", mount.Str("name"));
                if (mount.Str("mountPath").Length == 0)
                    causes.Required($"{at}.volumeMounts[{number}].mountPath");
                number++;
            }
        }
    }

    private static void ValidatePort(JsonObject port, string path, CauseList causes)
    {
        if (port.Int("containerPort") is not long number)
            causes.Required($"{path}.containerPort");
        else if (number is < 1 or > 65535)
            causes.Invalid($"{path}.containerPort", number, "must be between 1 and 65535, inclusive");
        if (port.Str("protocol") is var protocol and not ("" or "TCP" or "UDP" or "SCTP"))
            causes.NotSupported($"{path}.protocol", protocol, "SCTP", "TCP", "UDP");
    }
}
