using CvManager.Sandbox.Http;

namespace CvManager.Sandbox.Registry;

/// <summary>
/// An OCI registry in this process, for trying out and for tests: skopeo and other clients of the distribution specification 1.1 can
/// push to it and pull from it, and a <see cref="SandboxCluster"/> pulls its images from it. It keeps everything in memory and is no
/// production registry. Thread-safe.
/// </summary>
public sealed class SandboxRegistry : IImageSource, IAsyncDisposable
{
    private static readonly Dictionary<string, string> NoLabels = [];

    private readonly SandboxRegistryOptions options;
    private readonly RegistryContent content;
    private readonly RegistryServer server;
    private readonly LoopbackListener? listener;
    private long pushed;

    private SandboxRegistry(SandboxRegistryOptions options)
    {
        this.options = options;
        content = new RegistryContent(options.TotalLimit);
        server = new RegistryServer(options, content);
        listener = options.Listen
            ? LoopbackListener.Start(options.Port, (context, stopping) => RegistryExchange.ServeAsync(server, context, stopping))
            : null;
    }

    /// <summary>Null where the registry does not listen.</summary>
    public Uri? Server => listener?.Server;

    /// <summary>What image references begin with: <c>127.0.0.1:port</c>, or the name that stands for it where it does not listen.</summary>
    public string Host => Server?.Authority ?? options.HostWithoutSocket;

    /// <summary>False: every request is answered 503 and every pull fails, until it is true again.</summary>
    public bool Available
    {
        get => server.Available;
        set => server.Available = value;
    }

    /// <summary>How many requests came, answered in whatever way, by method and kind. Faults that a handler injects are not among them.</summary>
    public IReadOnlyDictionary<(string Method, RegistryRequestKind Kind), long> Requests => server.Counts;

    /// <summary>The repositories that hold images, in ordinal order.</summary>
    public IReadOnlyList<string> Repositories => content.Repositories();

    /// <summary>Starts a registry.</summary>
    /// <exception cref="System.Net.HttpListenerException">The given port is taken.</exception>
    public static Task<SandboxRegistry> StartAsync(SandboxRegistryOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult(new SandboxRegistry(options));
    }

    /// <summary>
    /// The registry without a socket: requests to any host name are answered by it. Each client gets its own handler, and with it its
    /// own faults. Requests log in as over HTTP.
    /// </summary>
    public HttpMessageHandler CreateHandler(FaultInjector? faults = null) => new RegistryHandler(server, options.TimeProvider, faults);

    /// <summary>Counts from zero again.</summary>
    public void ForgetRequests() => server.ForgetCounts();

    /// <summary>Every bearer token that is out ends now, as when a registry's signing key changes.</summary>
    public void RevokeTokens() => server.Access.RevokeTokens();

    /// <summary>Puts a new tiny image under a tag. Each call makes an image of its own; the same calls on a new registry make the same.</summary>
    /// <param name="repository">The repository, without a host; made where it is not there.</param>
    /// <param name="tag">The tag; moved where it is there.</param>
    /// <param name="labels">The image's labels, e.g. <c>org.opencontainers.image.version</c>.</param>
    /// <param name="platforms">Each <c>os/architecture[/variant]</c>: the tag is an index of one image for each. Null: one image for linux/amd64, no index.</param>
    /// <returns>The digest that the tag points at.</returns>
    /// <exception cref="ArgumentException">Repository, tag or platform is malformed.</exception>
    /// <exception cref="InvalidOperationException">The registry is full.</exception>
    public string PushImage(string repository, string tag, IReadOnlyDictionary<string, string>? labels = null, IReadOnlyList<string>? platforms = null)
    {
        Check(repository, tag);
        long number = Interlocked.Increment(ref pushed);
        return Told(() =>
        {
            if (platforms is null)
                return Push(repository, tag, $"{repository}:{tag} {number}", "linux/amd64", labels).Digest;
            var images = platforms.Select(p => (p, Push(repository, null, $"{repository}:{tag} {number} {p}", p, labels))).ToList();
            var index = TinyImage.Index(images);
            content.AddManifest(repository, index, tag);
            return index.Digest;
        });
    }

