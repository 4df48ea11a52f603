using System.Text.Json.Nodes;
using CvManager.Registries;
using CvManager.Resources;

namespace CvManager.Installation;

/// <summary>
/// The objects of an installation, in the order in which they are applied: the custom resource definition, and those of the embedded
/// controller.yaml, adapted to the options. Pure; thread-safe.
/// </summary>
public static class ControllerManifests
{
    /// <summary>Where the images of the controller are published; the tag is the version of the module.</summary>
    public const string PublishedRepository = "ghcr.io/cvmanager/cvmanager";

    /// <summary>The name of all objects of an installation.</summary>
    public const string Name = "cvmanager";

    public const string LeaseName = "cvmanager-controller";
    public const string ContainerName = "controller";

    /// <summary>On the Deployment: the namespaces that it watches, separated by commas. Missing if it watches all.</summary>
    public const string NamespacesAnnotation = "cvmanager/namespaces";

    /// <summary>On all objects: selects those of one installation, together with <see cref="InstanceLabel"/>.</summary>
    internal const string PartOfLabel = "app.kubernetes.io/part-of";

    /// <summary>On all objects: the namespace of the controller.</summary>
    internal const string InstanceLabel = "app.kubernetes.io/instance";

    internal const string NameLabel = "app.kubernetes.io/name";
    internal const string PodUidVariable = "POD_UID";

    private static readonly Lazy<IReadOnlyList<JsonObject>> Template = new(ReadTemplate);

    /// <exception cref="CvException"><c>InstallationOptionInvalid</c>.</exception>
    public static IReadOnlyList<JsonObject> Create(InstallationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var all = Template.Value.Where(item => IsIncluded(item, options)).Select(item => (JsonObject)item.DeepClone()).ToList();
        foreach (var item in all)
            Adapt(item, options);
        var role = all.FindIndex(item => item.Text("kind") == "ClusterRole" && item.Text("metadata", "name") == Name);
        var watched = WatchedBy(options);
        if (watched.Count > 0)
        {
            // In place of the ClusterRole and its binding.
            (var clusterRole, var binding) = (all[role], all[role + 1]);
            all.RemoveRange(role, 2);
            all.InsertRange(role, watched.SelectMany(ns => new[] { InNamespace(clusterRole, ns), InNamespace(binding, ns) }));
        }

        return [CustomResourceDefinition.Json, .. all];
    }

    /// <summary>The manifests as YAML, for kubectl apply.</summary>
    /// <exception cref="CvException"><c>InstallationOptionInvalid</c>.</exception>
    public static string ToYaml(InstallationOptions options) => string.Concat(Create(options).Select(YamlWriter.Write));

    /// <summary>The namespaces with a Role for the controller; empty for the whole cluster.</summary>
    internal static IReadOnlyList<string> WatchedBy(InstallationOptions options) =>
        options.WatchedNamespaces.Count == 0
            ? []
            :
            [
                .. options
                    .WatchedNamespaces.Concat(options.FollowTag is null ? [] : [options.Namespace])
                    .Distinct(StringComparer.Ordinal)
                    .Order(StringComparer.Ordinal),
            ];

    /// <summary>The namespaces that an installed controller watches; empty for all.</summary>
    /// <param name="deployment">The Deployment of an installation.</param>
    public static IReadOnlyList<string> WatchedBy(JsonObject deployment) =>
        (deployment.Text("metadata", "annotations", NamespacesAnnotation) ?? "").Split(
            ',',
            StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries
        );

    private static bool IsIncluded(JsonObject item, InstallationOptions options) =>
        (item.Text("kind"), item.Text("metadata", "name")) switch
        {
            ("NetworkPolicy", _) => options.HasNetworkPolicy,
            (nameof(ContainerVersion), _) => options.FollowTag is not null,
            // Aggregated into cluster roles, which takes permissions in the whole cluster.
            ("ClusterRole", not Name) => options.WatchedNamespaces.Count == 0,
            _ => true,
        };

