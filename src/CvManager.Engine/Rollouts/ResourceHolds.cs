using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Records;
using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>R7: suspends, pins and resumes a resource, with an event for each. Thread-safe.</summary>
/// <param name="cluster">The cluster with the resources.</param>
/// <param name="environment">Its log gets events that could not be written.</param>
/// <param name="who">The user who makes the change.</param>
public sealed class ResourceHolds(ClusterConnection cluster, EngineEnvironment environment, string who)
{
    /// <summary>How often a status update that conflicts with the controller is retried.</summary>
    private const int MaxConflicts = 10;

    private readonly ContainerVersionStore _resources = new(cluster);
    private readonly EventRecorder _events = new(cluster, environment);

    /// <summary>Suspends a resource. Writes nothing if it is already suspended and the reason is not changed.</summary>
    /// <exception cref="CvException">The cluster refused or was unavailable.</exception>
    public async Task<ContainerVersion> SuspendAsync(ContainerVersion resource, string? reason, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(resource);
        if (resource.Spec.Suspend && (reason is null || reason == Hold.Of(resource)?.Reason))
            return resource;
        return await HoldAsync(
            resource,
            new JsonObject { ["suspend"] = true },
            reason,
            ConditionReasons.Suspended,
            "Suspended",
            cancellationToken
        );
    }

    /// <summary>Pins a resource to a version, and ends a suspension, which would prevent the rollout.</summary>
    /// <inheritdoc cref="SuspendAsync" path="/exception"/>
    public async Task<ContainerVersion> PinAsync(
        ContainerVersion resource,
        string version,
        string? reason,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(resource);
        if (!resource.Spec.Suspend && resource.Spec.PinVersion == version && (reason is null || reason == Hold.Of(resource)?.Reason))
            return resource;
        return await HoldAsync(
            resource,
            new JsonObject { ["pinVersion"] = version, ["suspend"] = null },
            reason,
            ConditionReasons.Pinned,
            $"Pinned to version {version}",
            cancellationToken
        );
    }

    /// <summary>Lifts suspension, pin and quarantine. Writes nothing if the resource was not held.</summary>
    /// <inheritdoc cref="SuspendAsync" path="/exception"/>
    public async Task<ContainerVersion> ResumeAsync(ContainerVersion resource, string? reason, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(resource);
        // Lift the quarantine first, so that it does not stop the controller when it continues.
        var resumed = await LiftAsync(resource, cancellationToken);
        if (Hold.Of(resumed) is not null)
        {
            resumed = await PatchAsync(
                resumed,
                new JsonObject { ["suspend"] = null, ["pinVersion"] = null },
                new JsonObject { [Hold.ByAnnotation] = null, [Hold.ReasonAnnotation] = null },
                cancellationToken
            );
        }

        if (!ReferenceEquals(resumed, resource))
            await PublishEventAsync(resumed, "Resumed", "Resumed", reason, cancellationToken);
        return resumed;
    }

    /// <summary>R6, R3: removes the quarantine and the count of repeated rollouts from the status.</summary>
    private async Task<ContainerVersion> LiftAsync(ContainerVersion resource, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            if (resource.Status is not { } status || (status.Quarantined is not { Count: > 0 } && status.Rollout is not { Repeats: > 0 }))
                return resource;
            try
            {
                return await _resources.UpdateStatusAsync(
                    resource with
                    {
                        Status = status with
                        {
                            Quarantined = null,
                            Rollout = status.Rollout is { } rollout ? rollout with { Repeats = 0 } : null,
                        },
                    },
                    cancellationToken
                );
            }
            catch (CvException e) when (e.ErrorId == ErrorIds.ResourceConflict && attempt < MaxConflicts)
            {
                resource = await _resources.GetAsync(resource.Metadata.Namespace!, resource.Metadata.Name, cancellationToken);
            }
        }
    }

    private async Task<ContainerVersion> HoldAsync(
        ContainerVersion resource,
        JsonObject spec,
        string? reason,
        string word,
        string what,
        CancellationToken cancellationToken
    )
    {
        var held = await PatchAsync(
            resource,
            spec,
            new JsonObject { [Hold.ByAnnotation] = who, [Hold.ReasonAnnotation] = reason },
            cancellationToken
        );
        await PublishEventAsync(held, word, what, reason, cancellationToken);
        return held;
    }

    private Task<ContainerVersion> PatchAsync(
        ContainerVersion resource,
        JsonObject spec,
        JsonObject annotations,
        CancellationToken cancellationToken
    ) =>
        _resources.PatchAsync(
            resource.Metadata.Namespace!,
            resource.Metadata.Name,
            new JsonObject
            {
                ["metadata"] = new JsonObject { ["annotations"] = annotations },
                ["spec"] = spec,
            },
            cancellationToken
        );

    private Task PublishEventAsync(
        ContainerVersion resource,
        string word,
        string what,
        string? reason,
        CancellationToken cancellationToken
    ) => _events.WriteAsync(new ClusterEvent(EventSubject.Of(resource), false, word, $"{what}{new Hold(who, reason)}"), cancellationToken);
}
