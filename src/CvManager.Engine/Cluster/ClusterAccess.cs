using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace CvManager.Cluster;

/// <summary>The address, connections and credentials for a cluster, from a context of a kubeconfig or a pod's service account.</summary>
internal sealed class ClusterAccess
{
    private const string ServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

    /// <summary>Without user info.</summary>
    public required Uri Server { get; init; }

    public required string Namespace { get; init; }

    public required ClusterCredentials Credentials { get; init; }

    /// <summary>Owned by the caller.</summary>
    public required HttpMessageHandler Handler { get; init; }

    /// <summary>Opens another handler to the same server, without a client certificate. Owned by the caller.</summary>
    public required Func<HttpMessageHandler> OpenAnonymous { get; init; }

    /// <summary>Headers of every request (impersonation).</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>The name to verify the server's certificate against; null for the host name of the server.</summary>
    public string? TlsServerName { get; init; }

    /// <summary>True in a pod, with or without a service account token.</summary>
    public static bool IsInPod(Func<string, string?> environment) =>
        environment("KUBERNETES_SERVICE_HOST") is { Length: > 0 } && environment("KUBERNETES_SERVICE_PORT") is { Length: > 0 };

    /// <summary>Access from a pod with its service account (Kubernetes, "Accessing the Kubernetes API from a Pod").</summary>
    /// <exception cref="CvException"><c>ServiceAccountTokenNotFound</c>, <c>ServiceAccountInvalid</c>.</exception>
    public static ClusterAccess OfPod(Func<string, string?> environment, TimeProvider time, string folder = ServiceAccount)
    {
        var token = Path.Combine(folder, "token");
        if (!File.Exists(token))
        {
            throw new CvException(
                ErrorIds.ServiceAccountTokenNotFound,
                CvErrorKind.NotFound,
                $"No kubeconfig found, and this pod has no service account token: '{token}' does not exist.",
                "Set automountServiceAccountToken: true for the pod or its service account, or specify -KubeConfig."
            )
            {
                Target = token,
            };
        }

        var host = environment("KUBERNETES_SERVICE_HOST")!;
        var authority = Path.Combine(folder, "ca.crt");
        var ns = Path.Combine(folder, "namespace");
        try
        {
            var trust = ServerTrust.Of(ServerTrust.ReadFile(authority), orSystem: false);
            return new ClusterAccess
            {
                Server = new Uri(
                    $"https://{(host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host)}:{environment("KUBERNETES_SERVICE_PORT")}"
                ),
                Namespace = File.Exists(ns) && File.ReadAllText(ns).Trim() is { Length: > 0 } name ? name : "default",
                Credentials = new TokenFileCredentials(token, time),
                Handler = Open(trust, ProxySettings.OfEnvironment()),
                OpenAnonymous = () => Open(trust, ProxySettings.OfEnvironment()),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or UriFormatException)
        {
            throw new CvException(
                ErrorIds.ServiceAccountInvalid,
                CvErrorKind.Invalid,
                $"Could not use this pod's service account: {e.Message}",
                $"Check KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, and '{authority}'.",
                e
            )
            {
                Target = folder,
            };
        }
    }

    /// <param name="file">The kubeconfig, as read by <see cref="KubeConfigFile"/>.</param>
    /// <param name="name">The name of an existing context.</param>
    /// <param name="source">The file's path, for errors.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="CvException"><c>KubeConfigInvalid</c>, <c>KubeConfigNotSupported</c>.</exception>
    public static ClusterAccess OfContext(KubeConfig file, string name, string source, TimeProvider time)
    {
        var context = file.Contexts!.First(c => c.Name == name).Context ?? new KubeContextDetails();
        try
        {
            var cluster =
                file.Clusters!.FirstOrDefault(c => c.Name == context.Cluster)?.Cluster
                ?? throw new InvalidDataException($"cluster '{context.Cluster}' not found");
            var user =
                file.Users!.FirstOrDefault(u => u.Name == context.User)?.User
                ?? throw new InvalidDataException($"user '{context.User}' not found");
            return Of(cluster, user, context, time);
        }
        catch (Exception e)
            when (e is InvalidDataException or IOException or UnauthorizedAccessException or CryptographicException or FormatException)
        {
            throw new CvException(
                ErrorIds.KubeConfigInvalid,
                CvErrorKind.Invalid,
                $"Context '{name}' in {source} is not valid: {e.Message.TrimEnd('.')}.",
                "Fix the context's cluster and user; 'kubectl config view' shows them.",
                e
            )
            {
                Target = name,
            };
        }
    }

    /// <summary>A client certificate and its key from PEM; intermediates may follow the certificate.</summary>
    /// <exception cref="CryptographicException">Not PEM, or the key does not match.</exception>
    public static X509Certificate2 ReadCertificate(string certificate, string key)
    {
        try
        {
            using var pair = X509Certificate2.CreateFromPem(certificate, key);
            // TLS on Windows requires a key from a key store, not an ephemeral one.
            return new X509Certificate2(pair.Export(X509ContentType.Pkcs12));
        }
        catch (ArgumentException e)
        {
            throw new CryptographicException("the client certificate and key are not in PEM format, or do not belong together", e);
        }
    }

    private static ClusterAccess Of(KubeCluster cluster, KubeUser user, KubeContextDetails context, TimeProvider time)
    {
        var authority = Base64(cluster.CertificateAuthorityData, "certificate-authority-data") ?? Read(cluster.CertificateAuthority);
        var insecure = cluster.InsecureSkipTlsVerify == true;
        if (insecure && authority is not null)
            throw new InvalidDataException("insecure-skip-tls-verify cannot be combined with certificate-authority");
        (var server, var login) = Address(cluster.Server, isSecure: insecure || authority is not null);
        var trust = insecure
#pragma warning disable CA5359 // Requested explicitly (insecure-skip-tls-verify).
            ? (_, _, _, _) => true
#pragma warning restore CA5359
            : ServerTrust.Of(authority is null ? null : ServerTrust.Parse(authority), orSystem: authority is null);
        IWebProxy proxy = string.IsNullOrEmpty(cluster.ProxyUrl)
            ? ProxySettings.OfEnvironment()
            : ProxySettings.Always(cluster.ProxyUrl, "proxy-url");
        IReadOnlyList<KeyValuePair<string, string>> headers = Impersonation(user);
        var severalLines = headers.GroupBy(h => h.Key, StringComparer.OrdinalIgnoreCase).Any(h => h.Count() > 1);
        var credentials = Credential(user, cluster, authority, login, time);
        try
        {
            return new ClusterAccess
            {
                Server = server,
                Namespace = string.IsNullOrEmpty(context.Namespace) ? "default" : context.Namespace,
                Credentials = credentials,
                Handler = OpenWithCertificate(user, credentials, Handler, time),
                OpenAnonymous = () => Open(trust, proxy),
                Headers = headers,
                TlsServerName = string.IsNullOrEmpty(cluster.TlsServerName) ? null : cluster.TlsServerName,
            };
        }
        catch
        {
            credentials.Dispose();
            throw;
        }

        SocketsHttpHandler Handler(SslStreamCertificateContext? certificate)
        {
            var handler = Open(trust, proxy);
            handler.SslOptions.ClientCertificateContext = certificate;
            if (severalLines)
                SeparateHeaderLines.Enable(handler);
            return handler;
        }
    }

    private static SocketsHttpHandler Open(RemoteCertificateValidationCallback trust, IWebProxy proxy) =>
        new()
        {
            // An API server never redirects; whatever does must not receive credentials or a body.
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            Proxy = proxy,
            RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8,
            SslOptions = { RemoteCertificateValidationCallback = trust },
        };

    /// <summary>User info in the URL is used for basic authentication, as Go's HTTP client does.</summary>
    private static (Uri Server, string? Login) Address(string? text, bool isSecure)
    {
        if (string.IsNullOrEmpty(text))
            throw new InvalidDataException("the cluster has no server");
        var full = text.Contains("://", StringComparison.Ordinal) ? text : (isSecure ? "https://" : "http://") + text;
        if (!Uri.TryCreate(full, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.Host.Length == 0)
            throw new InvalidDataException("the cluster's server is not a valid URL (https://HOST:PORT)");
        var login = uri.UserInfo.Length == 0 ? null : Uri.UnescapeDataString(uri.UserInfo);
        return (
            new UriBuilder(uri)
            {
                UserName = "",
                Password = "",
                Path = uri.AbsolutePath.TrimEnd('/') + "/",
                Query = "",
                Fragment = "",
            }.Uri,
            login
        );
    }

    /// <summary>
    /// A handler that sends the user's client certificate, which comes from the kubeconfig, from files or from an exec plugin.
    /// </summary>
    private static HttpMessageHandler OpenWithCertificate(
        KubeUser user,
        ClusterCredentials credentials,
        Func<SslStreamCertificateContext?, SocketsHttpHandler> open,
        TimeProvider time
    )
    {
        var certificate = Base64(user.ClientCertificateData, "client-certificate-data");
        var key = Base64(user.ClientKeyData, "client-key-data");
        (var hasCertificate, var hasKey) = (
            certificate is not null || !string.IsNullOrEmpty(user.ClientCertificate),
            key is not null || !string.IsNullOrEmpty(user.ClientKey)
        );
        if (hasCertificate != hasKey)
            throw new InvalidDataException(
                hasKey ? "the user has a client-key but no client-certificate" : "the user has a client-certificate but no client-key"
            );
        if (hasCertificate && (certificate is null || key is null))
            return new CertificateFileHandler(
                () => (certificate ?? Read(user.ClientCertificate)!, key ?? Read(user.ClientKey)!),
                open,
                time
            );
        var handler = open(hasCertificate ? CertificateFileHandler.Context(ReadCertificate(certificate!, key!), certificate!) : null);
        if (!hasCertificate && credentials is ExecPlugin plugin)
            handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => plugin.Certificate!;
        return handler;
    }

    /// <summary>Same precedence as client-go: a token or user name takes precedence over an exec plugin.</summary>
    private static ClusterCredentials Credential(
        KubeUser user,
        KubeCluster cluster,
        string? authority,
        string? loginOfAddress,
        TimeProvider time
    )
    {
        var hasToken = !string.IsNullOrEmpty(user.Token) || !string.IsNullOrEmpty(user.TokenFile);
        var hasLogin = !string.IsNullOrEmpty(user.Username) || !string.IsNullOrEmpty(user.Password);
        if (user.AuthProvider is { } provider)
        {
            throw new CvException(
                ErrorIds.KubeConfigNotSupported,
                CvErrorKind.NotSupported,
                $"The user's auth-provider '{provider.Name}' is not supported.",
                "Use an exec plugin instead (kubelogin, gke-gcloud-auth-plugin): 'kubectl config set-credentials --exec-command'."
            )
            {
                Target = "auth-provider",
            };
        }

        if (hasToken && hasLogin)
            throw new InvalidDataException("the user has both a token and a user name; only one is allowed");
        if (user.Exec is { } exec)
            Check(exec);
        if (!string.IsNullOrEmpty(user.TokenFile))
            return new TokenFileCredentials(user.TokenFile, time, user.Token);
        if (!string.IsNullOrEmpty(user.Token))
            return new FixedCredentials(ClusterCredentials.Bearer(user.Token, "The user's token"));
        if (hasLogin)
            return new FixedCredentials(FixedCredentials.Basic(user.Username ?? "", user.Password ?? ""));
        if (user.Exec is not null)
            return new ExecPlugin(
                user.Exec,
                cluster,
                authority is null ? null : Convert.ToBase64String(Encoding.UTF8.GetBytes(authority)),
                time
            );
        var login = loginOfAddress?.Split(':', 2) ?? [];
        return new FixedCredentials(login.Length == 0 ? null : FixedCredentials.Basic(login[0], login.ElementAtOrDefault(1) ?? ""));
    }

    private static void Check(KubeExec exec)
    {
        if (string.IsNullOrEmpty(exec.Command))
            throw new InvalidDataException("the user's exec has no command");
        if (exec.ApiVersion is not (ExecPlugin.V1 or ExecPlugin.V1Beta1))
            throw new InvalidDataException(
                $"the user's exec has apiVersion '{exec.ApiVersion}'; must be {ExecPlugin.V1} or {ExecPlugin.V1Beta1}"
            );
        if (exec.Env?.Any(variable => string.IsNullOrEmpty(variable?.Name) || variable.Name.AsSpan().IndexOfAny('=', '\0') >= 0) == true)
            throw new InvalidDataException("the user's exec has an environment variable without a valid name");
        if (
            exec.InteractiveMode is not ("Never" or "IfAvailable" or "Always" or null or "")
            || (exec.ApiVersion == ExecPlugin.V1 && string.IsNullOrEmpty(exec.InteractiveMode))
        )
            throw new InvalidDataException("the user's exec has an invalid interactiveMode; must be Never, IfAvailable or Always");
        if (exec.InteractiveMode == "Always")
        {
            throw new CvException(
                ErrorIds.KubeConfigNotSupported,
                CvErrorKind.NotSupported,
                "The user's exec plugin requires a terminal (interactiveMode: Always), which is not supported.",
                "Use another user, or a plugin that does not require a terminal (interactiveMode: IfAvailable)."
            )
            {
                Target = "interactiveMode",
            };
        }
    }

    /// <summary>Kubernetes, "User impersonation"; headers as in client-go (client-go/transport/round_trippers.go).</summary>
    private static List<KeyValuePair<string, string>> Impersonation(KubeUser user)
    {
        List<KeyValuePair<string, string>> headers = [];
        if (string.IsNullOrEmpty(user.As))
        {
            if (!string.IsNullOrEmpty(user.AsUid) || user.AsGroups?.Count > 0 || user.AsUserExtra?.Count > 0)
                throw new InvalidDataException("the user has as-uid, as-groups or as-user-extra but no 'as'");
            return headers;
        }

        headers.Add(new("Impersonate-User", user.As));
        if (!string.IsNullOrEmpty(user.AsUid))
            headers.Add(new("Impersonate-Uid", user.AsUid));
        headers.AddRange((user.AsGroups ?? []).Select(group => KeyValuePair.Create("Impersonate-Group", group)));
        foreach ((var key, var values) in user.AsUserExtra ?? new Dictionary<string, IReadOnlyList<string>>())
            headers.AddRange((values ?? []).Select(value => KeyValuePair.Create("Impersonate-Extra-" + Escape(key), value)));
        if (headers.Any(header => header.Value is null || header.Value.Any(char.IsControl)))
            throw new InvalidDataException("an impersonation value of the user is missing or contains control characters");
        return headers;
    }

    /// <summary>Percent-encodes characters that are not allowed in a header name (RFC 9110, "token").</summary>
    private static string Escape(string key) =>
        string.Concat(
            Encoding
                .UTF8.GetBytes(key)
                .Select(b =>
                    char.IsAsciiLetterOrDigit((char)b) || "!#$&'*+-.^_`|~".Contains((char)b, StringComparison.Ordinal)
                        ? ((char)b).ToString()
                        : string.Create(CultureInfo.InvariantCulture, $"%{b:X2}")
                )
        );

    private static string? Base64(string? text, string field)
    {
        if (string.IsNullOrEmpty(text))
            return null;
        try
        {
            return Encoding.UTF8.GetString(Convert.FromBase64String(text));
        }
        catch (FormatException)
        {
            throw new InvalidDataException($"{field} is not base64");
        }
    }

    private static string? Read(string? path)
    {
        const int MaxFileBytes = 4 * 1024 * 1024;
        if (string.IsNullOrEmpty(path))
            return null;
        FileInfo file = new(path);
        return file.Exists && file.Length > MaxFileBytes
            ? throw new IOException($"'{path}' exceeds {MaxFileBytes} bytes")
            : File.ReadAllText(path);
    }
}
