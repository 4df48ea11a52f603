using CvManager.Registries;

namespace CvManager.Versions;

/// <summary>What has been learnt of version tags, which never move. Thread-safe.</summary>
public interface ILearntTags
{
    /// <summary>The digest of a version tag; null where it is not known.</summary>
    string? DigestOf(ImageRepository repository, string versionTag);

    /// <summary>The version tags known to have a digest.</summary>
    IReadOnlyList<string> TagsOf(ImageRepository repository, string digest);

    void Learn(ImageRepository repository, string versionTag, string digest);

    /// <summary>Forgets a tag that turned out to be gone, or to have moved after all.</summary>
    void Forget(ImageRepository repository, string versionTag);
}
