using System.Text.Json.Nodes;

namespace CvManager.Resources;

/// <summary>The CRD manifest (deploy/crd.yaml, embedded), for installation and for validation offline.</summary>
public static class CustomResourceDefinition
{
    public const string Name = ContainerVersion.Plural + "." + ContainerVersion.Group;

    private static readonly Lazy<string> Manifest = new(ReadManifest);
    private static readonly Lazy<JsonObject> Parsed = new(() => (JsonObject)YamlDocuments.Read(Manifest.Value).Single());

    /// <summary>The text of deploy/crd.yaml.</summary>
    public static string Yaml => Manifest.Value;

    /// <summary>The manifest as JSON; a new copy for each call.</summary>
    public static JsonObject Json => (JsonObject)Parsed.Value.DeepClone();

    /// <summary>The <c>openAPIV3Schema</c>; shared, must not be modified.</summary>
    internal static JsonObject Schema { get; } = (JsonObject)Parsed.Value["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"]!;

    private static string ReadManifest()
    {
        using var stream =
            typeof(CustomResourceDefinition).Assembly.GetManifestResourceStream("crd.yaml")
            ?? throw new InvalidOperationException("The assembly does not contain crd.yaml.");
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
