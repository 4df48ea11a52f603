using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;

namespace CvManager.Workloads;

/// <summary>
/// Updates the image of a Job (R4): its template is immutable, so it is deleted and recreated when it is not active. Stateless;
/// thread-safe.
/// </summary>
/// <remarks>
/// If the process were killed between deletion and creation, the specification would be lost (R10). It is therefore first saved in a second
/// Job that starts no pods (parallelism 0) and has the same access rights.
/// </remarks>
internal sealed class JobRecreation(ClusterConnection cluster)
{
    private const string SavedFor = "cvmanager.custom.k8s.io/kept-for";
    private const string SavedMetadata = "cvmanager.custom.k8s.io/kept-metadata";
    private const string SavedParallelism = "cvmanager.custom.k8s.io/kept-parallelism";

    /// <summary>Labels that the Job controller sets on a Job's template, and that the API server rejects from other clients.</summary>
    private static readonly string[] ControllerLabels =
    [
        "controller-uid",
        "job-name",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-name",
    ];

    /// <param name="ns">The Job's namespace.</param>
    /// <param name="name">The Job's name.</param>
    /// <param name="container">The container to update.</param>
    /// <param name="to">The new image.</param>
    /// <param name="has">Whether an image is the new one, possibly as rewritten by the API server.</param>
    /// <returns>
    /// The progress, and after the creation the image that the API server stored; null if neither the Job nor a saved specification exists.
    /// </returns>
    /// <exception cref="CvException">The cluster was unavailable.</exception>
    public async Task<(WorkloadProgress Progress, string? Answered)?> AdvanceAsync(
        string ns,
        string name,
        string container,
        string to,
        Func<string, bool> has,
        CancellationToken cancellationToken
    )
    {
        var job = await cluster.FindAsync(Path(ns, name), cancellationToken);
        var kept = await cluster.FindAsync(Path(ns, SavedName(name)), cancellationToken);
        if (kept is not null && kept.Text("metadata", "annotations", SavedFor) != name)
            kept = null;
        if (job is null)
            return kept is null ? null : await CreateAsync(ns, name, kept, container, to, cancellationToken);
        if (job.At("metadata", "deletionTimestamp") is not null)
            return (WorkloadProgress.Waiting("the Job is being deleted and will be recreated"), null);
        if (ImageOf(job, container) is { } present && has(present))
        {
            if (kept is not null)
                await DeleteAsync(ns, kept, cancellationToken);
            return (WorkloadProgress.Done("created"), null);
        }

        if (IsActive(job))
            return (WorkloadProgress.Blocked(ConditionReasons.JobActive, "the Job is active; it is recreated after it finishes"), null);
        if (kept is null)
        {
            try
            {
                kept = await cluster.CreateAsync(Path(ns), SavedCopy(name, job), cancellationToken);
            }
            catch (CvException e) when (e.Kind == CvErrorKind.Invalid)
            {
                return (WorkloadProgress.Failed($"the Job cannot be recreated: {e.Message}"), null);
            }
        }

        await DeleteAsync(ns, job, cancellationToken);
        return (WorkloadProgress.Waiting("the Job was deleted and will be recreated"), null);
    }

    /// <summary>Continues with a Job that is not selected because it does not exist; null if we did not delete it.</summary>
    /// <inheritdoc cref="AdvanceAsync" path="/param|/exception"/>
    public async Task<(WorkloadProgress Progress, string? Answered)?> ResumeAsync(
        string ns,
        string name,
        string container,
        string to,
        Func<string, bool> has,
        CancellationToken cancellationToken
    )
    {
        if (
            await cluster.FindAsync(Path(ns, name), cancellationToken) is { } job
            && !(ImageOf(job, container) is { } present && has(present))
        )
            return job.At("metadata", "deletionTimestamp") is null
                ? null
                : (WorkloadProgress.Waiting("the Job is being deleted and will be recreated"), null);
        return await AdvanceAsync(ns, name, container, to, has, cancellationToken);
    }

