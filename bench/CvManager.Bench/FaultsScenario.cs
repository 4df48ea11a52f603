using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;

namespace CvManager.Bench;

/// <summary>
/// Two replicas of the controller on a real control plane and a real registry. Faults are injected into both connections, while tags move
/// all the time. All versions work, so a version that fails, is rolled back or is quarantined was blamed for an infrastructure fault, which
/// R6 forbids. At the end the faults stop, all tags move once more, and every ContainerVersion must become current.
/// </summary>
internal sealed class FaultsScenario : IScenario
{
    private const int Applications = 48;
    private const int Repositories = 8;
    private const int Versions = 6;
    private const string ControllerNamespace = "cvmanager";

    private static readonly TimeSpan Convergence = TimeSpan.FromMinutes(5);
    private static readonly Fault[] ClusterFaults =
    [
        Fault.TruncatedError,
        Fault.TruncatedResponse,
        Fault.StalledBody,
        Fault.Silence,
        Fault.Slow,
        Fault.HtmlPage,
        Fault.WrongTypes,
        Fault.Conflict,
        Fault.TooManyRequests,
        Fault.Reset,
    ];

    private static readonly Fault[] RegistryFaults =
    [
        Fault.TruncatedError,
        Fault.TruncatedResponse,
        Fault.StalledBody,
        Fault.Silence,
        Fault.Slow,
        Fault.HtmlPage,
        Fault.WrongTypes,
        Fault.TooManyRequests,
        Fault.Reset,
    ];

    public string Name => "faults";

    public string Description =>
        "two controllers on a real control plane (CVM_KUBECONFIG, CVM_KUBECTL) and registry (CVM_REGISTRY): faults on both connections, "
        + "kills and pauses in the first third; everything must be current at the end";

    public string Number => "minutes of faults";

    public int DefaultNumber => 60;

