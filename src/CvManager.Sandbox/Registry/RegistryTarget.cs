namespace CvManager.Sandbox.Registry;

/// <summary>The target of a path of the distribution API.</summary>
/// <param name="Kind">The kind of the target.</param>
/// <param name="Repository">The repository; empty for none.</param>
/// <param name="Reference">The tag, digest or upload ID; empty for none.</param>
internal sealed record RegistryTarget(RegistryRequestKind Kind, string Repository, string Reference)
{
    /// <summary><c>/v2/</c> itself.</summary>
    public static RegistryTarget Base { get; } = new(RegistryRequestKind.Other, "", "v2");

    /// <summary>A path that is not part of the API.</summary>
    public static RegistryTarget Unknown { get; } = new(RegistryRequestKind.Other, "", "");

    public static RegistryTarget Parse(IReadOnlyList<string> path) =>
        path.ToArray() switch
        {
            ["v2"] => Base,
            ["token"] => new(RegistryRequestKind.Token, "", ""),
            ["v2", "_catalog"] => new(RegistryRequestKind.Catalog, "", ""),
            ["v2", .. var name, "tags", "list"] => new(RegistryRequestKind.Tags, Name(name), ""),
            ["v2", .. var name, "manifests", var reference] => new(RegistryRequestKind.Manifest, Name(name), reference),
            ["v2", .. var name, "referrers", var digest] => new(RegistryRequestKind.Referrers, Name(name), digest),
            ["v2", .. var name, "blobs", "uploads"] => new(RegistryRequestKind.Upload, Name(name), ""),
            ["v2", .. var name, "blobs", "uploads", var id] => new(RegistryRequestKind.Upload, Name(name), id),
            ["v2", .. var name, "blobs", var digest] => new(RegistryRequestKind.Blob, Name(name), digest),
            _ => Unknown,
        };

    private static string Name(string[] segments) => string.Join('/', segments);
}
