using System.Security.Cryptography;
using System.Text;
using CvManager.Cluster;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Resources;
using CvManager.Versions;
using CvManager.Workloads;

namespace CvManager.Following;

/// <summary>The registries, with one set of credentials.</summary>
/// <param name="Name">Identifies the login without containing a secret; empty for the process's own.</param>
internal sealed record RegistryLogin(string Name, IRegistryCatalog Registries, IVersionResolver Versions);

/// <summary>
/// Chooses the credentials for a resource's registry: its own <c>imagePullSecrets</c>, those of its workloads, and those of their service
/// accounts, in that order; then the process's own. Resources with the same resulting credentials share a login with its requests, budgets
/// and cached responses (R11); nothing is shared between different logins. A login that is no longer used is disposed. Thread-safe.
/// </summary>
/// <param name="cluster">The cluster that contains the Secrets; null to use no Secrets.</param>
/// <param name="registries">The registries with the process's own credentials; the caller disposes it.</param>
internal sealed class RegistryLogins(ClusterConnection? cluster, RegistryCatalog registries, EngineEnvironment environment) : IDisposable
{
    private readonly RegistryLogin _usual = new(
        "",
        registries,
        new VersionResolver(registries, new VersionTagCache(), environment.Time, environment.Logger)
    );
    private readonly PullSecrets? _secrets = cluster is null ? null : new PullSecrets(cluster, environment);
    private readonly object _gate = new();
    private readonly Dictionary<string, Used> _logins = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Used> _users = new(StringComparer.Ordinal);

    // Keyed, so that a fingerprint reveals nothing, not even that a password is a common one.
    private readonly byte[] _fingerprintKey = RandomNumberGenerator.GetBytes(32);

    /// <summary>The number of logins in use, besides the process's own.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _logins.Count;
        }
    }

    /// <summary>The current login of a resource; it is kept until the resource gets another login or is released.</summary>
    /// <param name="resource">The resource whose Secrets are used.</param>
    /// <param name="workloads">The workloads that the resource selects.</param>
    /// <param name="refresh">True if the registry rejected the login: the Secrets may have changed.</param>
    /// <param name="cancellationToken">Cancels the requests.</param>
    public async ValueTask<RegistryLogin> OfAsync(
        ContainerVersion resource,
        IEnumerable<Workload> workloads,
        bool refresh,
        CancellationToken cancellationToken
    )
    {
        if (_secrets is null)
            return _usual;
        var ns = resource.Metadata.Namespace!;
        List<string> names = [.. resource.Spec.ImagePullSecrets];
        HashSet<string> accounts = new(StringComparer.Ordinal);
        foreach (var workload in workloads)
        {
            names.AddRange(workload.ImagePullSecrets);
            accounts.Add(workload.ServiceAccount);
        }

        foreach (var account in accounts.Order(StringComparer.Ordinal))
            names.AddRange(await _secrets.OfAccountAsync(ns, account, cancellationToken));
        return Use(
            resource.Key,
            resource.Repository.Registry,
            await _secrets.FindAsync(ns, names.Distinct(StringComparer.Ordinal), resource.Repository, refresh, cancellationToken)
        );
    }

    /// <summary>Releases the login of a resource.</summary>
    public void Release(string key)
    {
        RegistryCatalog? unused;
        lock (_gate)
            unused = Leave(key);
        unused?.Dispose();
    }

    /// <summary>The login of that name; null if it is no longer in use.</summary>
    internal RegistryLogin? Find(string name)
    {
        if (name.Length == 0)
            return _usual;
        lock (_gate)
            return _logins.GetValueOrDefault(name)?.Login;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            foreach (var used in _logins.Values)
                used.Catalog.Dispose();
            _logins.Clear();
            _users.Clear();
        }
    }

    private RegistryLogin Use(string key, string registry, IReadOnlyList<RegistryCredential> credentials)
    {
        RegistryCatalog? unused;
        RegistryLogin login;
        lock (_gate)
        {
            var name = credentials.Count == 0 ? "" : Fingerprint(registry, credentials);
            if (_users.TryGetValue(key, out var present) && present.Login.Name == name)
                return present.Login;
            // Before the former login is released, because it may be the same.
            var next = name.Length == 0 ? null : _logins.GetValueOrDefault(name) ?? Make(name, registry, credentials);
            unused = Leave(key);
            if (next is not null)
            {
                next.Users++;
                _users.Add(key, next);
            }

            login = next?.Login ?? _usual;
        }

        unused?.Dispose();
        return login;
    }

    private Used Make(string name, string registry, IReadOnlyList<RegistryCredential> credentials)
    {
        var catalog = registries.AlsoWith(new CredentialChain([.. credentials.Select(c => new CredentialOfRegistry(registry, c))]), name);
        Used used = new(
            catalog,
            new RegistryLogin(name, catalog, new VersionResolver(catalog, new VersionTagCache(), environment.Time, environment.Logger))
        );
        _logins.Add(name, used);
        return used;
    }

    private RegistryCatalog? Leave(string key)
    {
        if (!_users.Remove(key, out var used) || --used.Users > 0)
            return null;
        _logins.Remove(used.Login.Name);
        return used.Catalog;
    }

    private string Fingerprint(string registry, IReadOnlyList<RegistryCredential> credentials)
    {
        StringBuilder text = new(registry);
        foreach (var credential in credentials)
            text.Append('\n')
                .Append(credential.UserName)
                .Append('\0')
                .Append(credential.Password)
                .Append('\0')
                .Append(credential.IdentityToken);
        return "pull-secret-"
            + Convert.ToHexString(HMACSHA256.HashData(_fingerprintKey, Encoding.UTF8.GetBytes(text.ToString())), 0, 8).ToLowerInvariant();
    }

    private sealed record Used(RegistryCatalog Catalog, RegistryLogin Login)
    {
        public int Users { get; set; }
    }

    /// <summary>A credential goes only to the registry that it is for (R20).</summary>
    private sealed class CredentialOfRegistry(string registry, RegistryCredential credential) : ICredentialSource
    {
        public ValueTask<RegistryCredential?> FindAsync(ImageRepository repository, CancellationToken cancellationToken) =>
            ValueTask.FromResult(string.Equals(repository.Registry, registry, StringComparison.OrdinalIgnoreCase) ? credential : null);
    }
}
