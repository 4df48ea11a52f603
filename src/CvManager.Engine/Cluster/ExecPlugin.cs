using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.Cluster;

/// <summary>
/// Credentials from an exec plugin of the kubeconfig (Kubernetes, "client-go credential plugins"). The plugin is run once, and again when
/// its credential has expired or the server rejects it.
/// </summary>
/// <remarks>The plugin is not interactive: it gets no input, and its output is not shown because it may contain secrets.</remarks>
internal sealed class ExecPlugin : ClusterCredentials
{
    public const string V1 = "client.authentication.k8s.io/v1";
    public const string V1Beta1 = "client.authentication.k8s.io/v1beta1";

    /// <summary>Long enough to log in with a browser.</summary>
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(2);

    /// <summary>A credential is renewed this long before it expires.</summary>
    private static readonly TimeSpan Leeway = TimeSpan.FromSeconds(10);

    private const int MaxOutputLength = 1024 * 1024;
    private const string ClusterExtension = "client.authentication.k8s.io/exec";

    private readonly KubeExec _exec;
    private readonly KubeCluster _cluster;
    private readonly string? _authority;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _turn = new(1);
    private volatile Credential? _last;

    /// <param name="exec">The validated exec section of the kubeconfig.</param>
    /// <param name="cluster">The cluster that the plugin is informed of if provideClusterInfo is true.</param>
    /// <param name="authority">The cluster's CA certificates as base64; null for those of the system.</param>
    /// <param name="time">The clock.</param>
    public ExecPlugin(KubeExec exec, KubeCluster cluster, string? authority, TimeProvider time)
    {
        _exec = exec;
        _cluster = cluster;
        _authority = authority;
        _time = time;
    }

    /// <summary>The client certificate; null if the plugin returned none or has not run yet.</summary>
    public X509Certificate2? Certificate => _last?.Certificate;

    public override async ValueTask<AuthenticationHeaderValue?> GetAsync(CancellationToken cancellationToken)
    {
        if (_last is { } last && IsValid(last))
            return last.Header;
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (_last is not { } now || !IsValid(now))
                _last = now = await RunAsync(cancellationToken);
            return now.Header;
        }
        finally
        {
            _turn.Release();
        }
    }

    public override void Invalidate()
    {
        if (_last is { } last)
            _last = last with { Expires = DateTimeOffset.MinValue };
    }

    public override void Dispose()
    {
        _last?.Certificate?.Dispose();
        _turn.Dispose();
        base.Dispose();
    }

    private bool IsValid(Credential credential) => credential.Expires is not { } expires || _time.GetUtcNow() + Leeway < expires;

    private async Task<Credential> RunAsync(CancellationToken cancellationToken)
    {
        var name = Path.GetFileName(_exec.Command!);
        ProgramResult result;
        try
        {
            IEnumerable<KeyValuePair<string, string>> environment =
            [
                .. (_exec.Env ?? []).Select(variable => KeyValuePair.Create(variable.Name, variable.Value ?? "")),
                KeyValuePair.Create("KUBERNETES_EXEC_INFO", ExecInfo().ToJsonString()),
            ];
            result = await ChildProgram.RunAsync(
                _exec.Command!,
                _exec.Args ?? [],
                environment,
                "",
                Timeout,
                MaxOutputLength,
                _time,
                cancellationToken
            );
        }
        catch (ProgramException e)
        {
            throw Failed(e.Message, e.IsMissing && !string.IsNullOrWhiteSpace(_exec.InstallHint) ? _exec.InstallHint.Trim() : null, e);
        }

        if (result.ExitCode != 0)
            throw Failed($"it exited with code {result.ExitCode}");
        try
        {
            return Read(result.Output);
        }
        catch (Exception e) when (e is CryptographicException || ObjectShape.IsFault(e))
        {
            // Not as the inner exception: it may quote the output.
            throw Failed("its output is not an ExecCredential with a token or a client certificate");
        }

        CvException Failed(string why, string? hint = null, Exception? inner = null) =>
            ClusterErrors.NoCredential(
                $"The exec plugin '{name}' of the kubeconfig returned no credential: {why}.",
                hint ?? $"Run '{name}' in a terminal to see its output, and log in with it if necessary.",
                inner
            );
    }

    private Credential Read(string output)
    {
        var json = ObjectShape.Validate(
            JsonNode.Parse(output, documentOptions: ObjectShape.ParseOptions) as JsonObject ?? throw new JsonException()
        );
        if (json["kind"]?.GetValue<string>() != "ExecCredential" || json["apiVersion"]?.GetValue<string>() != _exec.ApiVersion)
            throw new JsonException();
        var status = json["status"]!.AsObject();
        var token = status["token"]?.GetValue<string>();
        (var certificate, var key) = (status["clientCertificateData"]?.GetValue<string>(), status["clientKeyData"]?.GetValue<string>());
        if (string.IsNullOrEmpty(token) && (string.IsNullOrEmpty(certificate) || string.IsNullOrEmpty(key)))
            throw new JsonException();
        return new Credential(
            string.IsNullOrEmpty(token) ? null : Bearer(token, $"The output of the exec plugin '{Path.GetFileName(_exec.Command)}'"),
            string.IsNullOrEmpty(certificate) ? null : ClusterAccess.ReadCertificate(certificate, key ?? ""),
            status["expirationTimestamp"]?.Deserialize<DateTimeOffset>()
        );
    }

    private JsonObject ExecInfo()
    {
        JsonObject spec = new() { ["interactive"] = false };
        if (_exec.ProvideClusterInfo == true)
        {
            JsonObject cluster = new() { ["server"] = _cluster.Server };
            Add(cluster, "tls-server-name", _cluster.TlsServerName);
            Add(cluster, "certificate-authority-data", _authority);
            Add(cluster, "proxy-url", _cluster.ProxyUrl);
            if (_cluster.InsecureSkipTlsVerify == true)
                cluster["insecure-skip-tls-verify"] = true;
            if (_cluster.DisableCompression == true)
                cluster["disable-compression"] = true;
            if (_cluster.Extensions?.FirstOrDefault(extension => extension.Name == ClusterExtension)?.Extension is { } config)
                cluster["config"] = config.DeepClone();
            spec["cluster"] = cluster;
        }

        return new JsonObject
        {
            ["kind"] = "ExecCredential",
            ["apiVersion"] = _exec.ApiVersion,
            ["spec"] = spec,
        };
    }

    private static void Add(JsonObject map, string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
            map[name] = value;
    }

    private sealed record Credential(AuthenticationHeaderValue? Header, X509Certificate2? Certificate, DateTimeOffset? Expires);
}
