using CvManager.Registries;

namespace CvManager.Versions;

/// <summary>A cache of the digests of version tags, which never move. Thread-safe.</summary>
public interface IVersionTagCache
{
    /// <summary>The digest of a version tag; null if not cached.</summary>
    string? DigestOf(ImageRepository repository, string versionTag);

    /// <summary>The cached version tags with a digest.</summary>
    IReadOnlyList<string> TagsOf(ImageRepository repository, string digest);

    void Add(ImageRepository repository, string versionTag, string digest);

    /// <summary>Removes a tag that was deleted or moved after all.</summary>
    void Remove(ImageRepository repository, string versionTag);
}
