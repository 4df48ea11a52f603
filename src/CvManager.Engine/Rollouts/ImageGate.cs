using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Registries;
using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>R5, <c>kind: Image</c>: runs a pod with the gate's image; exit code 0 of its container passes. Thread-safe.</summary>
/// <remarks>
/// <para>The kubelet enforces the timeout by <c>activeDeadlineSeconds</c>; it does not depend on the controller's clock.</para>
/// <para>A pod that the cluster terminates (an eviction, a lost node) is run again, and is not evidence about the version.</para>
/// </remarks>
/// <param name="cluster">The cluster in which the pods run.</param>
/// <param name="environment">Makes the pods' names.</param>
internal sealed class ImageGate(ClusterConnection cluster, EngineEnvironment environment) : IGate
{
    internal const string RolloutLabel = "custom.k8s.io/rollout";
    internal const string IndexLabel = "custom.k8s.io/gate";
    private const string SpecAnnotation = "custom.k8s.io/gate-spec";
    private const string ContainerName = "verify";
    private const string DeadlineExceeded = nameof(DeadlineExceeded);
    private const int LogLines = 20;

    /// <summary>Letters and digits that cannot form words, as in names that Kubernetes generates.</summary>
    private const string NameLetters = "bcdfghjklmnpqrstvwxz2456789";
    private const int RandomLetters = 12;

    /// <summary>
    /// The kubelet's reasons for a container that it cannot create: a fault of the gate's specification, not of the version.
    /// </summary>
    private static readonly string[] ConfigurationErrors = ["CreateContainerConfigError", "CreateContainerError", "RunContainerError"];

    /// <summary>Fields that the API server adds to a pod's specification.</summary>
    private static readonly HashSet<string> DefaultedFields = new(StringComparer.Ordinal)
    {
        "restartPolicy",
        "terminationGracePeriodSeconds",
        "dnsPolicy",
        "serviceAccountName",
        "serviceAccount",
        "securityContext",
        "nodeName",
        "schedulerName",
        "tolerations",
        "priorityClassName",
        "priority",
        "preemptionPolicy",
        "enableServiceLinks",
        "imagePullSecrets",
        "terminationMessagePath",
        "terminationMessagePolicy",
        "resources",
    };

    /// <summary>Fields that it adds for the token of a service account.</summary>
    private static readonly HashSet<string> TokenFields = new(StringComparer.Ordinal) { "volumes", "volumeMounts" };

    public string Kind => "Image";

    public async Task<GateProgress> AdvanceAsync(GateRun run, CancellationToken cancellationToken)
    {
        if (run.Status.Pod is not { } known)
            return await StartAsync(run, run.Status, "", cancellationToken);
        var pod = await cluster.FindAsync(PathOf(run.Resource, known.Name), cancellationToken);
        if (known.Uid is null)
        {
            // The process stopped between the creation and the next status write.
            if (pod is null)
                return await CreateAsync(run, run.Status, cancellationToken);
            if (!IsOurPod(pod, run))
                return await StartAsync(
                    run,
                    run.Status,
                    $"pod {known.Name} was created by another client; running the gate in a new pod",
                    cancellationToken
                );
            return await JudgeAsync(run, Created(run.Status, pod), pod, cancellationToken);
        }

        if (pod is null || pod.Text("metadata", "uid") != known.Uid)
            return await StartAsync(run, run.Status, $"pod {known.Name} was deleted; running the gate again", cancellationToken);
        if (pod.Text("metadata", "annotations", SpecAnnotation) is { } asked && asked != HashOf(run.Gate))
            return await StartAsync(
                run,
                run.Status,
                $"the gate was changed while pod {known.Name} was running; running the gate again",
                cancellationToken
            );
        return ImageOf(pod) != known.Image
            ? await StartAsync(
                run,
                run.Status,
                $"the image of pod {known.Name} was changed by another client; running the gate again",
                cancellationToken
            )
            : await JudgeAsync(run, run.Status, pod, cancellationToken);
    }

    public async Task CleanUpAsync(ContainerVersion resource, string rolloutId, int? index, CancellationToken cancellationToken)
    {
        ResourcePath pods = new("", "v1", "pods", resource.Metadata.Namespace);
        var selector = $"{RolloutLabel}={rolloutId}{(index is null ? "" : $",{IndexLabel}={index}")}";
        foreach (var pod in (await cluster.ListAsync(pods, selector, null, cancellationToken)).Where(pod => IsOwned(pod, resource)))
        {
            try
            {
                await cluster.DeleteAsync(
                    pods with
                    {
                        Name = pod.Text("metadata", "name"),
                    },
                    cancellationToken,
                    pod.Text("metadata", "uid")
                );
            }
            catch (CvException e) when (e.Kind == CvErrorKind.NotFound)
            {
                // Already deleted.
            }
        }
    }

