namespace CvManager.Sandbox.Registry;

/// <summary>
/// The registry's content, in memory: blobs are shared by all repositories; each repository has its blob digests, manifests and tags.
/// Thread-safe: each method is atomic. Callers must pass well-formed names and digests.
/// </summary>
internal sealed class RegistryContent(long totalLimit)
{
    private readonly object _gate = new();
    private readonly SortedDictionary<string, Repository> _repositories = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SharedBlob> _blobs = [];
    private long _total;

    /// <summary>Counts bytes towards the limit before they are stored.</summary>
    /// <exception cref="RegistryError">SIZE_INVALID: the registry is full.</exception>
    public void Reserve(long bytes)
    {
        lock (_gate)
        {
            if (_total + bytes > totalLimit)
                throw RegistryError.Full(totalLimit);
            _total += bytes;
        }
    }

    public void Release(long bytes)
    {
        lock (_gate)
            _total -= bytes;
    }

    /// <summary>Stores a blob whose bytes are already reserved. The reservation is released if the blob exists.</summary>
    public void AddBlob(string repository, string digest, ReadOnlyMemory<byte> content)
    {
        lock (_gate)
        {
            if (_blobs.TryGetValue(digest, out var blob))
                _total -= content.Length;
            else
                _blobs.Add(digest, blob = new SharedBlob(content));
            if (GetOrAdd(repository).Blobs.Add(digest))
                blob.Repositories++;
        }
    }

    /// <summary>Adds a blob of another repository; false if that repository does not have it.</summary>
    /// <param name="repository">The repository to add it to.</param>
    /// <param name="digest">The digest of the blob.</param>
    /// <param name="from">The repository that has it.</param>
    public bool MountBlob(string repository, string digest, string from)
    {
        lock (_gate)
        {
            if (!_repositories.TryGetValue(from, out var source) || !source.Blobs.Contains(digest))
                return false;
            if (GetOrAdd(repository).Blobs.Add(digest))
                _blobs[digest].Repositories++;
            return true;
        }
    }

    public bool TryGetBlob(string repository, string digest, out ReadOnlyMemory<byte> content)
    {
        lock (_gate)
        {
            var found = _repositories.TryGetValue(repository, out var known) && known.Blobs.Contains(digest);
            content = found ? _blobs[digest].Content : default;
            return found;
        }
    }

    public bool RemoveBlob(string repository, string digest)
    {
        lock (_gate)
        {
            if (!_repositories.TryGetValue(repository, out var known) || !known.Blobs.Remove(digest))
                return false;
            if (--_blobs[digest].Repositories == 0)
            {
                _total -= _blobs[digest].Content.Length;
                _blobs.Remove(digest);
            }
            return true;
        }
    }

    /// <summary>Stores a manifest, and tags it if a tag is given.</summary>
    /// <exception cref="RegistryError">A referenced blob or manifest is missing, or the registry is full.</exception>
    public void AddManifest(string repository, Manifest manifest, string? tag)
    {
        lock (_gate)
        {
            var known = _repositories.GetValueOrDefault(repository) ?? new Repository();
            // An existing manifest may be tagged even if its layers are missing, so that tests can release a broken image.
            if (!known.Manifests.ContainsKey(manifest.Digest) && FirstMissing(known, manifest, deep: false) is string missing)
                throw RegistryError.ManifestBlobUnknown(missing);
            if (!known.Manifests.ContainsKey(manifest.Digest))
                Reserve(manifest.Content.Length);
            _repositories[repository] = known;
            known.Manifests[manifest.Digest] = manifest;
            if (tag is not null)
                known.Tags[tag] = manifest.Digest;
        }
    }

    /// <param name="repository">The repository.</param>
    /// <param name="reference">A tag or a digest.</param>
    /// <exception cref="RegistryError">NAME_UNKNOWN or MANIFEST_UNKNOWN.</exception>
    public Manifest Manifest(string repository, string reference)
    {
        lock (_gate)
            return Find(repository, reference);
    }

