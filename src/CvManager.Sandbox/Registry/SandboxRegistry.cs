namespace CvManager.Sandbox.Registry;

/// <summary>
/// An in-process OCI registry for demos and tests. Clients of the distribution specification 1.1, such as skopeo, can push to it and pull
/// from it, and a <see cref="SandboxCluster"/> can pull its images from it. It keeps everything in memory and is not for production use.
/// Thread-safe.
/// </summary>
public sealed class SandboxRegistry : IImageSource, IAsyncDisposable
{
    private static readonly Dictionary<string, string> NoLabels = [];

    private readonly SandboxRegistryOptions _options;
    private readonly RegistryContent _content;
    private readonly RegistryServer _server;
    private readonly LoopbackListener? _listener;
    private long _pushed;

    private SandboxRegistry(SandboxRegistryOptions options)
    {
        _options = options;
        _content = new RegistryContent(options.TotalLimit);
        _server = new RegistryServer(options, _content);
        _listener = options.Listen
            ? LoopbackListener.Start(options.Port, (context, stopping) => RegistryExchange.ServeAsync(_server, context, stopping))
            : null;
    }

    /// <summary>Null if the registry does not listen.</summary>
    public Uri? Server => _listener?.Server;

    /// <summary>The host in image references: <c>127.0.0.1:port</c>, or HostWithoutSocket if the registry does not listen.</summary>
    public string Host => Server?.Authority ?? _options.HostWithoutSocket;

    /// <summary>If false, every request gets a 503 response and every pull fails.</summary>
    public bool Available
    {
        get => _server.Available;
        set => _server.Available = value;
    }

    /// <summary>The number of requests by method and kind. Requests that a handler's faults intercept are not counted.</summary>
    public IReadOnlyDictionary<(string Method, RegistryRequestKind Kind), long> Requests => _server.Counts;

    /// <summary>The repositories that contain images, in ordinal order.</summary>
    public IReadOnlyList<string> Repositories => _content.Repositories();

    /// <summary>Starts a registry.</summary>
    /// <exception cref="System.Net.HttpListenerException">The port is in use.</exception>
    public static Task<SandboxRegistry> StartAsync(SandboxRegistryOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult(new SandboxRegistry(options));
    }

    /// <summary>
    /// Creates a handler that sends requests to the registry without a socket, whatever their host. Create one handler per client; each
    /// has its own faults. Requests authenticate as over HTTP.
    /// </summary>
    public HttpMessageHandler CreateHandler(FaultInjector? faults = null) => new RegistryHandler(_server, _options.TimeProvider, faults);

    /// <summary>Resets <see cref="Requests"/>.</summary>
    public void ResetRequests() => _server.ResetCounts();

    /// <summary>Invalidates all issued bearer tokens, as when a registry's signing key changes.</summary>
    public void RevokeTokens() => _server.Access.RevokeTokens();

    /// <summary>Pushes a new small image. Each call creates a different image, but calls are repeatable on a new registry.</summary>
    /// <param name="repository">The repository, without a host; created if it does not exist.</param>
    /// <param name="tag">The tag; moved if it exists.</param>
    /// <param name="labels">The image's labels, such as <c>org.opencontainers.image.version</c>.</param>
    /// <param name="platforms">
    /// Platforms as <c>os/architecture[/variant]</c>, for an index with one image each. Null for a single linux/amd64 image, no index.
    /// </param>
    /// <returns>The digest that the tag points to.</returns>
    /// <exception cref="ArgumentException">Repository, tag or platform is malformed.</exception>
    /// <exception cref="InvalidOperationException">The registry is full.</exception>
    public string PushImage(
        string repository,
        string tag,
        IReadOnlyDictionary<string, string>? labels = null,
        IReadOnlyList<string>? platforms = null
    )
    {
        Check(repository, tag);
        var number = Interlocked.Increment(ref _pushed);
        return Translate(() =>
        {
            if (platforms is null)
                return Push(repository, tag, $"{repository}:{tag} {number}", "linux/amd64", labels).Digest;
            var images = platforms.Select(p => (p, Push(repository, null, $"{repository}:{tag} {number} {p}", p, labels))).ToList();
            var index = TinyImage.Index(images);
            _content.AddManifest(repository, index, tag);
            return index.Digest;
        });
    }