    /// <summary>Runs the gate in a new pod, which replaces a former one.</summary>
    private async Task<GateProgress> StartAsync(GateRun run, GateStatus gate, string why, CancellationToken cancellationToken)
    {
        if (gate.Pod is not null)
            await CleanUpAsync(run.Resource, run.Rollout.Id, run.Index, cancellationToken);
        gate = gate with
        {
            Phase = RolloutPhase.Progressing,
            Message = null,
            Reason = null,
            Pod = new GatePodStatus { Name = NewName(run.Resource.Metadata.Name) },
        };
        await run.RecordAsync(gate);
        var begun = await CreateAsync(run, gate, cancellationToken);
        return why.Length == 0 ? begun : begun with { Message = $"{why}: {begun.Message}" };
    }

    private async Task<GateProgress> CreateAsync(GateRun run, GateStatus gate, CancellationToken cancellationToken)
    {
        var name = gate.Pod!.Name;
        try
        {
            var pod = await cluster.CreateAsync(PathOf(run.Resource, null), Manifest(run, name), cancellationToken);
            return new GateProgress(Created(gate, pod), $"pod {name} was created");
        }
        catch (CvException e) when (e.ErrorId == ErrorIds.ResourceAlreadyExists)
        {
            // The response to an earlier request was lost, or another client created the pod: the next step checks which.
            return new GateProgress(gate, $"pod {name} already exists");
        }
        catch (CvException e) when (e.Kind is CvErrorKind.Forbidden or CvErrorKind.Invalid or CvErrorKind.NotFound)
        {
            throw new CvException(e.ErrorId, e.Kind, $"The pod of gate {gate.Image} could not be created: {e.Message}", e.Remedy, e)
            {
                Target = e.Target,
            };
        }
    }

    private async Task<GateProgress> JudgeAsync(GateRun run, GateStatus gate, JsonObject pod, CancellationToken cancellationToken)
    {
        var container = pod.Items("status", "containerStatuses").FirstOrDefault(c => c.Text("name") == ContainerName);
        var phase = pod.Text("status", "phase") ?? "";
        var reason = pod.Text("status", "reason");
        var exitCode = container.Number("state", "terminated", "exitCode");
        // The gate's own container decides: an injected sidecar may never end.
        if (phase == "Succeeded" || exitCode == 0)
            return await EndAsync(run, gate, RolloutPhase.Succeeded, "passed", cancellationToken);

        (var cause, var message) = Cause(pod, container, gate);
        gate = gate with { Reason = cause, Message = message };
        if (Disruption(pod, phase, reason) is { } disruption)
            return await StartAsync(
                run,
                gate,
                $"pod {gate.Pod!.Name} was terminated by the cluster ({disruption}); running the gate again",
                cancellationToken
            );
        if (phase != "Failed" && exitCode is null)
        {
            var state = phase.Length == 0 ? "Pending" : phase;
            return new GateProgress(gate, $"pod {gate.Pod!.Name} is {state}{(gate.Message is null ? "" : $": {gate.Message}")}");
        }

        if (reason == DeadlineExceeded && exitCode is null && cause is not null)
        {
            return ConfigurationErrors.Contains(cause)
                ? await StartAsync(
                    run,
                    gate,
                    $"pod {gate.Pod!.Name} could not start ({message}); running the gate again",
                    cancellationToken
                )
                : await EndAsync(
                    run,
                    gate,
                    RolloutPhase.Failed,
                    $"failed: the container did not start within the gate's timeoutSeconds ({run.Gate.TimeoutSeconds} s): {message}",
                    cancellationToken
                );
        }

        var why =
            reason == DeadlineExceeded ? $"not completed within the gate's timeoutSeconds ({run.Gate.TimeoutSeconds} s)"
            : exitCode is null ? RemoteText.Show(pod.Text("status", "message") ?? reason ?? "the pod failed")
            : $"exit code {exitCode}{(container.Text("state", "terminated", "reason") is { } how ? $" ({how})" : "")}";
        return await EndAsync(run, gate, RolloutPhase.Failed, $"failed: {why}", cancellationToken);
    }

