using CvManager.Registries.Credentials;
using CvManager.Registries.DockerHub;
using CvManager.Registries.Ecr;
using CvManager.Registries.Oci;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace CvManager.Registries;

/// <summary>Creates and caches a client per registry; beyond a maximum, the least recently used client is disposed. Thread-safe.</summary>
public sealed class RegistryCatalog : IRegistryCatalog, IDisposable
{
    private const int MaxClients = 500;

    private readonly object _gate = new();
    private readonly Dictionary<string, Client> _clients = new(StringComparer.OrdinalIgnoreCase);
    private readonly RegistryClientOptions _options;
    private readonly ICredentialSource _credentials;
    private readonly HttpMessageInvoker _http;
    private readonly HttpMessageInvoker _connections;
    private readonly bool _ownsHttp;
    private readonly string _login;
    private readonly RequestBudgets _budgets;
    private long _uses;

    /// <param name="options">The options of all clients.</param>
    /// <param name="credentials">The credentials by repository.</param>
    /// <param name="handler">Sends the requests, without redirects and cookies; null for the network. Owned by the caller.</param>
    /// <exception cref="CvException"><c>RegistryCertificatesInvalid</c>.</exception>
    public RegistryCatalog(RegistryClientOptions options, ICredentialSource credentials, HttpMessageHandler? handler = null)
        : this(
            options,
            credentials,
            new HttpMessageInvoker(handler ?? RegistryConnections.Open(options), disposeHandler: handler is null),
            ownsHttp: true,
            "",
            new RequestBudgets(options)
        )
    {
        // Everything is set by the constructor below.
    }

