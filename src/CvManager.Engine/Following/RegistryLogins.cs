using System.Security.Cryptography;
using System.Text;
using CvManager.Cluster;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using CvManager.Resources;
using CvManager.Versions;
using CvManager.Workloads;
using Microsoft.Extensions.Logging;

namespace CvManager.Following;

/// <summary>The registries as one login sees them.</summary>
/// <param name="Name">Stands for the login, and is no secret itself; empty for the one that everybody has.</param>
internal sealed record RegistryLogin(string Name, IRegistryCatalog Registries, IVersionResolver Versions);

/// <summary>
/// With which credentials a resource's registry is asked: its own <c>imagePullSecrets</c>, those of its workloads, and those of their
/// service accounts, in that order; then what this process has itself. Resources for which the same credentials result share a login, and so its
/// requests, its budgets and what it was told (R11); no login is told what a registry said to another one. A login that nobody uses any more
/// is let go. Thread-safe.
/// </summary>
/// <param name="cluster">Where the Secrets are; null where nobody's Secrets are to be used.</param>
/// <param name="registries">With the process's own credentials. It stays the caller's.</param>
internal sealed class RegistryLogins(ClusterConnection? cluster, RegistryCatalog registries, TimeProvider time, ILogger logger) : IDisposable
{
    private readonly RegistryLogin _usual = new("", registries, new VersionResolver(registries, new VersionTagCache(), time, logger));
    private readonly PullSecrets? _secrets = cluster is null ? null : new PullSecrets(cluster, time, logger);
    private readonly object _gate = new();
    private readonly Dictionary<string, Used> _logins = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Used> _users = new(StringComparer.Ordinal);

    // A fingerprint says nothing to whoever has no key, not even that a password is one of a list of frequent ones.
    private readonly byte[] _fingerprintKey = RandomNumberGenerator.GetBytes(32);

    /// <summary>Logins in use, beside the usual one.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _logins.Count;
        }
    }

    /// <summary>The login that a resource has now; it is kept for it until it has another one or is released.</summary>
    /// <param name="resource">Whose Secrets are looked at.</param>
    /// <param name="repository">What it is to be used for.</param>
    /// <param name="workloads">Those that the resource selects.</param>
    /// <param name="afresh">True where the registry refused the login: the Secrets may have changed.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public async ValueTask<RegistryLogin> OfAsync(ContainerVersion resource, ImageRepository repository, IEnumerable<Workload> workloads, bool afresh, CancellationToken cancellationToken)
    {
        if (_secrets is null)
            return _usual;
        string ns = resource.Metadata.Namespace!;
        List<string> names = [.. resource.Spec.ImagePullSecrets];
        HashSet<string> accounts = new(StringComparer.Ordinal);
        foreach (Workload workload in workloads)
        {
            names.AddRange(workload.ImagePullSecrets);
            accounts.Add(workload.ServiceAccount);
        }

        foreach (string account in accounts.Order(StringComparer.Ordinal))
            names.AddRange(await _secrets.OfAccountAsync(ns, account, cancellationToken));
        return Use(resource.Key, repository.Registry, await _secrets.FindAsync(ns, names.Distinct(StringComparer.Ordinal), repository, afresh, cancellationToken));
    }

    /// <summary>That a resource needs no login any more.</summary>
    public void Release(string key)
    {
        RegistryCatalog? unused;
        lock (_gate)
            unused = Leave(key);
        unused?.Dispose();
    }

    /// <summary>What a repository is asked with; null where nobody uses that login any more.</summary>
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
            foreach (Used used in _logins.Values)
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
            string name = credentials.Count == 0 ? "" : Fingerprint(registry, credentials);
            if (_users.TryGetValue(key, out Used? present) && present.Login.Name == name)
                return present.Login;
            // Before the former one is let go, as it may be the same again.
            Used? next = name.Length == 0 ? null : _logins.GetValueOrDefault(name) ?? Make(name, registry, credentials);
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
        RegistryCatalog catalog = registries.AlsoWith(new CredentialChain([.. credentials.Select(c => new CredentialOfRegistry(registry, c))]), name);
        Used used = new(catalog, new RegistryLogin(name, catalog, new VersionResolver(catalog, new VersionTagCache(), time, logger)));
        _logins.Add(name, used);
        return used;
    }

    private RegistryCatalog? Leave(string key)
    {
        if (!_users.Remove(key, out Used? used) || --used.Users > 0)
            return null;
        _logins.Remove(used.Login.Name);
        return used.Catalog;
    }

    private string Fingerprint(string registry, IReadOnlyList<RegistryCredential> credentials)
    {
        StringBuilder text = new(registry);
        foreach (RegistryCredential credential in credentials)
            text.Append('\n').Append(credential.UserName).Append('\0').Append(credential.Password).Append('\0').Append(credential.IdentityToken);
        return "pull-secret-" + Convert.ToHexString(HMACSHA256.HashData(_fingerprintKey, Encoding.UTF8.GetBytes(text.ToString())), 0, 8).ToLowerInvariant();
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
