using CvManager.Telemetry;

namespace CvManager.Web;

/// <summary>
/// <c>/metrics</c>, for Prometheus. It needs no login, like the probes: it names ContainerVersions, tags and versions, and no secret. It waits
/// for nothing, so that a scrape succeeds while pages wait for the API server.
/// </summary>
public static class MetricsPages
{
    public static IReadOnlyList<WebRoute> Create(ControllerTelemetry telemetry) =>
        [
            new WebRoute(
                "GET",
                "/metrics",
                (_, _) => ValueTask.FromResult(new PageResponse(200, ControllerTelemetry.ContentType, telemetry.Write()))
            )
            {
                IsProbe = true,
            },
        ];
}