    /// <summary>Makes a tag, or moves it, onto a manifest of the same repository.</summary>
    /// <exception cref="ArgumentException">Repository or tag is malformed.</exception>
    /// <exception cref="InvalidOperationException">There is no such repository or digest.</exception>
    public void Tag(string repository, string tag, string digest)
    {
        Check(repository, tag);
        ArgumentException.ThrowIfNullOrEmpty(digest);
        Told(() => content.SetTag(repository, tag, digest));
    }

    /// <summary>Removes a tag alone.</summary>
    /// <exception cref="InvalidOperationException">There is no such repository or tag.</exception>
    public void Untag(string repository, string tag) => Told(() => content.RemoveTag(repository, tag));

    /// <summary>The layers of a tag's image vanish: tag and manifest stay, but it cannot be pulled any more.</summary>
    /// <exception cref="InvalidOperationException">There is no such repository or tag.</exception>
    public void BreakImage(string repository, string tag) => Told(() => content.RemoveLayers(repository, tag));

    /// <summary>The tags of a repository, in ordinal order; none where there is no such repository.</summary>
    public IReadOnlyList<string> Tags(string repository) =>
        content.Repositories().Contains(repository) ? content.Tags(repository) : [];

    /// <summary>What a tag points at; null where there is no such tag.</summary>
    public string? Digest(string repository, string tag)
    {
        try
        {
            return content.Manifest(repository, tag).Digest;
        }
        catch (RegistryError)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public ValueTask<ImagePull> PullAsync(string image, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(image);
        cancellationToken.ThrowIfCancellationRequested();
        var reference = ImageReference.Parse(image);
        return new(Pull());

        ImagePull Pull()
        {
            if (!IsOwn(reference.Host))
                return Failed(ImagePullOutcome.Unreachable, $"dial tcp: lookup {reference.Host}: no such host");
            if (!Available)
                return Failed(ImagePullOutcome.Unreachable, "unexpected status: 503 Service Unavailable");
            if (options.Login is { AnonymousPull: false } && !options.NodesAreLoggedIn)
                return Failed(ImagePullOutcome.Unauthorized, "pull access denied, repository does not exist or may require authorization: authorization failed: 401 Unauthorized");
            try
            {
                return content.CompleteManifest(reference.Repository, reference.Reference) is { } manifest
                    ? new ImagePull(ImagePullOutcome.Pulled, manifest.Digest, "")
                    : Failed(ImagePullOutcome.NotFound, "content of the image is missing: not found");
            }
            catch (RegistryError)
            {
                return Failed(ImagePullOutcome.NotFound, $"{image}: not found");
            }
        }

        ImagePull Failed(ImagePullOutcome outcome, string why) => new(outcome, null, $"failed to pull and unpack image \"{image}\": {why}");
    }

    public async ValueTask DisposeAsync()
    {
        if (listener is not null)
            await listener.DisposeAsync().ConfigureAwait(false);
    }

    private bool IsOwn(string host) => host == Host || host == options.HostWithoutSocket || (Server is not null && host == $"localhost:{Server.Port}");

    private Manifest Push(string repository, string? tag, string text, string platform, IReadOnlyDictionary<string, string>? labels)
    {
        var image = TinyImage.Build(text, platform, labels ?? NoLabels, options.TimeProvider.GetUtcNow());
        foreach (var blob in (ReadOnlySpan<ReadOnlyMemory<byte>>)[image.Layer, image.Config])
        {
            content.Reserve(blob.Length);
            content.AddBlob(repository, ContentNames.Sha256(blob.Span), blob);
        }
        content.AddManifest(repository, image.Manifest, tag);
        return image.Manifest;
    }

    private static void Check(string repository, string tag)
    {
        ArgumentException.ThrowIfNullOrEmpty(repository);
        ArgumentException.ThrowIfNullOrEmpty(tag);
        if (!ContentNames.IsRepository(repository))
            throw new ArgumentException($"'{repository}' is no repository name.", nameof(repository));
        if (!ContentNames.IsTag(tag))
            throw new ArgumentException($"'{tag}' is no tag.", nameof(tag));
    }

    private static void Told(Action action) => Told(() =>
    {
        action();
        return 0;
    });

    /// <summary>Errors of the wire protocol as this class' callers know them.</summary>
    private static T Told<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (RegistryError error)
        {
            throw new InvalidOperationException($"{error.Message} ({error.Code}: {error.Detail})", error);
        }
    }
}