    /// <summary>The manifest; null if a blob or manifest that it references is missing.</summary>
    /// <exception cref="RegistryError">NAME_UNKNOWN or MANIFEST_UNKNOWN.</exception>
    public Manifest? CompleteManifest(string repository, string reference)
    {
        lock (_gate)
        {
            var manifest = Find(repository, reference);
            return FirstMissing(_repositories[repository], manifest, deep: true) is null ? manifest : null;
        }
    }

    public void SetTag(string repository, string tag, string digest)
    {
        lock (_gate)
        {
            Find(repository, digest);
            _repositories[repository].Tags[tag] = digest;
        }
    }

    public void RemoveTag(string repository, string tag)
    {
        lock (_gate)
        {
            if (!Get(repository).Tags.Remove(tag))
                throw RegistryError.ManifestUnknown(tag);
        }
    }

    /// <summary>Removes a manifest and the tags that point to it.</summary>
    public void RemoveManifest(string repository, string digest)
    {
        lock (_gate)
        {
            var manifest = Find(repository, digest);
            var known = _repositories[repository];
            known.Manifests.Remove(digest);
            _total -= manifest.Content.Length;
            foreach (var tag in known.Tags.Where(t => t.Value == digest).Select(t => t.Key).ToList())
                known.Tags.Remove(tag);
        }
    }

    /// <summary>The tags in ordinal order.</summary>
    /// <exception cref="RegistryError">NAME_UNKNOWN.</exception>
    public IReadOnlyList<string> Tags(string repository)
    {
        lock (_gate)
            return [.. Get(repository).Tags.Keys];
    }

    /// <summary>The repositories with at least one manifest, in ordinal order.</summary>
    public IReadOnlyList<string> Repositories()
    {
        lock (_gate)
            return [.. _repositories.Where(r => r.Value.Manifests.Count > 0).Select(r => r.Key)];
    }

    public IReadOnlyList<Manifest> Referrers(string repository, string subject)
    {
        lock (_gate)
        {
            return _repositories.TryGetValue(repository, out var known)
                ? [.. known.Manifests.Values.Where(m => m.Subject == subject).OrderBy(m => m.Digest, StringComparer.Ordinal)]
                : [];
        }
    }

    /// <summary>Removes the layers of an image, or of all images of an index.</summary>
    public void RemoveLayers(string repository, string reference)
    {
        lock (_gate)
        {
            var manifest = Find(repository, reference);
            foreach (var child in manifest.Children)
                RemoveLayers(repository, child);
            foreach (var layer in manifest.Blobs.Skip(1))
                RemoveBlob(repository, layer);
        }
    }

    private static string? FirstMissing(Repository known, Manifest manifest, bool deep) =>
        manifest.Blobs.FirstOrDefault(b => !known.Blobs.Contains(b))
        ?? manifest.Children.FirstOrDefault(c =>
            !known.Manifests.TryGetValue(c, out var child) || (deep && FirstMissing(known, child, deep) is not null)
        );

    private Manifest Find(string repository, string reference)
    {
        var known = Get(repository);
        var digest = reference.Contains(':', StringComparison.Ordinal) ? reference : known.Tags.GetValueOrDefault(reference);
        return digest is not null && known.Manifests.TryGetValue(digest, out var manifest)
            ? manifest
            : throw RegistryError.ManifestUnknown(reference);
    }

    private Repository Get(string repository) => _repositories.GetValueOrDefault(repository) ?? throw RegistryError.NameUnknown(repository);

    private Repository GetOrAdd(string repository)
    {
        if (!_repositories.TryGetValue(repository, out var known))
            _repositories.Add(repository, known = new Repository());
        return known;
    }

    private sealed class Repository
    {
        public HashSet<string> Blobs { get; } = [];

        public Dictionary<string, Manifest> Manifests { get; } = [];

        public SortedDictionary<string, string> Tags { get; } = new(StringComparer.Ordinal);
    }

    private sealed class SharedBlob(ReadOnlyMemory<byte> content)
    {
        public ReadOnlyMemory<byte> Content { get; } = content;

        /// <summary>The number of repositories that have it.</summary>
        public int Repositories { get; set; }
    }
}
