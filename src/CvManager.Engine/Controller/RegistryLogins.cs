using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Registries;
using CvManager.Resources;
using CvManager.Versions;
using CvManager.Workloads;
using Microsoft.Extensions.Logging;

namespace CvManager.Controller;

/// <summary>The registries as one login sees them.</summary>
/// <param name="Name">Stands for the login, and is no secret itself; empty for the one that everybody has.</param>
internal sealed record RegistryLogin(string Name, IRegistryCatalog Registries, IVersionResolver Versions);

/// <summary>
/// With which credentials a resource's registry is asked: its own <c>imagePullSecrets</c>, those of its workloads, and those of their
/// service accounts, in that order; then what this process has itself. Resources with the same Secrets share a login, and so its
/// connections, requests and budgets. Thread-safe.
/// </summary>
/// <param name="cluster">Where the Secrets are; null where nobody's Secrets are to be used.</param>
/// <param name="registries">With the process's own credentials. It stays the caller's.</param>
/// <param name="learnt">What is known of version tags, whoever saw it.</param>
internal sealed partial class RegistryLogins(ClusterConnection? cluster, RegistryCatalog registries, ILearntTags learnt, TimeProvider time, ILogger logger)
    : IDisposable
{
    /// <summary>Service accounts change seldom, and a resource is looked at only when something happened.</summary>
    private static readonly TimeSpan AccountLifetime = TimeSpan.FromMinutes(10);

    private readonly RegistryLogin _usual = new("", registries, new VersionResolver(registries, learnt, time));
    private readonly ConcurrentDictionary<string, Lazy<(RegistryCatalog Catalog, RegistryLogin Login)>> _logins = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (IReadOnlyList<string> Secrets, long ReadAt)> _accounts = new(StringComparer.Ordinal);
    private readonly Turns<string> _accountTurns = new();

    /// <param name="workloads">Those that the resource selects.</param>
    public async ValueTask<RegistryLogin> OfAsync(ContainerVersion resource, IEnumerable<Workload> workloads, CancellationToken cancellationToken)
    {
        if (cluster is null)
            return _usual;
        string space = resource.Metadata.Namespace!;
        List<string> names = [.. resource.Spec.ImagePullSecrets];
        HashSet<string> accounts = new(StringComparer.Ordinal);
        foreach (Workload workload in workloads)
        {
            names.AddRange(workload.ImagePullSecrets);
            accounts.Add(workload.ServiceAccount);
        }

        foreach (string account in accounts.Order(StringComparer.Ordinal))
            names.AddRange(await SecretsOfAsync(cluster, space, account, cancellationToken));
        string[] distinct = [.. names.Distinct(StringComparer.Ordinal)];
        if (distinct.Length == 0)
            return _usual;
        string login = $"{space}: {string.Join(", ", distinct)}";
        return _logins.GetOrAdd(login, (name, self) => new Lazy<(RegistryCatalog, RegistryLogin)>(() => self.Make(name, space, distinct)), this).Value.Login;
    }

    public void Dispose()
    {
        foreach (Lazy<(RegistryCatalog Catalog, RegistryLogin Login)> login in _logins.Values.Where(l => l.IsValueCreated))
            login.Value.Catalog.Dispose();
    }

    /// <summary>What a repository is asked with.</summary>
    internal RegistryLogin Find(string name) => _logins.TryGetValue(name, out Lazy<(RegistryCatalog Catalog, RegistryLogin Login)>? login) ? login.Value.Login : _usual;

    private (RegistryCatalog, RegistryLogin) Make(string name, string space, IReadOnlyList<string> secrets)
    {
        RegistryCatalog catalog = registries.AlsoWith(new PullSecretCredentials(cluster!, space, secrets, logger), name);
        return (catalog, new RegistryLogin(name, catalog, new VersionResolver(catalog, learnt, time)));
    }

    private async ValueTask<IReadOnlyList<string>> SecretsOfAsync(ClusterConnection connection, string space, string account, CancellationToken cancellationToken)
    {
        string key = $"{space}/{account}";
        if (KnownSecretsOf(key) is { } known)
            return known;
        // Nearly all workloads of a namespace have the same one, and at the start they are all looked at together.
        using Turns<string>.Turn turn = await _accountTurns.TakeAsync(key, cancellationToken);
        if (KnownSecretsOf(key) is { } found)
            return found;
        IReadOnlyList<string> secrets = [];
        try
        {
            JsonObject read = await connection.GetAsync(new ResourcePath("", "v1", "serviceaccounts", space, account), cancellationToken);
            secrets = [.. read.Items("imagePullSecrets").Select(secret => secret.Text("name")).OfType<string>()];
        }
        catch (CvException e) when (e.Kind is CvErrorKind.NotFound or CvErrorKind.Forbidden)
        {
            LogUnreadable(logger, key, e.Message);
        }

        _accounts[key] = (secrets, time.GetTimestamp());
        return secrets;
    }

    private IReadOnlyList<string>? KnownSecretsOf(string account) =>
        _accounts.TryGetValue(account, out (IReadOnlyList<string> Secrets, long ReadAt) known) && time.GetElapsedTime(known.ReadAt) < AccountLifetime ? known.Secrets : null;

    [LoggerMessage(EventId = 4401, Level = LogLevel.Debug, Message = "Service account {Account} is passed over: {Reason}")]
    private static partial void LogUnreadable(ILogger logger, string account, string reason);
}
