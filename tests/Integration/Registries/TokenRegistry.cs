using System.Diagnostics;
using Xunit;

namespace CvManager.Integration.Registries;

/// <summary>docker-registry with a token server: a separate process with an empty store, for the duration of a test class.</summary>
public sealed class TokenRegistry : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cvm-token-registry-");
    private readonly SigningTokenServer _tokens = new(
        new Dictionary<string, (string, string[])>
        {
            ["ci"] = ("pushes", ["pull", "push", "delete"]),
            ["reader"] = ("reads", ["pull"]),
            ["refresher"] = (Guid.NewGuid().ToString(), ["pull", "push"]),
        }
    );

    private Process? _process;

    public string Host { get; private set; } = "";

    internal SigningTokenServer Tokens => _tokens;

    public async ValueTask InitializeAsync()
    {
        var certificate = Path.Combine(_folder.FullName, "tokens.pem");
        await File.WriteAllTextAsync(certificate, _tokens.CertificatePem);
        Host = $"127.0.0.1:{LoopbackPort.Free()}";
        var config = Path.Combine(_folder.FullName, "config.yml");
        await File.WriteAllTextAsync(
            config,
            $$"""
            version: 0.1
            log: {level: warn, accesslog: {disabled: true} }
            storage:
              filesystem: {rootdirectory: "{{_folder.FullName}}/store"}
            http: {addr: "{{Host}}"}
            auth:
              token:
                realm: {{_tokens.Realm}}
                service: {{SigningTokenServer.Service}}
                issuer: {{SigningTokenServer.Issuer}}
                rootcertbundle: {{certificate}}
            """
        );
        _process = Process.Start(
            new ProcessStartInfo("docker-registry", ["serve", config]) { RedirectStandardOutput = true, RedirectStandardError = true }
        )!;
        // The output is discarded, because a full pipe would block the process.
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        await AnswersAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }

        await _tokens.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private async Task AnswersAsync()
    {
        using HttpClient http = new();
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(30));
        while (true)
        {
            try
            {
                using var response = await http.GetAsync(new Uri($"http://{Host}/v2/"), limit.Token);
                return;
            }
            catch (HttpRequestException) when (!_process!.HasExited)
            {
                await Task.Delay(50, limit.Token);
            }
        }
    }
}
