using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Workloads;
using Microsoft.Extensions.Logging;

namespace CvManager.Records;

/// <summary>The object that an event is about.</summary>
public sealed record EventSubject(string ApiVersion, string Kind, string Namespace, string Name, string Uid)
{
    public static EventSubject Of(ContainerVersion resource)
    {
        ArgumentNullException.ThrowIfNull(resource);
        return new EventSubject(
            resource.ApiVersion,
            resource.Kind,
            resource.Metadata.Namespace ?? "",
            resource.Metadata.Name,
            resource.Metadata.Uid ?? ""
        );
    }

    public static EventSubject Of(Workload workload)
    {
        ArgumentNullException.ThrowIfNull(workload);
        var group = WorkloadKind.Find(workload.Kind).Group;
        return new EventSubject(
            group.Length == 0 ? workload.ApiVersion : $"{group}/{workload.ApiVersion}",
            workload.Kind,
            workload.Namespace,
            workload.Name,
            workload.Uid
        );
    }
}

/// <summary>A Kubernetes Event.</summary>
/// <param name="Subject">The object that the event is about.</param>
/// <param name="IsWarning">True for type Warning, false for Normal.</param>
/// <param name="Reason">A stable CamelCase reason.</param>
/// <param name="Message">A sentence for people.</param>
public sealed record ClusterEvent(EventSubject Subject, bool IsWarning, string Reason, string Message);

/// <summary>
/// Writes Kubernetes Events in the form (core/v1 without eventTime) that all API server versions accept. A repeated event increments the
/// count of the same object: its name is derived from its content, so that no state is needed.
/// </summary>
/// <remarks>Thread-safe. An event that cannot be written is logged; it never fails the caller.</remarks>
public sealed partial class EventRecorder(ClusterConnection cluster, EngineEnvironment environment)
{
    private const int MaxMessageLength = 1024;
    private const int MaxAttempts = 4;

    private readonly ILogger _logger = environment.Logger;
    private volatile string? _loggedError;

    /// <summary>Writes an event. Throws only when it is cancelled.</summary>
    public async Task WriteAsync(ClusterEvent happened, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(happened);
        ResourcePath path = new("", "v1", "events", happened.Subject.Namespace, NameOf(happened));
        try
        {
            for (var attempt = 1; ; attempt++)
            {
                try
                {
                    await CreateOrCountAsync(path, happened, cancellationToken);
                    _loggedError = null;
                    return;
                }
                catch (CvException e) when (e.ErrorId is ErrorIds.ResourceConflict or ErrorIds.ResourceNotFound && attempt < MaxAttempts)
                {
                    // Another writer incremented the count, or the event has just expired.
                }
            }
        }
        catch (CvException e)
        {
            // A missing permission affects every event; log it once.
            var logged = $"{e.ErrorId} {happened.Subject.Namespace}";
            if (e.Kind == CvErrorKind.Forbidden && _loggedError == logged)
                return;
            _loggedError = logged;
            LogNotWritten(happened.Reason, happened.Subject.Kind, happened.Subject.Namespace, happened.Subject.Name, e.Message, e.Remedy);
        }
    }

    private async Task CreateOrCountAsync(ResourcePath path, ClusterEvent happened, CancellationToken cancellationToken)
    {
        var now = environment.Time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        try
        {
            await cluster.CreateAsync(path with { Name = null }, Body(path, happened, now), cancellationToken);
        }
        catch (CvException e) when (e.ErrorId == ErrorIds.ResourceAlreadyExists)
        {
            var present = await cluster.GetAsync(path, cancellationToken);
            await cluster.PatchAsync(
                path,
                PatchKind.Merge,
                new JsonObject
                {
                    ["metadata"] = new JsonObject { ["resourceVersion"] = present.Text("metadata", "resourceVersion") },
                    ["count"] = (present.Number("count") ?? 1) + 1,
                    ["lastTimestamp"] = now,
                },
                cancellationToken
            );
        }
    }

    private static JsonObject Body(ResourcePath path, ClusterEvent happened, string now) =>
        new()
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Event",
            ["metadata"] = new JsonObject { ["name"] = path.Name, ["namespace"] = path.Namespace },
            ["involvedObject"] = new JsonObject
            {
                ["apiVersion"] = happened.Subject.ApiVersion,
                ["kind"] = happened.Subject.Kind,
                ["namespace"] = happened.Subject.Namespace,
                ["name"] = happened.Subject.Name,
                ["uid"] = happened.Subject.Uid,
            },
            ["type"] = happened.IsWarning ? "Warning" : "Normal",
            ["reason"] = happened.Reason,
            ["message"] =
                happened.Message.Length <= MaxMessageLength
                    ? happened.Message
                    : string.Concat(happened.Message.AsSpan(0, MaxMessageLength - 1), "…"),
            ["source"] = new JsonObject { ["component"] = ClusterConnection.FieldManager },
            ["firstTimestamp"] = now,
            ["lastTimestamp"] = now,
            ["count"] = 1,
        };

    private static string NameOf(ClusterEvent happened)
    {
        var hash = SHA256.HashData(
            Encoding.UTF8.GetBytes($"{happened.Subject.Uid}\n{happened.IsWarning}\n{happened.Reason}\n{happened.Message}")
        );
        // At most 253 characters in all.
        var name = happened.Subject.Name.Length <= 230 ? happened.Subject.Name : happened.Subject.Name[..230].TrimEnd('.', '-');
        return $"{name}.{Convert.ToHexString(hash, 0, 8).ToLowerInvariant()}";
    }

    [LoggerMessage(
        EventId = LogEvents.EventNotWritten,
        EventName = nameof(LogEvents.EventNotWritten),
        Level = LogLevel.Warning,
        Message = "Event {Reason} for {Kind} {Namespace}/{Name} could not be written: {Why} {Remedy}"
    )]
    private partial void LogNotWritten(string reason, string kind, string @namespace, string name, string why, string remedy);
}
