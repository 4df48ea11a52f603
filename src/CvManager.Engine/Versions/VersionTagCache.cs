using CvManager.Registries;

namespace CvManager.Versions;

/// <summary>An in-memory cache with a maximum number of tags; the oldest are removed first.</summary>
public sealed class VersionTagCache(int capacity = VersionTagCache.DefaultCapacity) : IVersionTagCache
{
    public const int DefaultCapacity = 200_000;

    private readonly object _lock = new();
    private readonly Dictionary<(ImageRepository Repository, string Tag), LinkedListNode<Known>> _byTag = [];
    private readonly Dictionary<(ImageRepository Repository, string Digest), List<string>> _byDigest = [];
    private readonly LinkedList<Known> _oldestFirst = [];

    public string? DigestOf(ImageRepository repository, string versionTag)
    {
        lock (_lock)
            return _byTag.TryGetValue((repository, versionTag), out var node) ? node.Value.Digest : null;
    }

    public IReadOnlyList<string> TagsOf(ImageRepository repository, string digest)
    {
        lock (_lock)
            return _byDigest.TryGetValue((repository, digest), out var tags) ? [.. tags] : [];
    }

    public void Add(ImageRepository repository, string versionTag, string digest)
    {
        lock (_lock)
        {
            if (_byTag.TryGetValue((repository, versionTag), out var present))
            {
                if (present.Value.Digest == digest)
                    return;
                Remove(present);
            }

            var known = new Known(repository, versionTag, digest);
            _byTag.Add((repository, versionTag), _oldestFirst.AddLast(known));
            if (!_byDigest.TryGetValue((repository, digest), out var tags))
                _byDigest.Add((repository, digest), tags = []);
            tags.Add(versionTag);
            if (_byTag.Count > capacity)
                Remove(_oldestFirst.First!);
        }
    }

    public void Remove(ImageRepository repository, string versionTag)
    {
        lock (_lock)
        {
            if (_byTag.TryGetValue((repository, versionTag), out var node))
                Remove(node);
        }
    }

    private void Remove(LinkedListNode<Known> node)
    {
        var known = node.Value;
        _oldestFirst.Remove(node);
        _byTag.Remove((known.Repository, known.Tag));
        var tags = _byDigest[(known.Repository, known.Digest)];
        tags.Remove(known.Tag);
        if (tags.Count == 0)
            _byDigest.Remove((known.Repository, known.Digest));
    }

    private sealed record Known(ImageRepository Repository, string Tag, string Digest);
}
