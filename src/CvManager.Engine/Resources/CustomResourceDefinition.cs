using System.Text.Json.Nodes;

namespace CvManager.Resources;

/// <summary>The CRD manifest (deploy/crd.yaml, embedded): what a cluster is given, and what we validate with ourselves.</summary>
public static class CustomResourceDefinition
{
    public const string Name = ContainerVersion.Plural + "." + ContainerVersion.Group;

    private static readonly Lazy<string> Manifest = new(ReadManifest);
    private static readonly Lazy<JsonObject> Parsed = new(() => (JsonObject)YamlDocuments.Read(Manifest.Value).Single());

    /// <summary>The manifest as it stands in deploy/crd.yaml.</summary>
    public static string Yaml => Manifest.Value;

    /// <summary>The manifest as JSON; a copy of the caller's own.</summary>
    public static JsonObject Json => (JsonObject)Parsed.Value.DeepClone();

    /// <summary>The <c>openAPIV3Schema</c>; shared, so not to be changed.</summary>
    internal static JsonObject Schema { get; } = (JsonObject)Parsed.Value["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"]!;

    private static string ReadManifest()
    {
        using Stream stream = typeof(CustomResourceDefinition).Assembly.GetManifestResourceStream("crd.yaml")
            ?? throw new InvalidOperationException("The assembly does not contain crd.yaml.");
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
