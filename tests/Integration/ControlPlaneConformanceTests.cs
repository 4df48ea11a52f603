using CvManager.Conformance;
using k8s;

namespace CvManager.Integration;

/// <summary>The conformance suite on the real control plane.</summary>
public sealed class ControlPlaneConformanceTests : ConformanceSuite
{
    private Kubernetes? _client;

    protected override Task<HttpClient> ConnectAsync()
    {
        _client = Servers.Connect(Servers.KubeConfig);
        return Task.FromResult(_client.HttpClient);
    }

    /// <summary>On by default since Kubernetes 1.34.</summary>
    protected override async Task<bool> StreamsListsAsync() =>
        int.Parse((await Api.GetAsync("/version")).Ok()["minor"]!.GetValue<string>().TrimEnd('+'), System.Globalization.CultureInfo.InvariantCulture) >= 34;

    protected override ValueTask DisconnectAsync()
    {
        _client?.Dispose();
        return ValueTask.CompletedTask;
    }
}
