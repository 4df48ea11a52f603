using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;

namespace CvManager.Sandbox.Discovery;

/// <summary>The API discovery documents. Called with the store's lock held.</summary>
internal sealed class DiscoveryDocuments(KindCatalog catalog)
{
    private static readonly string[] Verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

    private static readonly string[] StatusVerbs = ["get", "patch", "update"];

    public static JsonObject CoreVersions(string host) =>
        new()
        {
            ["kind"] = "APIVersions",
            ["versions"] = new JsonArray("v1"),
            ["serverAddressByClientCIDRs"] = new JsonArray(new JsonObject { ["clientCIDR"] = "0.0.0.0/0", ["serverAddress"] = host }),
        };

    public JsonObject Groups() =>
        new()
        {
            ["kind"] = "APIGroupList",
            ["apiVersion"] = "v1",
            ["groups"] = new JsonArray([.. GroupNames().Select(group => (JsonNode)Describe(group, isItem: true))]),
        };

    /// <summary>Null if the group is not served.</summary>
    public JsonObject? Group(string group) => GroupNames().Contains(group) ? Describe(group, isItem: false) : null;

    /// <summary>Null if the version is not served.</summary>
    public JsonObject? Resources(string group, string version)
    {
        var resources = new JsonArray();
        var review =
            version != "v1"
                ? null
                : group switch
                {
                    "authorization.k8s.io" => "SelfSubjectAccessReview",
                    "authentication.k8s.io" => "SelfSubjectReview",
                    _ => null,
                };
        var any = review is not null;
        if (review is not null)
        {
            resources.Add(
                (JsonNode)
                    new JsonObject
                    {
                        ["name"] = review.ToLowerInvariant() + "s",
                        ["singularName"] = review.ToLowerInvariant(),
                        ["namespaced"] = false,
                        ["kind"] = review,
                        ["verbs"] = new JsonArray("create"),
                    }
            );
        }
        foreach (var type in catalog.Types.OrderBy(type => type.Plural, StringComparer.Ordinal))
        {
            if (type.Version(group, version) is not ServedVersion served)
                continue;
            any = true;
            resources.Add((JsonNode)Resource(type));
            if (served.HasStatus)
                resources.Add((JsonNode)Sub(type, "status", type.Kind, StatusVerbs));
            if (served.Scale is not null)
                resources.Add((JsonNode)Sub(type, "scale", "Scale", StatusVerbs, "autoscaling", "v1"));
            foreach (var sub in type.Subresources)
                resources.Add(
                    (JsonNode)Sub(
                        type,
                        sub.Name,
                        sub.Kind,
                        sub.Verbs,
                        sub.Group == group ? "" : sub.Group,
                        sub.Group == group ? "" : sub.Version
                    )
                );
        }
        if (!any)
            return null;
        return new JsonObject
        {
            ["kind"] = "APIResourceList",
            ["apiVersion"] = "v1",
            ["groupVersion"] = group.Length == 0 ? version : $"{group}/{version}",
            ["resources"] = resources,
        };
    }

    private IEnumerable<string> GroupNames() =>
        catalog
            .GroupVersions()
            .Select(pair => pair.Group)
            .Append("authentication.k8s.io")
            .Append("authorization.k8s.io")
            .Where(group => group.Length > 0)
            .Distinct()
            .Order(StringComparer.Ordinal);

    private JsonObject Describe(string group, bool isItem)
    {
        var versions = catalog.GroupVersions().Where(pair => pair.Group == group).Select(pair => pair.Version).Distinct().ToList();
        if (versions.Count == 0)
            versions.Add("v1");
        JsonObject Version(string name) => new() { ["groupVersion"] = $"{group}/{name}", ["version"] = name };
        var description = new JsonObject();
        if (!isItem)
        {
            description["kind"] = "APIGroup";
            description["apiVersion"] = "v1";
        }
        description["name"] = group;
        description["versions"] = new JsonArray([.. versions.Select(name => (JsonNode)Version(name))]);
        description["preferredVersion"] = Version(versions[0]);
        return description;
    }

    private static JsonObject Resource(ResourceType type)
    {
        var resource = new JsonObject
        {
            ["name"] = type.Plural,
            ["singularName"] = type.Singular,
            ["namespaced"] = type.Namespaced,
            ["kind"] = type.Kind,
            ["verbs"] = Texts(Verbs),
        };
        if (type.ShortNames.Count > 0)
            resource["shortNames"] = Texts(type.ShortNames);
        if (type.Categories.Count > 0)
            resource["categories"] = Texts(type.Categories);
        return resource;
    }

    private static JsonObject Sub(
        ResourceType type,
        string name,
        string kind,
        IReadOnlyList<string> verbs,
        string group = "",
        string version = ""
    )
    {
        var resource = new JsonObject
        {
            ["name"] = $"{type.Plural}/{name}",
            ["singularName"] = "",
            ["namespaced"] = type.Namespaced,
        };
        resource.SetOrRemove("group", group);
        resource.SetOrRemove("version", version);
        resource["kind"] = kind;
        resource["verbs"] = Texts(verbs);
        return resource;
    }

    private static JsonArray Texts(IReadOnlyList<string> texts) => new([.. texts.Select(text => JsonValue.Create(text))]);
}
