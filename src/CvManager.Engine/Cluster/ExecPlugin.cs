using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.Cluster;

/// <summary>
/// The credential of a program that the kubeconfig names (Kubernetes, "client-go credential plugins"): asked once, and again when it has expired
/// or the server does not accept it.
/// </summary>
/// <remarks>Nobody sits before the program: it gets no input, and what it writes is shown to nobody, for it may be a secret.</remarks>
internal sealed class ExecPlugin : ClusterCredentials
{
    public const string V1 = "client.authentication.k8s.io/v1";
    public const string V1Beta1 = "client.authentication.k8s.io/v1beta1";

    /// <summary>A browser may be opened for somebody to log in.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    /// <summary>It is renewed when it has less than this left.</summary>
    private static readonly TimeSpan Leeway = TimeSpan.FromSeconds(10);

    private const int LongestAnswer = 1024 * 1024;
    private const string ClusterExtension = "client.authentication.k8s.io/exec";

    private readonly KubeExec _exec;
    private readonly KubeCluster _cluster;
    private readonly string? _authority;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _turn = new(1);
    private volatile Answer? _last;

    /// <param name="exec">As the kubeconfig has it, its fields checked.</param>
    /// <param name="cluster">What the program is told of, where it is to know.</param>
    /// <param name="authority">The cluster's authorities as base64, from a file as well; null for the system's.</param>
    /// <param name="time">The clock.</param>
    public ExecPlugin(KubeExec exec, KubeCluster cluster, string? authority, TimeProvider time)
    {
        _exec = exec;
        _cluster = cluster;
        _authority = authority;
        _time = time;
    }

    /// <summary>For TLS; null where the program gave none, or has not been asked yet.</summary>
    public X509Certificate2? Certificate => _last?.Certificate;

    public override async ValueTask<AuthenticationHeaderValue?> GetAsync(CancellationToken cancellationToken)
    {
        if (_last is { } last && IsGood(last))
            return last.Header;
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_last is not { } now || !IsGood(now))
                _last = now = await AskAsync(cancellationToken).ConfigureAwait(false);
            return now.Header;
        }
        finally
        {
            _turn.Release();
        }
    }

    public override void Refused()
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

    private bool IsGood(Answer answer) => answer.Expires is not { } expires || _time.GetUtcNow() + Leeway < expires;

    private async Task<Answer> AskAsync(CancellationToken cancellationToken)
    {
        string name = Path.GetFileName(_exec.Command!);
        ProgramResult result;
        try
        {
            IEnumerable<KeyValuePair<string, string>> environment =
                [.. (_exec.Env ?? []).Select(variable => KeyValuePair.Create(variable.Name, variable.Value ?? "")), KeyValuePair.Create("KUBERNETES_EXEC_INFO", Information().ToJsonString())];
            result = await ChildProgram.RunAsync(_exec.Command!, _exec.Args ?? [], environment, "", Limit, LongestAnswer, _time, cancellationToken).ConfigureAwait(false);
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
            // Not as the inner one: it may quote what the program wrote.
            throw Failed("its output is not an ExecCredential with a token or a client certificate");
        }

        CvException Failed(string why, string? hint = null, Exception? inner = null) => ClusterErrors.NoCredential(
            $"The exec plugin '{name}' of the kubeconfig returned no credential: {why}.",
            hint ?? $"Run '{name}' in a terminal to see its output, and log in with it if necessary.", inner);
    }

    private Answer Read(string output)
    {
        JsonObject json = ObjectShape.Whole(JsonNode.Parse(output, documentOptions: ObjectShape.ParseOptions) as JsonObject ?? throw new JsonException());
        if (json["kind"]?.GetValue<string>() != "ExecCredential" || json["apiVersion"]?.GetValue<string>() != _exec.ApiVersion)
            throw new JsonException();
        JsonObject status = json["status"]!.AsObject();
        string? token = status["token"]?.GetValue<string>();
        (string? certificate, string? key) = (status["clientCertificateData"]?.GetValue<string>(), status["clientKeyData"]?.GetValue<string>());
        if (string.IsNullOrEmpty(token) && (string.IsNullOrEmpty(certificate) || string.IsNullOrEmpty(key)))
            throw new JsonException();
        return new Answer(
            string.IsNullOrEmpty(token) ? null : Bearer(token, $"The output of the exec plugin '{Path.GetFileName(_exec.Command)}'"),
            string.IsNullOrEmpty(certificate) ? null : ClusterAccess.ReadCertificate(certificate, key ?? ""),
            status["expirationTimestamp"]?.Deserialize<DateTimeOffset>());
    }

    private JsonObject Information()
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

        return new JsonObject { ["kind"] = "ExecCredential", ["apiVersion"] = _exec.ApiVersion, ["spec"] = spec };
    }

    private static void Add(JsonObject map, string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
            map[name] = value;
    }

    private sealed record Answer(AuthenticationHeaderValue? Header, X509Certificate2? Certificate, DateTimeOffset? Expires);
}