    private async Task<(WorkloadProgress Progress, string? Answered)> CreateAsync(
        string ns,
        string name,
        JsonObject kept,
        string container,
        string to,
        CancellationToken cancellationToken
    )
    {
        var job = Restore(name, kept);
        foreach (
            var entry in job.Items("spec", "template", "spec", "containers").Concat(job.Items("spec", "template", "spec", "initContainers"))
        )
        {
            if (entry.Text("name") == container)
                entry["image"] = to;
        }

        try
        {
            // An admission webhook may have rewritten the image; that is not a reason to recreate the Job again.
            return (WorkloadProgress.Waiting("created"), ImageOf(await cluster.CreateAsync(Path(ns), job, cancellationToken), container));
        }
        catch (CvException e) when (e.ErrorId == ErrorIds.ResourceAlreadyExists)
        {
            return (WorkloadProgress.Waiting("another client created the Job; reading it again"), null);
        }
        catch (CvException e) when (e.Kind == CvErrorKind.Invalid)
        {
            return (WorkloadProgress.Failed($"the Job cannot be recreated: {e.Message}"), null);
        }
    }

    /// <summary>The saved specification: the same Job under another name, without its labels, and with parallelism 0.</summary>
    private static JsonObject SavedCopy(string name, JsonObject job)
    {
        var spec = SpecOf(job);
        var parallelism = spec.Number("parallelism");
        spec["parallelism"] = 0;
        return new JsonObject
        {
            ["apiVersion"] = "batch/v1",
            ["kind"] = "Job",
            ["metadata"] = new JsonObject
            {
                ["name"] = SavedName(name),
                ["labels"] = new JsonObject { ["app.kubernetes.io/managed-by"] = "cvmanager" },
                ["annotations"] = new JsonObject
                {
                    [SavedFor] = name,
                    [SavedParallelism] = parallelism?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "1",
                    [SavedMetadata] = new JsonObject
                    {
                        ["labels"] = job.At("metadata", "labels")?.DeepClone(),
                        ["annotations"] = job.At("metadata", "annotations")?.DeepClone(),
                        ["ownerReferences"] = job.At("metadata", "ownerReferences")?.DeepClone(),
                    }.ToJsonString(),
                },
            },
            ["spec"] = spec,
        };
    }

    private static JsonObject Restore(string name, JsonObject kept)
    {
        var metadata = JsonNode.Parse(kept.Text("metadata", "annotations", SavedMetadata)!)!.AsObject();
        foreach (var nothing in metadata.Where(field => field.Value is null).Select(field => field.Key).ToList())
            metadata.Remove(nothing);
        metadata["name"] = name;
        var spec = SpecOf(kept);
        spec["parallelism"] = int.Parse(
            kept.Text("metadata", "annotations", SavedParallelism)!,
            System.Globalization.CultureInfo.InvariantCulture
        );
        return new JsonObject
        {
            ["apiVersion"] = "batch/v1",
            ["kind"] = "Job",
            ["metadata"] = metadata,
            ["spec"] = spec,
        };
    }

    /// <summary>The specification without the selector and labels that the API server generated.</summary>
    private static JsonObject SpecOf(JsonObject job)
    {
        var spec = job["spec"]!.DeepClone().AsObject();
        if (spec.Flag("manualSelector"))
            return spec;
        spec.Remove("selector");
        foreach (var labels in new[] { spec.At("template", "metadata", "labels") }.OfType<JsonObject>())
        {
            foreach (var label in ControllerLabels)
                labels.Remove(label);
        }

        return spec;
    }

    /// <summary>Neither finished nor suspended: its pods run or are about to.</summary>
    private static bool IsActive(JsonObject job)
    {
        if (job.Number("status", "active") > 0)
            return true;
        var ended = job.Items("status", "conditions").Any(c => c.Text("type") is "Complete" or "Failed" && c.Text("status") == "True");
        return !ended && !job.Flag("spec", "suspend") && job.Number("spec", "parallelism") != 0;
    }

    private static string? ImageOf(JsonObject job, string container) =>
        job.Items("spec", "template", "spec", "containers")
            .Concat(job.Items("spec", "template", "spec", "initContainers"))
            .FirstOrDefault(c => c.Text("name") == container)
            ?.Text("image");

    /// <summary>At most 63 characters: a Job's name is also a label value of its pods.</summary>
    private static string SavedName(string name) => $"{(name.Length > 55 ? name[..55].TrimEnd('-', '.') : name)}-cvmkept";

    private static ResourcePath Path(string ns, string? name = null) => new("batch", "v1", "jobs", ns, name);

    private async Task DeleteAsync(string ns, JsonObject job, CancellationToken cancellationToken)
    {
        try
        {
            await cluster.DeleteAsync(Path(ns, job.Text("metadata", "name")), cancellationToken, job.Text("metadata", "uid"));
        }
        catch (CvException e) when (e.Kind == CvErrorKind.NotFound || e.ErrorId == ErrorIds.ResourceConflict)
        {
            // Already deleted, or replaced by another Job: the next step checks.
        }
    }
}
