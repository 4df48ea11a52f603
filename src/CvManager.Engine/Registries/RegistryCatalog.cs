using System.Collections.Concurrent;
using CvManager.Registries.Credentials;
using CvManager.Registries.Ecr;
using CvManager.Registries.Oci;

namespace CvManager.Registries;

/// <summary>The registries in use: one client each, made when first asked for. Thread-safe.</summary>
public sealed class RegistryCatalog : IRegistryCatalog, IDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<IRegistry>> _registries = new(StringComparer.OrdinalIgnoreCase);
    private readonly RegistryClientOptions _options;
    private readonly ICredentialSource _credentials;
    private readonly HttpMessageInvoker _http;
    private readonly bool _ownsHttp;
    private readonly ConcurrentBag<IDisposable> _owned = [];

    /// <param name="handler">What requests go through, with redirects and cookies switched off; null for the network. It stays the caller's.</param>
    public RegistryCatalog(RegistryClientOptions options, ICredentialSource credentials, HttpMessageHandler? handler = null)
        : this(options, credentials, new HttpMessageInvoker(handler ?? NetworkHandler(), disposeHandler: handler is null), ownsHttp: true)
    {
    }

    private RegistryCatalog(RegistryClientOptions options, ICredentialSource credentials, HttpMessageInvoker http, bool ownsHttp)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(credentials);
        _options = options;
        _credentials = credentials;
        _http = http;
        _ownsHttp = ownsHttp;
    }

    /// <summary>The same registries with other credentials, over the same connections: it must not outlive this one.</summary>
    public RegistryCatalog With(ICredentialSource credentials) => new(_options, credentials, _http, ownsHttp: false);

    public IRegistry For(ImageRepository repository)
    {
        ArgumentNullException.ThrowIfNull(repository);
        return _registries.GetOrAdd(
            repository.Registry, (name, self) => new Lazy<IRegistry>(() => self.Make(name)), this).Value;
    }

    public void Dispose()
    {
        while (_owned.TryTake(out IDisposable? owned))
            owned.Dispose();
        if (_ownsHttp)
            _http.Dispose();
    }

    private IRegistry Make(string name) => EcrHost.TryParse(name, out EcrHost? ecr) ? MakeEcr(name, ecr) : MakeOci(_credentials);

    private OciRegistry MakeOci(ICredentialSource credentials) => new(new RegistryTransport(_http, credentials, _options), _options);

    private EcrRegistry MakeEcr(string name, EcrHost host)
    {
        AmazonECRClient client = EcrConnection.Open(
            host, _http, new EcrCredentials(_credentials, name), _options.RequestTimeout, _options.Retries);
        EcrLogin login = new(client, name, _options.RequestTimeout, _options.TimeProvider);
        _owned.Add(client);
        _owned.Add(login);
        return new EcrRegistry(client, host.AccountId, _options.RequestTimeout, MakeOci(login));
    }

    private static SocketsHttpHandler NetworkHandler() =>
        new()
        {
            // Redirects are followed by the transport, which leaves the login behind.
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        };
}
