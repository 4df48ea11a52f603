using CvManager.Conformance;
using k8s;

namespace CvManager.Integration;

/// <summary>The conformance suite on the real control plane.</summary>
public sealed class ControlPlaneConformanceTests : ConformanceSuite
{
    private Kubernetes? _client;

    protected override Task<HttpClient> ConnectAsync()
    {
        KubernetesClientConfiguration configuration = KubernetesClientConfiguration.BuildConfigFromConfigFile(new FileInfo(Servers.KubeConfig));
        configuration.HttpClientTimeout = Timeout.InfiniteTimeSpan;
        _client = new Kubernetes(configuration);
        _client.HttpClient.BaseAddress = _client.BaseUri;
        _client.HttpClient.DefaultRequestHeaders.Authorization = new("Bearer", configuration.AccessToken);
        return Task.FromResult(_client.HttpClient);
    }

    protected override ValueTask DisconnectAsync()
    {
        _client?.Dispose();
        return ValueTask.CompletedTask;
    }
}
