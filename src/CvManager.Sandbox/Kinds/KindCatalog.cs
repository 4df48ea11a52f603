namespace CvManager.Sandbox.Kinds;

/// <summary>The resources that are currently served. Guarded by the store's lock.</summary>
internal sealed class KindCatalog(BuiltInKinds builtIn)
{
    private readonly List<ResourceType> _types = [.. builtIn.Types];
    private Dictionary<(string Group, string Version, string Plural), (ResourceType, ServedVersion)>? _index;

    public IReadOnlyList<ResourceType> Types => _types;

    /// <summary>Increases with every change of the served resources.</summary>
    public int Generation { get; private set; }

    public (ResourceType Type, ServedVersion Version)? Find(string group, string version, string plural)
    {
        _index ??= _types
            .SelectMany(type => type.Versions.Select(served => (type, served)))
            .ToDictionary(pair => (pair.served.Group, pair.served.Version, pair.type.Plural));
        return _index.TryGetValue((group, version, plural), out var found) ? found : null;
    }

    public ResourceType? Custom(string group, string plural) =>
        _types.FirstOrDefault(type => type.IsCustom && type.Group == group && type.Plural == plural);

    /// <summary>Serves a custom resource, replacing the previous version of its definition.</summary>
    public void Serve(ResourceType type)
    {
        _types.RemoveAll(other => other.Group == type.Group && other.Plural == type.Plural);
        _types.Add(type);
        Changed();
    }

    public void Withdraw(ResourceType type)
    {
        if (_types.Remove(type))
            Changed();
    }

    public IEnumerable<(string Group, string Version)> GroupVersions() =>
        _types.SelectMany(type => type.Versions.Select(served => (served.Group, served.Version))).Distinct();

    private void Changed()
    {
        _index = null;
        Generation++;
    }
}