    private RegistryCatalog(
        RegistryClientOptions options,
        ICredentialSource credentials,
        HttpMessageInvoker http,
        bool ownsHttp,
        string login,
        RequestBudgets budgets
    )
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(credentials);
        _options = options;
        _credentials = credentials;
        var isObserved = options.Logger != NullLogger.Instance || options.Metrics is not null;
        _http = isObserved ? new HttpMessageInvoker(new RequestObserver(http, options)) : http;
        _connections = http;
        _ownsHttp = ownsHttp;
        _login = login;
        _budgets = budgets;
    }

    /// <summary>The request budgets of all registries (R11), including those of catalogs created by <see cref="With"/>.</summary>
    public IReadOnlyList<RegistryBudget> Budgets => _budgets.All;

    /// <summary>The same registries with other credentials over the same connections. Must not outlive this catalog.</summary>
    /// <param name="login">Identifies the credentials without being secret: each login has its own request budgets.</param>
    /// <param name="plainHttp">Use plain HTTP regardless of the options.</param>
    /// <param name="logger">Replaces the log of the options.</param>
    /// <param name="metrics">Replaces the metrics of the options.</param>
    public RegistryCatalog With(
        ICredentialSource credentials,
        string login = "",
        bool plainHttp = false,
        ILogger? logger = null,
        EngineMetrics? metrics = null
    ) =>
        new(
            _options with
            {
                PlainHttp = plainHttp || _options.PlainHttp,
                Logger = logger ?? _options.Logger,
                Metrics = metrics ?? _options.Metrics,
            },
            credentials,
            _connections,
            ownsHttp: false,
            login,
            _budgets
        );

    /// <summary>The same, trying these credentials before those of this catalog.</summary>
    /// <inheritdoc cref="With" path="/param"/>
    public RegistryCatalog AlsoWith(ICredentialSource credentials, string login) =>
        With(new CredentialChain(credentials, _credentials), login);

    public IRegistry For(ImageRepository repository)
    {
        ArgumentNullException.ThrowIfNull(repository);
        Client? unused = null;
        Client client;
        lock (_gate)
        {
            if (!_clients.TryGetValue(repository.Registry, out client!))
            {
                if (_clients.Count >= MaxClients)
                {
                    unused = _clients.Values.MinBy(c => c.UsedAt)!;
                    _clients.Remove(unused.Name);
                }

                client = new Client(this, repository.Registry);
                _clients.Add(repository.Registry, client);
            }

            client.UsedAt = ++_uses;
        }

        unused?.Dispose();
        return client.Registry;
    }

    public void Dispose()
    {
        List<Client> clients;
        lock (_gate)
        {
            clients = [.. _clients.Values];
            _clients.Clear();
        }

        clients.ForEach(client => client.Dispose());
        if (_ownsHttp)
            _connections.Dispose();
    }

    /// <summary>The client of one registry and its resources.</summary>
    private sealed class Client : IDisposable
    {
        private readonly RegistryCatalog _owner;
        private readonly List<IDisposable> _owned = [];
        private readonly List<string> _hosts = [];

        public Client(RegistryCatalog owner, string name)
        {
            _owner = owner;
            Name = name;
            Registry = Create(name);
        }

        public string Name { get; }

        public IRegistry Registry { get; }

        public long UsedAt { get; set; }

        public void Dispose()
        {
            _owned.ForEach(owned => owned.Dispose());
            _hosts.ForEach(host => _owner._budgets.Release(host, _owner._login));
        }

        private IRegistry Create(string name)
        {
            var budget = Budget(name);
            if (EcrHost.TryParse(name, out var ecr))
                return CreateEcr(name, ecr, budget);
            var registry = CreateOci(_owner._credentials, budget);
            return name == ImageRepository.DockerHub ? CreateDockerHub(registry) : registry;
        }

        private RequestBudget Budget(string host)
        {
            var budget = _owner._budgets.Take(host, _owner._login);
            _hosts.Add(host);
            return budget;
        }

        private DockerHubRegistry CreateDockerHub(OciRegistry registry)
        {
            RegistryTransport transport = new(_owner._http, FixedCredential.Anonymous, Budget(HubApi.Host), _owner._options);
            HubLogin login = new(transport, _owner._credentials, _owner._options.TimeProvider);
            _owned.Add(login);
            return new DockerHubRegistry(registry, new HubTagList(transport, login));
        }

        private OciRegistry CreateOci(ICredentialSource credentials, RequestBudget budget) =>
            new(new RegistryTransport(_owner._http, credentials, budget, _owner._options), _owner._options);

        private EcrRegistryChoice CreateEcr(string name, EcrHost host, RequestBudget budget)
        {
            EcrCredentials credentials = new(_owner._credentials, name, logger: _owner._options.Logger);
            var client = EcrConnection.Open(host, _owner._http, credentials, _owner._options.RequestTimeout, _owner._options.TimeProvider);
            EcrCaller caller = new(client, credentials, budget, _owner._options);
            EcrLogin login = new(caller, name, _owner._options.TimeProvider);
            _owned.Add(client);
            _owned.Add(login);
            EcrRegistry api = new(caller, host.AccountId, CreateOci(login, budget), _owner._options);
            return new EcrRegistryChoice(
                api,
                CreateOci(_owner._credentials, budget),
                credentials,
                client.Config,
                _owner._options.TimeProvider
            );
        }
    }
}

/// <summary>Logs and counts the requests of one catalog, and sends them over connections that it does not own.</summary>
internal sealed class RequestObserver(HttpMessageInvoker connections, RegistryClientOptions options) : HttpMessageHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        RequestLog.SendAsync(options.Logger, options.TimeProvider, request, SendOnceAsync, cancellationToken);

    private Task<HttpResponseMessage> SendOnceAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        options.Metrics is { } metrics
            ? metrics.SendToRegistryAsync(request, connections.SendAsync, cancellationToken)
            : connections.SendAsync(request, cancellationToken);
}

/// <summary>The request budget of one registry and login.</summary>
/// <param name="Login">Identifies the credentials; empty for the default ones.</param>
public sealed record RegistryBudget(string Registry, string Login, RequestBudgetState State);