    public async Task<FigureTable> RunAsync(int number, CancellationToken cancellationToken)
    {
        var kubeConfig = Require("CVM_KUBECONFIG");
        Uri registry = new($"http://{Require("CVM_REGISTRY")}");
        var run = $"faults-{Guid.NewGuid().ToString("N")[..6]}";
        var folder = Directory.CreateTempSubdirectory("cvm-faults-");
        using var certificate = CreateCertificate();
        var admin = JsonNode.Parse(await KubeCtlAsync(["config", "view", "--raw", "--minify", "-o", "json"], null, cancellationToken))!;
        var server = admin["clusters"]![0]!["cluster"]!;
        using var authority = X509CertificateLoader.LoadCertificate(await AuthorityAsync(server, cancellationToken));
        await using FaultProxy cluster = new(new Uri(server["server"]!.GetValue<string>()), authority, certificate);
        await using FaultProxy images = new(registry, null, null);
        using HttpClient http = new() { BaseAddress = registry };
        var manifests = await PushAsync(http, run, cancellationToken);
        await InstallAsync(kubeConfig, cancellationToken);
        var controllerConfig = Path.Combine(folder.FullName, "kubeconfig");
        await File.WriteAllTextAsync(
            controllerConfig,
            await ControllerConfigAsync(cluster.Host, certificate, cancellationToken),
            cancellationToken
        );
        var current = new int[Applications];
        for (var i = 0; i < Applications; i++)
            await MoveAsync(http, run, manifests, i, 0, cancellationToken);
        await KubeCtlAsync(["apply", "-f", "-"], Objects(run, images.Host), cancellationToken);

        List<Replica> replicas = [Replica.Start(folder, 0, controllerConfig, run), Replica.Start(folder, 1, controllerConfig, run)];
        List<string[]> rows = [];
        Random random = new(1);
        var age = Stopwatch.StartNew();
        var end = TimeSpan.FromMinutes(number);
        long moves = 0;
        int unexpected = 0,
            started = replicas.Count;
        try
        {
            using (var moving = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken))
            {
                var mover = MoveTagsAsync(moving.Token);
                var nextRow = TimeSpan.Zero;
                while (age.Elapsed < end)
                {
                    var onCluster = random.Next(3) == 0 ? Fault.None : ClusterFaults[random.Next(ClusterFaults.Length)];
                    var onRegistry = random.Next(3) == 0 ? Fault.None : RegistryFaults[random.Next(RegistryFaults.Length)];
                    cluster.Set(onCluster, random.Next(2) == 0 ? 0.3 : 1);
                    images.Set(onRegistry, random.Next(2) == 0 ? 0.3 : 1);
                    await Task.Delay(TimeSpan.FromSeconds(random.Next(5, 25)), cancellationToken);
                    cluster.Set(Fault.None, 0);
                    images.Set(Fault.None, 0);
                    for (var i = 0; i < replicas.Count; i++)
                    {
                        if (!replicas[i].HasExited)
                            continue;
                        unexpected++;
                        Console.Error.WriteLine(
                            $"replica {i} exited unexpectedly with code {replicas[i].ExitCode}: {replicas[i].LastLine}"
                        );
                        replicas[i] = Restart(i);
                    }

                    if (age.Elapsed < end / 3 && random.Next(2) == 0)
                        await DisturbAsync(random.Next(replicas.Count), random.Next(3));
                    await Task.Delay(TimeSpan.FromSeconds(random.Next(3, 12)), cancellationToken);
                    if (age.Elapsed >= nextRow)
                    {
                        rows.Add(await RowAsync());
                        Console.Error.WriteLine(string.Join("  ", rows[^1]));
                        nextRow = age.Elapsed + TimeSpan.FromMinutes(Math.Max(1, number / 12.0));
                    }
                }

                await moving.CancelAsync();
                await mover;
            }

            for (var i = 0; i < Applications; i++)
                await MoveAsync(http, run, manifests, i, current[i] = Versions - 1, cancellationToken);
            var converging = Stopwatch.StartNew();
            while (await BehindAsync(run, cancellationToken) is { Count: > 0 } behind)
            {
                if (converging.Elapsed > Convergence)
                {
                    throw new TimeoutException(
                        $"{behind.Count} objects are not current {Convergence.TotalMinutes} minutes after the faults stopped:\n"
                            + $"{string.Join('\n', behind.Take(10))}\nLogs: {folder.FullName}"
                    );
                }

                await Task.Delay(TimeSpan.FromSeconds(2), cancellationToken);
            }

            var last = await RowAsync();
            rows.Add([.. last[..^1], $"all {Applications} current {converging.Elapsed.TotalSeconds:0} s after the faults stopped"]);
        }
        finally
        {
            foreach (var replica in replicas)
                await replica.EndAsync(TimeSpan.FromSeconds(30));
            await KubeCtlAsync(["delete", "namespace", run, "--wait=false"], null, CancellationToken.None);
        }

        Console.Error.WriteLine($"logs: {folder.FullName}");
        return new FigureTable(
            [
                "minute",
                "tag moves",
                "requests to the cluster (with faults)",
                "requests to the registry (with faults)",
                "resident MB of each replica",
                "rollouts succeeded",
                "blamed",
                "unexpected exits",
                "note",
            ],
            rows
        );

        Replica Restart(int index)
        {
            var replica = Replica.Start(folder, started++, controllerConfig, run);
            replicas[index].Dispose();
            return replica;
        }

        async Task DisturbAsync(int index, int how)
        {
            switch (how)
            {
                case 0:
                    replicas[index].Signal("KILL");
                    await replicas[index].WaitAsync(cancellationToken);
                    replicas[index] = Restart(index);
                    break;
                case 1:
                    await replicas[index].EndAsync(TimeSpan.FromSeconds(30));
                    replicas[index] = Restart(index);
                    break;
                default:
                    replicas[index].Signal("STOP");
                    await Task.Delay(TimeSpan.FromSeconds(25), cancellationToken);
                    replicas[index].Signal("CONT");
                    break;
            }
        }

        async Task MoveTagsAsync(CancellationToken token)
        {
            Random dice = new(2);
            try
            {
                while (true)
                {
                    var index = dice.Next(Applications);
                    current[index] = dice.Next(Versions);
                    await MoveAsync(http, run, manifests, index, current[index], token);
                    moves++;
                    await Task.Delay(TimeSpan.FromSeconds(1.5), token);
                }
            }
            catch (OperationCanceledException) when (token.IsCancellationRequested) { }
        }

