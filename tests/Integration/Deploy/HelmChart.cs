using System.Text.Json.Nodes;
using CvManager.Resources;
using CvManager.Support;

namespace CvManager.Integration.Deploy;

/// <summary>Renders the Helm chart as <c>helm template</c> does (tests/servers/helm).</summary>
internal static class HelmChart
{
    public const string ContainerVersionApi = "custom.k8s.io/v1/ContainerVersion";

    private static readonly string Folder = Path.Combine(RepositoryRoot.Path, "deploy", "helm", "cvmanager");

    /// <summary>Renders the chart with values that Helm must accept. A template that uses a missing value fails.</summary>
    public static async Task<IReadOnlyList<JsonObject>> RenderAsync(string values, string ns = "cvmanager", params string[] options) =>
        [
            .. YamlDocuments
                .Read(await ExternalProgram.RunAsync(Servers.HelmRender, Arguments(ns, ["-strict", .. options]), values))
                .Select(item => item.AsObject()),
        ];

    public static Task<string> NotesAsync(string values, string ns = "cvmanager") =>
        ExternalProgram.RunAsync(Servers.HelmRender, Arguments(ns, ["-strict", "-notes"]), values);

    public static Task<(int ExitCode, string Output, string Error)> TryAsync(string values, params string[] options) =>
        ExternalProgram.TryAsync(Servers.HelmRender, Arguments("cvmanager", options), values);

    /// <summary>Objects as text by kind, namespace and name, with sorted fields.</summary>
    public static SortedDictionary<string, string> ByName(IEnumerable<JsonObject> items) =>
        new(
            items.ToDictionary(
                item => $"{item["apiVersion"]} {item["kind"]} {item["metadata"]!["namespace"]}/{item["metadata"]!["name"]}",
                item => Sorted(item)!.ToJsonString()
            ),
            StringComparer.Ordinal
        );

    private static IEnumerable<string> Arguments(string ns, string[] options) => ["-namespace", ns, "-f", "-", .. options, Folder];

    private static JsonNode? Sorted(JsonNode? node) =>
        node switch
        {
            JsonObject item => new JsonObject(
                item.OrderBy(field => field.Key, StringComparer.Ordinal)
                    .Select(field => KeyValuePair.Create(field.Key, Sorted(field.Value)))
            ),
            JsonArray list => new JsonArray([.. list.Select(Sorted)]),
            _ => node?.DeepClone(),
        };
}
