using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using CvManager.Conformance;
using CvManager.Sandbox;
using Xunit;

namespace CvManager.Unit.Sandbox;

/// <summary>One sandbox for all tests of a class, like a shared control plane.</summary>
public sealed class SandboxFixture : IAsyncLifetime
{
    public SandboxCluster Cluster { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Cluster = await SandboxCluster.StartAsync(new SandboxOptions(), CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await Cluster.DisposeAsync();
        Assert.Empty(Cluster.Errors);
    }
}

/// <summary>The conformance suite on the sandbox, over a socket.</summary>
public sealed class SandboxConformanceTests(SandboxFixture sandbox) : ConformanceSuite, IClassFixture<SandboxFixture>
{
    protected override Task<HttpClient> ConnectAsync()
    {
        using var authority = X509Certificate2.CreateFromPem(sandbox.Cluster.AuthorityPem);
        X509Certificate2Collection trusted = [X509CertificateLoader.LoadCertificate(authority.RawData)];
        SocketsHttpHandler handler = new()
        {
            SslOptions = new()
            {
                CertificateChainPolicy = new()
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    RevocationMode = X509RevocationMode.NoCheck,
                },
            },
        };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(trusted);
        return Task.FromResult(Client(handler, sandbox.Cluster.Server!, sandbox.Cluster.Token));
    }

    internal static HttpClient Client(HttpMessageHandler handler, Uri server, string token)
    {
        HttpClient client = new(handler) { BaseAddress = server, Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }
}

/// <summary>The conformance suite on the sandbox, without a socket.</summary>
public sealed class InProcessConformanceTests(SandboxFixture sandbox) : ConformanceSuite, IClassFixture<SandboxFixture>
{
    protected override Task<HttpClient> ConnectAsync() =>
        Task.FromResult(SandboxConformanceTests.Client(sandbox.Cluster.CreateHandler(), new Uri("http://sandbox"), sandbox.Cluster.Token));
}