    private static void Adapt(JsonObject item, InstallationOptions options)
    {
        var metadata = item["metadata"]!.AsObject();
        var labels = metadata["labels"] as JsonObject ?? [];
        metadata["labels"] = labels;
        labels[NameLabel] = Name;
        labels[PartOfLabel] = Name;
        labels[InstanceLabel] = options.Namespace;
        if (metadata.ContainsKey("namespace"))
            metadata["namespace"] = options.Namespace;
        foreach (var subject in item.Items("subjects"))
            subject["namespace"] = options.Namespace;
        switch (item.Text("kind"), item.Text("metadata", "name"))
        {
            case ("Namespace", _):
                metadata["name"] = options.Namespace;
                break;
            case ("ServiceAccount", _) when options.ServiceAccountAnnotations.Count > 0:
                metadata["annotations"] = ToJson(options.ServiceAccountAnnotations);
                break;
            case ("ClusterRole", Name) when !options.ReadsSecrets:
                var rules = item["rules"]!.AsArray();
                rules.Remove(rules.Single(rule => rule!["resources"]!.AsArray().Any(name => name!.GetValue<string>() == "secrets")));
                break;
            case ("Deployment", _):
                AdaptDeployment(item, options);
                break;
            case (nameof(ContainerVersion), _):
                item["spec"]!["imageRepo"] = ImageReference.Parse(options.EffectiveImage).Repository.ToString();
                item["spec"]!["tag"] = options.FollowTag;
                break;
        }
    }

    private static void AdaptDeployment(JsonObject deployment, InstallationOptions options)
    {
        deployment["spec"]!["replicas"] = options.Replicas;
        var pod = deployment["spec"]!["template"]!["spec"]!.AsObject();
        var container = pod["containers"]![0]!.AsObject();
        container["image"] = options.EffectiveImage;
        var watched = WatchedBy(options);
        if (watched.Count > 0)
        {
            var list = string.Join(',', watched);
            deployment["metadata"]!["annotations"] = new JsonObject { [NamespacesAnnotation] = list };
            var args = container["args"]![0]!.GetValue<string>();
            // PowerShell reads elements of a list such as 1e3 and 007, which are valid names, as numbers.
            var quoted = string.Join(',', watched.Select(ns => $"'{ns}'"));
            container["args"]![0] = args.Replace("-AllNamespaces", $"-Namespace {quoted}", StringComparison.Ordinal);
        }

        if (options.FollowTag is not null)
            deployment["metadata"]!["labels"]![ContainerVersion.SelectorKey] = Name;
        var environment = container["env"]!.AsArray();
        foreach (var (name, value) in options.Environment.OrderBy(entry => entry.Key, StringComparer.Ordinal))
            environment.Add(new JsonObject { ["name"] = name, ["value"] = value });
        if (options.ImagePullSecrets.Count > 0)
            pod["imagePullSecrets"] = new JsonArray([
                .. options.ImagePullSecrets.Select(name => (JsonNode)new JsonObject { ["name"] = name }),
            ]);
    }

    private static JsonObject InNamespace(JsonObject item, string ns)
    {
        var copy = (JsonObject)item.DeepClone();
        copy["kind"] = item.Text("kind")!["Cluster".Length..];
        // The namespace comes after the name.
        var metadata = copy["metadata"]!.AsObject();
        metadata.Remove("labels", out var labels);
        metadata["namespace"] = ns;
        metadata["labels"] = labels;
        if (copy["roleRef"] is JsonObject role)
            role["kind"] = "Role";
        return copy;
    }

    private static JsonObject ToJson(IReadOnlyDictionary<string, string> map) =>
        new(
            map.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => KeyValuePair.Create(entry.Key, (JsonNode?)entry.Value))
        );

    private static IReadOnlyList<JsonObject> ReadTemplate()
    {
        using var stream =
            typeof(ControllerManifests).Assembly.GetManifestResourceStream("controller.yaml")
            ?? throw new InvalidOperationException("The assembly does not contain controller.yaml.");
        using StreamReader reader = new(stream);
        return [.. YamlDocuments.Read(reader.ReadToEnd()).Select(item => item.AsObject())];
    }
}
