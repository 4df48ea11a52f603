using System.Collections.Concurrent;
using CvManager.Registries.Credentials;
using CvManager.Registries.DockerHub;
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
    private readonly string _login;
    private readonly ConcurrentDictionary<(string Registry, string Login), RequestBudget> _budgets;
    private readonly ConcurrentBag<IDisposable> _owned = [];

    /// <param name="options">How they are talked to.</param>
    /// <param name="credentials">Asked by repository.</param>
    /// <param name="handler">What requests go through, with redirects and cookies switched off; null for the network. It stays the caller's.</param>
    /// <exception cref="CvException"><c>RegistryCertificatesInvalid</c>.</exception>
    public RegistryCatalog(RegistryClientOptions options, ICredentialSource credentials, HttpMessageHandler? handler = null)
        : this(options, credentials, new HttpMessageInvoker(handler ?? RegistryConnections.Open(options.AuthorityFile), disposeHandler: handler is null), ownsHttp: true, "", [])
    {
    }

    private RegistryCatalog(
        RegistryClientOptions options, ICredentialSource credentials, HttpMessageInvoker http, bool ownsHttp, string login,
        ConcurrentDictionary<(string Registry, string Login), RequestBudget> budgets)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(credentials);
        _options = options;
        _credentials = credentials;
        _http = http;
        _ownsHttp = ownsHttp;
        _login = login;
        _budgets = budgets;
    }

    /// <summary>What was spent at each registry, and what is left (R11); of those made by <see cref="With"/>, too.</summary>
    public IReadOnlyList<RegistryBudget> Budgets =>
        [.. _budgets.Select(b => new RegistryBudget(b.Key.Registry, b.Key.Login, b.Value.State)).OrderBy(b => b.Registry, StringComparer.Ordinal).ThenBy(b => b.Login, StringComparer.Ordinal)];

    /// <summary>The same registries with other credentials, over the same connections: it must not outlive this one.</summary>
    /// <param name="login">Stands for the credentials, and is no secret itself: each login has request budgets of its own.</param>
    /// <param name="plainHttp">Speaks plain HTTP, whatever the options say.</param>
    public RegistryCatalog With(ICredentialSource credentials, string login = "", bool plainHttp = false) =>
        new(plainHttp ? _options with { PlainHttp = true } : _options, credentials, _http, ownsHttp: false, login, _budgets);

    /// <summary>The same, with these credentials tried before its own.</summary>
    /// <inheritdoc cref="With" path="/param"/>
    public RegistryCatalog AlsoWith(ICredentialSource credentials, string login) => With(new CredentialChain(credentials, _credentials), login);

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

    private IRegistry Make(string name)
    {
        RequestBudget budget = Budget(name);
        if (EcrHost.TryParse(name, out EcrHost? ecr))
            return MakeEcr(name, ecr, budget);
        OciRegistry registry = MakeOci(_credentials, budget);
        return name == ImageRepository.DockerHub ? MakeDockerHub(registry) : registry;
    }

    private RequestBudget Budget(string host) =>
        _budgets.GetOrAdd((host.ToLowerInvariant(), _login), static (key, options) => NewBudget(key.Registry, options), _options);

    private DockerHubRegistry MakeDockerHub(OciRegistry registry)
    {
        RegistryTransport transport = new(_http, FixedCredential.Anonymous, Budget(HubApi.Host), _options);
        HubLogin login = new(transport, _credentials, _options.TimeProvider);
        _owned.Add(login);
        return new DockerHubRegistry(registry, new HubTagList(transport, login));
    }

    private OciRegistry MakeOci(ICredentialSource credentials, RequestBudget budget) =>
        new(new RegistryTransport(_http, credentials, budget, _options), _options);

    private EcrRegistryChoice MakeEcr(string name, EcrHost host, RequestBudget budget)
    {
        EcrCredentials credentials = new(_credentials, name);
        AmazonECRClient client = EcrConnection.Open(host, _http, credentials, _options.RequestTimeout);
        EcrCaller caller = new(client, credentials, budget, _options);
        EcrLogin login = new(caller, name, _options.TimeProvider);
        _owned.Add(client);
        _owned.Add(login);
        EcrRegistry api = new(caller, host.AccountId, MakeOci(login, budget));
        return new EcrRegistryChoice(api, MakeOci(_credentials, budget), credentials, client.Config, _options.TimeProvider);
    }

    private static RequestBudget NewBudget(string registry, RegistryClientOptions options)
    {
        // Docker Hub refuses whoever asks for much more than this for minutes; its API allows 180 requests a minute.
        (double perSecond, int burst) = registry switch
        {
            ImageRepository.DockerHub => (10, 40),
            HubApi.Host => (2.5, 30),
            _ => (options.RequestsPerSecond, options.RequestBurst),
        };
        return new RequestBudget(
            Math.Min(perSecond, options.RequestsPerSecond), Math.Min(burst, options.RequestBurst), options.LongestRetryAfter, options.TimeProvider);
    }
}

/// <summary>What was spent at one registry with one login, and what is left.</summary>
/// <param name="Login">Stands for the credentials; empty for the usual ones.</param>
public sealed record RegistryBudget(string Registry, string Login, RequestBudgetState State);
