using System.Text.Json;

namespace CvManager.Web;

/// <summary>
/// The pages for probes. They need no login, and say nothing but names of kinds and namespaces.
/// </summary>
/// <remarks>
/// <list type="bullet">
/// <item><c>/alive</c> (<c>alive</c>) and <c>/healthz</c> (<c>ok</c>): should the process be restarted? 503 only if a restart helps, because
/// a task keeps failing or is stuck. Not while the API server or a registry is down, nor before the initial sync: restarts would only make
/// that worse.</item>
/// <item><c>/readyz</c> (<c>ok</c>): would this process do the work, as leader or as the standby that takes over? 503 with what is missing, if a
/// watch is not current or the Lease does not answer. A standby is ready without the Lease; otherwise a rolling update that waits for new
/// pods would never end. A new version that cannot read what it must never becomes ready, and the old one continues.</item>
/// <item><c>/version</c>: JSON with the version of the module.</item>
/// </list>
/// </remarks>
public static class HealthPages
{
    /// <param name="findFault">Returns why the process should be restarted; null for nothing. Fast and thread-safe.</param>
    /// <param name="findMissing">Returns what is missing until it is ready; empty for nothing. Fast and thread-safe.</param>
    public static IReadOnlyList<WebRoute> Create(Func<string?> findFault, Func<IReadOnlyList<string>> findMissing)
    {
        var version = JsonSerializer.Serialize(new Dictionary<string, string> { ["version"] = ProductVersion.Text });
        return
        [
            Probe("/alive", () => Live("alive")),
            Probe("/healthz", () => Live("ok")),
            Probe(
                "/readyz",
                () =>
                    findMissing() is { Count: > 0 } missing
                        ? PageResponse.Text(503, $"not ready: {string.Join(", ", missing)}")
                        : PageResponse.Text(200, "ok")
            ),
            Probe("/version", () => PageResponse.Json(version)),
        ];

        PageResponse Live(string text) =>
            findFault() is { } fault ? PageResponse.Text(503, $"not healthy: {fault}") : PageResponse.Text(200, text);
    }

    private static WebRoute Probe(string path, Func<PageResponse> respond) =>
        new("GET", path, (_, _) => ValueTask.FromResult(respond())) { IsProbe = true };
}
