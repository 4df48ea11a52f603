using CvManager.Conformance;

namespace CvManager.Integration.Cluster;

/// <summary>The conformance suite on the real control plane.</summary>
public sealed class ControlPlaneConformanceTests : ConformanceSuite
{
    private HttpClient? _client;

    protected override async Task<HttpClient> ConnectAsync()
    {
        _client = await Servers.ConnectAsync(Servers.KubeConfig);
        return _client;
    }

    /// <summary>Enabled by default since Kubernetes 1.34.</summary>
    protected override async Task<bool> SupportsStreamingListsAsync() =>
        int.Parse(
            (await Api.GetAsync("/version")).Ok()["minor"]!.GetValue<string>().TrimEnd('+'),
            System.Globalization.CultureInfo.InvariantCulture
        ) >= 34;

    protected override ValueTask DisconnectAsync()
    {
        _client?.Dispose();
        return ValueTask.CompletedTask;
    }
}
