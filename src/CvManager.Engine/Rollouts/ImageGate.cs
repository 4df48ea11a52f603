using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Registries;
using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>R5, <c>kind: Image</c>: a pod of the gate's image; exit code 0 passes. Thread-safe.</summary>
internal sealed class ImageGate(ClusterConnection cluster) : IGate
{
    private const string RolloutLabel = "custom.k8s.io/rollout";
    private const int LogLines = 20;

    public string Kind => "Image";

    public async Task<GateProgress> AdvanceAsync(GateRun run, CancellationToken cancellationToken)
    {
        string space = run.Resource.Metadata.Namespace!;
        ResourcePath path = new("", "v1", "pods", space, NameOf(run));
        JsonObject pod;
        try
        {
            pod = await cluster.GetAsync(path, cancellationToken);
        }
        catch (CvException e) when (e.ErrorId == "ResourceNotFound")
        {
            try
            {
                pod = await cluster.CreateAsync(path with { Name = null }, Manifest(run), cancellationToken);
            }
            catch (CvException refused) when (refused.Kind == CvErrorKind.Invalid)
            {
                return new GateProgress(false, $"its pod cannot be created: {refused.Message}");
            }
        }

        string phase = pod.Text("status", "phase") ?? "";
        if (phase is "Succeeded" or "Failed")
        {
            string log = await cluster.ReadPodLogAsync(space, path.Name!, LogLines, cancellationToken);
            string end = phase == "Succeeded" ? "passed" : $"failed: {WhyFailed(pod)}";
            return new GateProgress(phase == "Succeeded", log.Length == 0 ? end : $"{end}; its log ends:\n{log}");
        }

        string? waiting = pod.Items("status", "containerStatuses").Select(c => c.Text("state", "waiting", "reason") is { } reason
            ? $"{reason} {c.Text("state", "waiting", "message")}".TrimEnd() : null).FirstOrDefault(text => text is not null);
        return new GateProgress(null, $"pod {path.Name} is {(phase.Length == 0 ? "Pending" : phase)}{(waiting is null ? "" : $": {waiting}")}");
    }

    public async Task CleanUpAsync(ContainerVersion resource, string rolloutId, CancellationToken cancellationToken)
    {
        ResourcePath pods = new("", "v1", "pods", resource.Metadata.Namespace);
        foreach (JsonObject pod in await cluster.ListAsync(pods, $"{RolloutLabel}={rolloutId}", null, cancellationToken))
        {
            try
            {
                await cluster.DeleteAsync(pods with { Name = pod.Text("metadata", "name") }, cancellationToken, pod.Text("metadata", "uid"));
            }
            catch (CvException e) when (e.Kind == CvErrorKind.NotFound)
            {
                // Gone already.
            }
        }
    }

    private static string WhyFailed(JsonObject pod)
    {
        JsonObject? ended = pod.Items("status", "containerStatuses").Select(c => c.At("state", "terminated") as JsonObject).FirstOrDefault(t => t is not null);
        return ended is null ? pod.Text("status", "message") ?? pod.Text("status", "reason") ?? "its pod failed"
            : $"exit code {ended.Number("exitCode")}{(ended.Text("reason") is { } reason ? $" ({reason})" : "")}";
    }

    /// <summary>Follows from rollout and place, and fits a pod's host name (63 characters).</summary>
    private static string NameOf(GateRun run)
    {
        string suffix = $"-{run.Rollout.Id}-{run.Index}";
        string name = run.Resource.Metadata.Name;
        return (name.Length > 63 - suffix.Length ? name[..(63 - suffix.Length)].TrimEnd('-', '.') : name) + suffix;
    }

    private static JsonObject Manifest(GateRun run)
    {
        ContainerVersion resource = run.Resource;
        // Without a registry's name, of the same registry as the image that it verifies.
        string image = ImageReference.TryParse(run.Gate.Image, out _) && run.Gate.Image.Split('/')[0] is { } first && (first.Contains('.', StringComparison.Ordinal) || first.Contains(':', StringComparison.Ordinal) || first == "localhost")
            ? run.Gate.Image : $"{resource.Spec.ImageRepo.Split('/')[0]}/{run.Gate.Image}";
        JsonArray secrets = [.. resource.Spec.ImagePullSecrets.Concat(run.PullSecrets).Distinct().Select(name => new JsonObject { ["name"] = name })];
        return new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Pod",
            ["metadata"] = new JsonObject
            {
                ["name"] = NameOf(run),
                ["labels"] = new JsonObject { [RolloutLabel] = run.Rollout.Id, ["app.kubernetes.io/managed-by"] = "cvmanager" },
                ["ownerReferences"] = new JsonArray(new JsonObject
                {
                    ["apiVersion"] = resource.ApiVersion,
                    ["kind"] = resource.Kind,
                    ["name"] = resource.Metadata.Name,
                    ["uid"] = resource.Metadata.Uid,
                    ["controller"] = true,
                }),
            },
            ["spec"] = new JsonObject
            {
                ["restartPolicy"] = "Never",
                ["activeDeadlineSeconds"] = run.Gate.TimeoutSeconds,
                ["imagePullSecrets"] = secrets,
                ["containers"] = new JsonArray(new JsonObject
                {
                    ["name"] = "verify",
                    ["image"] = $"{image}:{run.Gate.Tag}",
                    // The tag may have moved since a node last pulled it.
                    ["imagePullPolicy"] = "Always",
                    ["env"] = new JsonArray(
                        Variable("NAMESPACE", resource.Metadata.Namespace), Variable("CV_NAME", resource.Metadata.Name),
                        Variable("CV_VERSION", run.Rollout.Version), Variable("CV_IMAGE", run.Image)),
                }),
            },
        };
    }

    private static JsonObject Variable(string name, string? value) => new() { ["name"] = name, ["value"] = value };
}
