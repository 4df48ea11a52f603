using System.Runtime.CompilerServices;
using CvManager.Registries;

namespace CvManager.Support.Registries;

/// <summary>A registry with one repository and scripted results that records calls.</summary>
internal sealed class FakeRegistry : IRegistry, IRegistryCatalog
{
    public static readonly ImageRepository App = ImageRepository.Parse("registry.test/app");

    private readonly List<string> _requests = [];

    /// <summary>Tags and their digests, in list order.</summary>
    public Dictionary<string, string> Tags { get; } = new(StringComparer.Ordinal);

    /// <summary>Unreadable tags.</summary>
    public Dictionary<string, CvException> Broken { get; } = new(StringComparer.Ordinal);

    /// <summary>Build times by digest.</summary>
    public Dictionary<string, string> Created { get; } = new(StringComparer.Ordinal);

    /// <summary>The error of listing; null for success.</summary>
    public CvException? ListError { get; set; }

    /// <summary>The read tags and <c>list</c>, in order.</summary>
    public IReadOnlyList<string> Requests
    {
        get
        {
            lock (_requests)
                return [.. _requests];
        }
    }

    public int TagsPerRequest => 1;

    public static string Digest(char c) => "sha256:" + new string(c, 64);

    public static CvException Error(CvErrorKind kind) => new("RegistryTest", kind, "it cannot be read", "-");

    public IRegistry For(ImageRepository repository) => this;

    public void ClearRequests()
    {
        lock (_requests)
            _requests.Clear();
    }

    public Task<TagDigest?> FindTagAsync(ImageRepository repository, string tag, CancellationToken cancellationToken)
    {
        Record(tag);
        return Broken.TryGetValue(tag, out var error)
            ? Task.FromException<TagDigest?>(error)
            : Task.FromResult(Tags.TryGetValue(tag, out var digest) ? new TagDigest(digest) : null);
    }

    public Task<IReadOnlyDictionary<string, TagDigest>> FindTagsAsync(
        ImageRepository repository,
        IReadOnlyCollection<string> tags,
        CancellationToken cancellationToken
    ) => throw new NotSupportedException();

    public async IAsyncEnumerable<RegistryTag> ListTagsAsync(
        ImageRepository repository,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        await Task.CompletedTask;
        Record("list");
        foreach (var tag in Tags.Keys)
            yield return new RegistryTag(tag, null);
        if (ListError is not null)
            throw ListError;
    }

    public Task<IReadOnlyDictionary<string, string>> ReadLabelsAsync(
        ImageRepository repository,
        string digest,
        CancellationToken cancellationToken
    ) =>
        Task.FromResult<IReadOnlyDictionary<string, string>>(
            Created.TryGetValue(digest, out var created) ? new Dictionary<string, string> { [IRegistry.CreatedLabel] = created } : []
        );

    public Task RequireCompleteAsync(ImageRepository repository, string indexDigest, CancellationToken cancellationToken) =>
        Task.CompletedTask;

    public Task<TagMove> AddTagAsync(ImageRepository repository, string version, string tag, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task RemoveTagAsync(ImageRepository repository, string tag, bool force, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    private void Record(string what)
    {
        lock (_requests)
            _requests.Add(what);
    }
}