    /// <summary>Creates or moves a tag to a manifest of the same repository.</summary>
    /// <exception cref="ArgumentException">Repository or tag is malformed.</exception>
    /// <exception cref="InvalidOperationException">The repository or digest does not exist.</exception>
    public void Tag(string repository, string tag, string digest)
    {
        Check(repository, tag);
        ArgumentException.ThrowIfNullOrEmpty(digest);
        Translate(() => _content.SetTag(repository, tag, digest));
    }

    /// <summary>Removes a tag but not the manifest.</summary>
    /// <exception cref="InvalidOperationException">The repository or tag does not exist.</exception>
    public void Untag(string repository, string tag) => Translate(() => _content.RemoveTag(repository, tag));

    /// <summary>Removes the layers of a tag's image: tag and manifest stay, but the image can no longer be pulled.</summary>
    /// <exception cref="InvalidOperationException">The repository or tag does not exist.</exception>
    public void BreakImage(string repository, string tag) => Translate(() => _content.RemoveLayers(repository, tag));

    /// <summary>The tags of a repository, in ordinal order; empty if the repository does not exist.</summary>
    public IReadOnlyList<string> Tags(string repository) => _content.Repositories().Contains(repository) ? _content.Tags(repository) : [];

    /// <summary>The digest that a tag points to; null if the tag does not exist.</summary>
    public string? Digest(string repository, string tag)
    {
        try
        {
            return _content.Manifest(repository, tag).Digest;
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
            if (_options.Login is { AnonymousPull: false } && !_options.NodesAreLoggedIn)
                return Failed(
                    ImagePullOutcome.Unauthorized,
                    "pull access denied, repository does not exist or may require authorization: authorization failed: 401 Unauthorized"
                );
            try
            {
                return _content.CompleteManifest(reference.Repository, reference.Reference) is { } manifest
                    ? new ImagePull(ImagePullOutcome.Pulled, manifest.Digest, "")
                    : Failed(ImagePullOutcome.NotFound, "content of the image is missing: not found");
            }
            catch (RegistryError)
            {
                return Failed(ImagePullOutcome.NotFound, $"{image}: not found");
            }
        }

        ImagePull Failed(ImagePullOutcome outcome, string detail) =>
            new(outcome, null, $"failed to pull and unpack image \"{image}\": {detail}");
    }

    public async ValueTask DisposeAsync()
    {
        if (_listener is not null)
            await _listener.DisposeAsync();
    }

    private bool IsOwn(string host) =>
        host == Host || host == _options.HostWithoutSocket || (Server is not null && host == $"localhost:{Server.Port}");

    private Manifest Push(string repository, string? tag, string text, string platform, IReadOnlyDictionary<string, string>? labels)
    {
        var image = TinyImage.Build(text, platform, labels ?? NoLabels, _options.TimeProvider.GetUtcNow());
        foreach (var blob in (ReadOnlySpan<ReadOnlyMemory<byte>>)[image.Layer, image.Config])
        {
            _content.Reserve(blob.Length);
            _content.AddBlob(repository, ContentNames.Sha256(blob.Span), blob);
        }
        _content.AddManifest(repository, image.Manifest, tag);
        return image.Manifest;
    }

    private static void Check(string repository, string tag)
    {
        ArgumentException.ThrowIfNullOrEmpty(repository);
        ArgumentException.ThrowIfNullOrEmpty(tag);
        if (!ContentNames.IsRepository(repository))
            throw new ArgumentException($"'{repository}' is not a valid repository name.", nameof(repository));
        if (!ContentNames.IsTag(tag))
            throw new ArgumentException($"'{tag}' is not a valid tag.", nameof(tag));
    }

    private static void Translate(Action action) =>
        Translate(() =>
        {
            action();
            return 0;
        });

    /// <summary>Translates errors of the wire protocol into InvalidOperationException.</summary>
    private static T Translate<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (RegistryError e)
        {
            throw new InvalidOperationException($"{e.Message} ({e.Code}: {e.Detail})", e);
        }
    }
}
