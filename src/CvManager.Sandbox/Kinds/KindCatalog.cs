namespace CvManager.Sandbox.Kinds;

/// <summary>Every resource that is served right now. Guarded by the store's lock.</summary>
internal sealed class KindCatalog(BuiltInKinds builtIn)
{
    private readonly List<ResourceType> types = [.. builtIn.Types];
    private Dictionary<(string Group, string Version, string Plural), (ResourceType, ServedVersion)>? index;

    public IReadOnlyList<ResourceType> Types => types;

    /// <summary>Grows whenever what is served changes.</summary>
    public int Generation { get; private set; }

    public (ResourceType Type, ServedVersion Version)? Find(string group, string version, string plural)
    {
        index ??= types
            .SelectMany(type => type.Versions.Select(served => (type, served)))
            .ToDictionary(pair => (pair.served.Group, pair.served.Version, pair.type.Plural));
        return index.TryGetValue((group, version, plural), out var found) ? found : null;
    }

    /// <summary>The type that an owner reference or an involved object names; any of its versions will do.</summary>
    public ResourceType? FindKind(string apiVersion, string kind)
    {
        int slash = apiVersion.IndexOf('/', StringComparison.Ordinal);
        string group = slash < 0 ? "" : apiVersion[..slash];
        return types.FirstOrDefault(type => type.Group == group && type.Kind == kind);
    }

    public ResourceType? Custom(string group, string plural) =>
        types.FirstOrDefault(type => type.IsCustom && type.Group == group && type.Plural == plural);

    /// <summary>Serves a custom resource, in place of what its definition said before.</summary>
    public void Serve(ResourceType type)
    {
        types.RemoveAll(other => other.Group == type.Group && other.Plural == type.Plural);
        types.Add(type);
        Changed();
    }

    public void Withdraw(ResourceType type)
    {
        if (types.Remove(type))
            Changed();
    }

    public IEnumerable<(string Group, string Version)> GroupVersions() => types
        .SelectMany(type => type.Versions.Select(served => (served.Group, served.Version))).Distinct();

    private void Changed()
    {
        index = null;
        Generation++;
    }
}