        async Task<string[]> RowAsync()
        {
            (var succeeded, var blamed) = await HistoryAsync(run, cancellationToken);
            foreach (var version in blamed.Take(3))
                Console.Error.WriteLine($"  blamed: {version}");
            return
            [
                age.Elapsed.TotalMinutes.ToString("0.0", CultureInfo.InvariantCulture),
                moves.ToString(CultureInfo.InvariantCulture),
                $"{cluster.Requests} ({cluster.Faulted})",
                $"{images.Requests} ({images.Faulted})",
                string.Join(", ", replicas.Select(replica => replica.ResidentMegabytes.ToString("0", CultureInfo.InvariantCulture))),
                succeeded.ToString(CultureInfo.InvariantCulture),
                blamed.Count.ToString(CultureInfo.InvariantCulture),
                unexpected.ToString(CultureInfo.InvariantCulture),
                "",
            ];
        }
    }

    private static string Require(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value
            ? value
            : throw new InvalidOperationException($"{name} is not set. Start the servers in tests/servers.");

    /// <summary>Reads the certificate authority of the API server from the kubeconfig, or from the file that it names.</summary>
    private static async Task<byte[]> AuthorityAsync(JsonNode server, CancellationToken cancellationToken) =>
        server["certificate-authority-data"]?.GetValue<string>() is { } data
            ? Convert.FromBase64String(data)
            : await File.ReadAllBytesAsync(server["certificate-authority"]!.GetValue<string>(), cancellationToken);

    private static string Version(int number) => $"abcdef{number:x}";

    private static string RepositoryOf(string run, int application) => $"{run}/app{application % Repositories}";

    /// <summary>Pushes the images, and returns a manifest for each repository and version.</summary>
    private static async Task<string[]> PushAsync(HttpClient http, string run, CancellationToken cancellationToken)
    {
        var manifests = new string[Repositories * Versions];
        for (var repository = 0; repository < Repositories; repository++)
        {
            for (var version = 0; version < Versions; version++)
            {
                Uri path = new(http.BaseAddress!, $"v2/{RepositoryOf(run, repository)}/");
                await BenchImage.PushAsync(path, Version(version), cancellationToken);
                using HttpRequestMessage read = new(HttpMethod.Get, new Uri(path, $"manifests/{Version(version)}"));
                read.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(BenchImage.ManifestType));
                using var answer = await http.SendAsync(read, cancellationToken);
                manifests[(repository * Versions) + version] = await answer
                    .EnsureSuccessStatusCode()
                    .Content.ReadAsStringAsync(cancellationToken);
            }
        }

        return manifests;
    }

    private static async Task MoveAsync(
        HttpClient http,
        string run,
        string[] manifests,
        int application,
        int version,
        CancellationToken cancellationToken
    )
    {
        using StringContent body = new(
            manifests[(application % Repositories * Versions) + version],
            Encoding.UTF8,
            new MediaTypeHeaderValue(BenchImage.ManifestType)
        );
        using var put = await http.PutAsync($"v2/{RepositoryOf(run, application)}/manifests/env-{application}", body, cancellationToken);
        put.EnsureSuccessStatusCode();
    }

    private static async Task InstallAsync(string kubeConfig, CancellationToken cancellationToken)
    {
        await RunAsync(
            ControllerProcess.Cvm,
            ["-NoProfile", "-Command", $"Install-CvController -Replicas 0 -KubeConfig '{kubeConfig}' -Confirm:$false"],
            null,
            cancellationToken
        );
        await KubeCtlAsync(
            ["apply", "-f", "-"],
            $$"""
            apiVersion: v1
            kind: Secret
            type: kubernetes.io/service-account-token
            metadata: {name: faults, namespace: {{ControllerNamespace}}, annotations: {kubernetes.io/service-account.name: cvmanager} }
            """,
            cancellationToken
        );
    }

    private static async Task<string> ControllerConfigAsync(string host, X509Certificate2 certificate, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < 60; attempt++)
        {
            var secret = JsonNode.Parse(
                await KubeCtlAsync(["get", "secret", "faults", "-n", ControllerNamespace, "-o", "json"], null, cancellationToken)
            )!;
            if (secret["data"]?["token"]?.GetValue<string>() is { } token)
            {
                return $$"""
                    apiVersion: v1
                    kind: Config
                    clusters: [{name: faults, cluster: {server: "https://{{host}}", certificate-authority-data: {{Convert.ToBase64String(
                        Encoding.ASCII.GetBytes(certificate.ExportCertificatePem())
                    )}} } }]
                    users: [{name: cvmanager, user: {token: {{Encoding.UTF8.GetString(Convert.FromBase64String(token))}} } }]
                    contexts: [{name: cvmanager, context: {cluster: faults, user: cvmanager} }]
                    current-context: cvmanager
                    """;
            }

            await Task.Delay(TimeSpan.FromSeconds(0.5), cancellationToken);
        }

        throw new TimeoutException("The service account received no token within 30 s.");
    }

    private static string Objects(string run, string registry)
    {
        StringBuilder text = new($"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {run}}}\n");
        for (var i = 0; i < Applications; i++)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $$"""
                ---
                apiVersion: apps/v1
                kind: Deployment
                metadata: {name: app{{i}}, namespace: {{run}}, labels: {cvapp: app{{i}} } }
                spec:
                  replicas: 1
                  selector: {matchLabels: {app: app{{i}} } }
                  template:
                    metadata: {labels: {app: app{{i}} } }
                    spec: {terminationGracePeriodSeconds: 1, containers: [{name: main, image: "{{registry}}/{{RepositoryOf(
                    run,
                    i
                )}}:{{Version(0)}}" }] }
                ---
                apiVersion: custom.k8s.io/v1
                kind: ContainerVersion
                metadata: {name: app{{i}}, namespace: {{run}} }
                spec: {imageRepo: "{{registry}}/{{RepositoryOf(
                    run,
                    i
                )}}", tag: env-{{i}}, pollIntervalSeconds: 5, selector: {cvapp: app{{i}} }, container: {name: main}, rollback: {enabled: true, failFast: true}, history: {name: app{{i}} } }

                """
            );
        }

        return text.ToString();
    }

    /// <summary>Returns the objects that are not on the last version.</summary>
    private static async Task<List<string>> BehindAsync(string run, CancellationToken cancellationToken)
    {
        var expected = Version(Versions - 1);
        List<string> behind = [];
        foreach (var item in await ItemsAsync("deployments", run, cancellationToken))
        {
            var image = item!["spec"]!["template"]!["spec"]!["containers"]![0]!["image"]!.GetValue<string>();
            if (!image.Contains($":{expected}", StringComparison.Ordinal))
                behind.Add($"Deployment {item["metadata"]!["name"]}: {image}");
        }

        foreach (var item in await ItemsAsync("containerversions", run, cancellationToken))
        {
            var status = item!["status"];
            if (status?["successVersion"]?.GetValue<string>() != expected || status["currStatus"]?.GetValue<string>() != "Success")
                behind.Add(
                    $"ContainerVersion {item["metadata"]!["name"]}: {status?["currVersion"]} {status?["currStatus"]} {status?["conditions"]?.ToJsonString()}"
                );
        }

        return behind;
    }

    private static async Task<(int Succeeded, List<string> Blamed)> HistoryAsync(string run, CancellationToken cancellationToken)
    {
        var succeeded = 0;
        List<string> blamed = [];
        foreach (var item in await ItemsAsync("configmaps", run, cancellationToken))
        {
            if (item!["data"]?["records"]?.GetValue<string>() is not { } records)
                continue;
            foreach (var record in JsonNode.Parse(records)!.AsArray())
            {
                var outcome = record!["outcome"]!.GetValue<string>();
                if (outcome == "Succeeded")
                    succeeded++;
                else if (outcome != "Superseded")
                    blamed.Add(record.ToJsonString());
            }
        }

        foreach (var item in await ItemsAsync("containerversions", run, cancellationToken))
        {
            if (item!["status"]?["quarantined"] is JsonArray { Count: > 0 } quarantined)
                blamed.Add($"{item["metadata"]!["name"]}: {quarantined.ToJsonString()}");
        }

        return (succeeded, blamed);
    }

    private static async Task<JsonArray> ItemsAsync(string kind, string run, CancellationToken cancellationToken) =>
        JsonNode.Parse(await KubeCtlAsync(["get", kind, "-n", run, "-o", "json"], null, cancellationToken))!["items"]!.AsArray();

    private static Task<string> KubeCtlAsync(string[] arguments, string? input, CancellationToken cancellationToken) =>
        RunAsync(
            Environment.GetEnvironmentVariable("CVM_KUBECTL") ?? "kubectl",
            ["--kubeconfig", Require("CVM_KUBECONFIG"), .. arguments],
            input,
            cancellationToken
        );

    private static async Task<string> RunAsync(string program, string[] arguments, string? input, CancellationToken cancellationToken)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                RedirectStandardInput = true,
            }
        )!;
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var error = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.StandardInput.WriteAsync((input ?? "").AsMemory(), cancellationToken);
        process.StandardInput.Close();
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0
            ? await output
            : throw new InvalidOperationException(
                $"{program} {string.Join(' ', arguments)} exited with code {process.ExitCode}: {await error}"
            );
    }

    private static X509Certificate2 CreateCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=faults", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var selfSigned = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(7));
        // A TLS server needs a certificate whose key is in the key store of the platform.
        return X509CertificateLoader.LoadPkcs12(selfSigned.Export(X509ContentType.Pkcs12), null);
    }

    /// <summary>A controller process with a log file.</summary>
    private sealed class Replica : IDisposable
    {
        private readonly Process _process;
        private readonly Task _logging;

        private Replica(Process process, string log)
        {
            _process = process;
            _logging = LogAsync(log);
        }

        public bool HasExited => _process.HasExited;

        public int ExitCode => _process.ExitCode;

        public string LastLine { get; private set; } = "";

        public double ResidentMegabytes
        {
            get
            {
                _process.Refresh();
                return _process.HasExited ? 0 : _process.WorkingSet64 / 1e6;
            }
        }

        public static Replica Start(DirectoryInfo folder, int number, string kubeConfig, string ns)
        {
            var command =
                $"Start-CvReconcile -Watch -LogFormat Json -Namespace {ns} -LeaseNamespace {ControllerNamespace} -KubeConfig '{kubeConfig}'";
            var process = Process.Start(
                new ProcessStartInfo(ControllerProcess.Cvm, ["-NoProfile", "-Command", command])
                {
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                }
            )!;
            return new Replica(process, Path.Combine(folder.FullName, $"controller-{number}.log"));
        }

        public void Signal(string name)
        {
            using var kill = Process.Start("kill", [$"-{name}", _process.Id.ToString(CultureInfo.InvariantCulture)]);
            kill.WaitForExit();
        }

        public Task WaitAsync(CancellationToken cancellationToken) => _process.WaitForExitAsync(cancellationToken);

        /// <summary>Sends SIGTERM. After the grace period, reports that the process did not exit, and kills it.</summary>
        public async Task EndAsync(TimeSpan grace)
        {
            if (_process.HasExited)
                return;
            Signal("TERM");
            using CancellationTokenSource limit = new(grace);
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                Console.Error.WriteLine($"A controller did not exit within {grace.TotalSeconds:0} s after SIGTERM.");
                _process.Kill();
                await _process.WaitForExitAsync(CancellationToken.None);
            }

            await _logging;
        }

        public void Dispose() => _process.Dispose();

        private async Task LogAsync(string path)
        {
            await using StreamWriter file = new(path) { AutoFlush = true };
            await Task.WhenAll(CopyAsync(_process.StandardOutput), CopyAsync(_process.StandardError));

            async Task CopyAsync(StreamReader reader)
            {
                while (await reader.ReadLineAsync() is { } line)
                {
                    lock (file)
                        file.WriteLine(line);
                    LastLine = line;
                }
            }
        }
    }
}