    private async Task<GateProgress> EndAsync(GateRun run, GateStatus gate, string phase, string end, CancellationToken cancellationToken)
    {
        string log;
        try
        {
            var written = await cluster.ReadPodLogAsync(
                run.Resource.Metadata.Namespace!,
                gate.Pod!.Name,
                LogLines,
                cancellationToken,
                ContainerName
            );
            log = string.Join('\n', written.Split('\n').Select(line => RemoteText.Show(line)));
        }
        catch (CvException e)
        {
            // The outcome does not depend on the log.
            end = $"{end} (the log could not be read: {e.Message})";
            log = "";
        }

        return new GateProgress(
            gate with
            {
                Phase = phase,
                Message = null,
                Reason = null,
            },
            log.Length == 0 ? end : $"{end}; end of the log:\n{log}"
        );
    }

    /// <summary>Why the cluster terminated a pod; null if it did not.</summary>
    /// <remarks>
    /// Kubernetes documentation, "Disruptions", "Pod disruption conditions" (1.26 and later); earlier versions set only the reason.
    /// </remarks>
    private static string? Disruption(JsonObject pod, string phase, string? reason) =>
        pod.Items("status", "conditions").FirstOrDefault(c => c.Text("type") == "DisruptionTarget" && c.Text("status") == "True")
            is { } target
            ? target.Text("reason") ?? "disrupted"
        : pod.At("metadata", "deletionTimestamp") is not null ? "deleted"
        : phase == "Failed" && reason is not (null or DeadlineExceeded) ? reason
        : null;

    /// <summary>
    /// Why the container does not start: the first cause, because a later "Back-off pulling image" hides it. Null after it has started.
    /// </summary>
    private static (string? Reason, string? Message) Cause(JsonObject pod, JsonObject? container, GateStatus former)
    {
        if (container.At("state", "running") is not null || container.At("state", "terminated") is not null)
            return (null, null);
        var status = pod.Items("status", "initContainerStatuses")
            .Where(c => c.At("state", "waiting") is not null)
            .Append(container)
            .FirstOrDefault();
        var reason = status.Text("state", "waiting", "reason");
        if (reason is null or "ContainerCreating" or "PodInitializing")
        {
            var scheduled = pod.Items("status", "conditions")
                .FirstOrDefault(c => c.Text("type") == "PodScheduled" && c.Text("status") == "False");
            return scheduled is null
                ? (former.Reason, former.Message)
                : (scheduled.Text("reason"), RemoteText.Show($"{scheduled.Text("reason")}: {scheduled.Text("message")}"));
        }

        if (reason == "ImagePullBackOff" && former.Reason == "ErrImagePull")
            return (former.Reason, former.Message);
        var message = status.Text("state", "waiting", "message") ?? "";
        var remedy = message.Contains("runAsNonRoot", StringComparison.Ordinal)
            ? "; set the gate's runAsUser to a user ID, or to 0 to run it as root"
            : "";
        return (reason, RemoteText.Show(message.Length == 0 ? reason : $"{reason}: {message}") + remedy);
    }

    private static GateStatus Created(GateStatus gate, JsonObject pod) =>
        gate with
        {
            Pod = gate.Pod! with { Uid = pod.Text("metadata", "uid"), Image = ImageOf(pod) },
        };

    private static string? ImageOf(JsonObject pod) =>
        pod.Items("spec", "containers").FirstOrDefault(c => c.Text("name") == ContainerName).Text("image");

    private static bool IsOwned(JsonObject pod, ContainerVersion resource) =>
        pod.Items("metadata", "ownerReferences").Any(owner => owner.Flag("controller") && owner.Text("uid") == resource.Metadata.Uid);

    /// <summary>
    /// Whether a pod whose uid is not known yet runs exactly what this gate's pod would. A client that may read the status and create pods
    /// can forge everything else.
    /// </summary>
    private static bool IsOurPod(JsonObject pod, GateRun run)
    {
        var made = JsonNode.Parse(Manifest(run, run.Status.Pod!.Name).ToJsonString())!["spec"]!.AsObject();
        // The API server normalizes quantities ("1000m" becomes "1").
        made["containers"]![0]!.AsObject().Remove("resources");
        if (!IsOwned(pod, run.Resource) || pod["spec"] is not JsonObject spec || !Covers(made, spec))
            return false;
        var own = made.Select(field => field.Key).Concat(made["containers"]![0]!.AsObject().Select(field => field.Key));
        HashSet<string> expected = [.. own, .. DefaultedFields, .. run.Gate.ServiceAccountName is null ? [] : TokenFields];
        return spec.Concat(spec["containers"]![0]!.AsObject()).All(field => expected.Contains(field.Key));
    }

