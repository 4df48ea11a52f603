using System.Collections;
using System.Management.Automation;
using System.Text.Json.Nodes;
using CvManager.PowerShell.Completion;

namespace CvManager.PowerShell;

/// <summary>The base of cmdlets that write a ContainerVersion's specification from parameters. What has no parameter here, a manifest says.</summary>
public abstract class SpecificationCmdlet : ClusterCmdlet
{
    /// <summary>Left out, the context's own namespace.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(NamespaceCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Namespace { get; set; }

    /// <summary>Labels of the workloads, the key cvapp among them.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public Hashtable? Selector { get; set; }

    /// <summary>A regular expression for the whole of a version tag.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? VersionSyntax { get; set; }

    /// <summary>How often the tag is looked at: 5 s to a day.</summary>
    [Parameter]
    [TimeSpanTransformation]
    public TimeSpan? PollInterval { get; set; }

    /// <summary>The longest that one rollout may take: 1 s to a day.</summary>
    [Parameter]
    [TimeSpanTransformation]
    public TimeSpan? RolloutTimeout { get; set; }

    /// <summary>Whether a rollout that fails is put back.</summary>
    [Parameter]
    public bool? Rollback { get; set; }

    /// <summary>Whether images are written with their digest.</summary>
    [Parameter]
    public bool? PinDigest { get; set; }

    /// <summary>The ConfigMap that receives the version.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? ConfigName { get; set; }

    /// <summary>Its key.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? ConfigKey { get; set; }

    /// <summary>The history goes into the ConfigMap of this name, with .history behind it.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? HistoryName { get; set; }

    /// <summary>Names of Secrets with logins for the registry.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ImagePullSecret { get; set; }

    /// <summary>The fields that parameters were given for.</summary>
    private protected JsonObject Specification(string? imageRepo, string? tag, string? container)
    {
        JsonObject spec = [];
        Set("imageRepo", imageRepo);
        Set("tag", tag);
        if (container is not null)
            spec["container"] = new JsonObject { ["name"] = container };
        if (Selector is not null)
            spec["selector"] = new JsonObject(Selector.Cast<DictionaryEntry>().Select(label => KeyValuePair.Create(label.Key.ToString()!, (JsonNode?)label.Value?.ToString())));
        Set("versionSyntax", VersionSyntax);
        Set("pollIntervalSeconds", Seconds(PollInterval));
        Set("timeoutSeconds", Seconds(RolloutTimeout));
        if (Rollback is { } rollback)
            spec["rollback"] = new JsonObject { ["enabled"] = rollback };
        Set("pinDigest", PinDigest);
        if (ConfigName is not null || ConfigKey is not null)
        {
            JsonObject config = [];
            spec["config"] = config;
            if (ConfigName is not null)
                config["name"] = ConfigName;
            if (ConfigKey is not null)
                config["key"] = ConfigKey;
        }

        if (HistoryName is not null)
            spec["history"] = new JsonObject { ["name"] = HistoryName };
        if (ImagePullSecret is not null)
            spec["imagePullSecrets"] = new JsonArray([.. ImagePullSecret.Select(name => (JsonNode)name)]);
        return spec;

        void Set(string field, JsonNode? value)
        {
            if (value is not null)
                spec[field] = value;
        }
    }

    private static JsonNode? Seconds(TimeSpan? time) => time is { } span ? (long)Math.Ceiling(span.TotalSeconds) : null;
}