    /// <summary>True if <paramref name="found"/> contains everything of <paramref name="made"/>.</summary>
    private static bool Covers(JsonNode? made, JsonNode? found) =>
        made switch
        {
            JsonObject map => found is JsonObject other && map.All(field => Covers(field.Value, other[field.Key])),
            JsonArray list => found is JsonArray other
                && list.Count == other.Count
                && list.Zip(other).All(pair => Covers(pair.First, pair.Second)),
            _ => JsonNode.DeepEquals(made, found),
        };

    private static ResourcePath PathOf(ContainerVersion resource, string? name) => new("", "v1", "pods", resource.Metadata.Namespace, name);

    /// <summary>At most 63 characters, the limit of a pod's host name.</summary>
    private string NewName(string resource)
    {
        var suffix = environment.RandomLetters(NameLetters, RandomLetters);
        var limit = 63 - 1 - RandomLetters;
        return $"{(resource.Length > limit ? resource[..limit].TrimEnd('-', '.') : resource)}-{suffix}";
    }

    private static JsonObject Manifest(GateRun run, string name)
    {
        var resource = run.Resource;
        var gate = run.Gate;
        // An image without a registry is from the same registry as the image that the gate verifies.
        var image =
            ImageReference.TryParse(gate.Image, out _)
            && gate.Image.Split('/')[0] is { } first
            && (first.Contains('.', StringComparison.Ordinal) || first.Contains(':', StringComparison.Ordinal) || first == "localhost")
                ? gate.Image
                : $"{resource.Spec.ImageRepo.Split('/')[0]}/{gate.Image}";
        // Kubernetes documentation, "Pod Security Standards", Restricted: a namespace that enforces it accepts the pod.
        JsonObject security = new()
        {
            ["runAsNonRoot"] = gate.RunAsUser != 0,
            ["seccompProfile"] = new JsonObject { ["type"] = "RuntimeDefault" },
        };
        if (gate.RunAsUser is { } user)
            security["runAsUser"] = user;
        JsonObject container = new()
        {
            ["name"] = ContainerName,
            ["image"] = $"{image}:{gate.Tag}",
            // The tag may have moved since a node last pulled it.
            ["imagePullPolicy"] = "Always",
            ["env"] = new JsonArray(
                Variable("NAMESPACE", resource.Metadata.Namespace),
                Variable("CV_NAME", resource.Metadata.Name),
                Variable("CV_VERSION", run.Rollout.Version),
                Variable("CV_IMAGE", run.Image)
            ),
            ["securityContext"] = new JsonObject
            {
                ["allowPrivilegeEscalation"] = false,
                ["capabilities"] = new JsonObject { ["drop"] = new JsonArray("ALL") },
            },
        };
        if (gate.Resources is { } resources)
            container["resources"] = JsonSerializer.SerializeToNode(resources, ResourceJson.Options);
        JsonObject spec = new()
        {
            ["restartPolicy"] = "Never",
            ["activeDeadlineSeconds"] = gate.TimeoutSeconds,
            ["automountServiceAccountToken"] = gate.ServiceAccountName is not null,
            ["securityContext"] = security,
            ["containers"] = new JsonArray(container),
        };
        if (gate.ServiceAccountName is { } account)
            spec["serviceAccountName"] = account;
        string[] secrets = [.. resource.Spec.ImagePullSecrets.Concat(run.PullSecrets).Distinct(StringComparer.Ordinal)];
        if (secrets.Length > 0)
            spec["imagePullSecrets"] = new JsonArray([.. secrets.Select(secret => new JsonObject { ["name"] = secret })]);
        return new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Pod",
            ["metadata"] = new JsonObject
            {
                ["name"] = name,
                ["labels"] = new JsonObject
                {
                    [RolloutLabel] = run.Rollout.Id,
                    [IndexLabel] = $"{run.Index}",
                    ["app.kubernetes.io/managed-by"] = ClusterConnection.FieldManager,
                },
                ["annotations"] = new JsonObject { [SpecAnnotation] = HashOf(gate) },
                ["ownerReferences"] = new JsonArray(
                    new JsonObject
                    {
                        ["apiVersion"] = resource.ApiVersion,
                        ["kind"] = resource.Kind,
                        ["name"] = resource.Metadata.Name,
                        ["uid"] = resource.Metadata.Uid,
                        ["controller"] = true,
                    }
                ),
            },
            ["spec"] = spec,
        };
    }

    /// <summary>Identifies the specification, to detect a gate that is edited while it runs.</summary>
    private static string HashOf(VerifySpec gate) =>
        Convert.ToHexString(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(gate, ResourceJson.Options)))[..16].ToLowerInvariant();

    private static JsonObject Variable(string name, string? value) => new() { ["name"] = name, ["value"] = value };
}
