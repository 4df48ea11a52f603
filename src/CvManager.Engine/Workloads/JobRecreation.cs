using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;

namespace CvManager.Workloads;

/// <summary>
/// Gives a Job another image (R4): its template cannot be changed, so it is deleted and created anew, once it is not active. Keeps nothing
/// between two steps; thread-safe.
/// </summary>
/// <remarks>
/// Between the deletion and the creation there would be nothing left to create it from, should the process be killed there (R10). So
/// its specification is first kept in a Job beside it that starts no pods (parallelism 0), under the same access rights as the Job itself.
/// </remarks>
internal sealed class JobRecreation(ClusterConnection cluster)
{
    private const string KeptFor = "cvmanager.custom.k8s.io/kept-for";
    private const string KeptMetadata = "cvmanager.custom.k8s.io/kept-metadata";
    private const string KeptParallelism = "cvmanager.custom.k8s.io/kept-parallelism";

    /// <summary>What the Job controller itself puts on a Job's template, and refuses from anybody else.</summary>
    private static readonly string[] ControllerLabels = ["controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"];

    /// <param name="ns">The Job's namespace.</param>
    /// <param name="name">The Job's name.</param>
    /// <param name="container">The container that gets the image.</param>
    /// <param name="to">The image.</param>
    /// <param name="has">Whether an image is the one that it is to have, as the API server may have written it.</param>
    /// <returns>How far it is, and the image that the API server answered where it was created; null where there is no Job of that name, and nothing to create it from.</returns>
    /// <exception cref="CvException">The cluster could not be asked.</exception>
    public async Task<(WorkloadProgress Progress, string? Answered)?> AdvanceAsync(string ns, string name, string container, string to, Func<string, bool> has,
        CancellationToken cancellationToken)
    {
        JsonObject? job = await FindAsync(ns, name, cancellationToken);
        JsonObject? kept = await FindAsync(ns, KeeperName(name), cancellationToken);
        if (kept is not null && kept.Text("metadata", "annotations", KeptFor) != name)
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
                kept = await cluster.CreateAsync(Path(ns), Keeper(name, job), cancellationToken);
            }
            catch (CvException e) when (e.Kind == CvErrorKind.Invalid)
            {
                return (WorkloadProgress.Failed($"the Job cannot be recreated: {e.Message}"), null);
            }
        }

        await DeleteAsync(ns, job, cancellationToken);
        return (WorkloadProgress.Waiting("the Job was deleted and will be recreated"), null);
    }

    /// <summary>Goes on with a Job that is selected no longer, because it is not there: null where it was not we who took it away.</summary>
    /// <inheritdoc cref="AdvanceAsync" path="/param|/exception"/>
    public async Task<(WorkloadProgress Progress, string? Answered)?> ResumeAsync(string ns, string name, string container, string to, Func<string, bool> has,
        CancellationToken cancellationToken)
    {
        if (await FindAsync(ns, name, cancellationToken) is { } job && !(ImageOf(job, container) is { } present && has(present)))
            return job.At("metadata", "deletionTimestamp") is null ? null : (WorkloadProgress.Waiting("the Job is being deleted and will be recreated"), null);
        return await AdvanceAsync(ns, name, container, to, has, cancellationToken);
    }

    private async Task<(WorkloadProgress Progress, string? Answered)> CreateAsync(string ns, string name, JsonObject kept, string container, string to, CancellationToken cancellationToken)
    {
        JsonObject job = Restore(name, kept);
        foreach (JsonObject entry in job.Items("spec", "template", "spec", "containers").Concat(job.Items("spec", "template", "spec", "initContainers")))
        {
            if (entry.Text("name") == container)
                entry["image"] = to;
        }

        try
        {
            // An admission webhook may have made another image of it: that is what it has from now on, and no reason to create it again.
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

    /// <summary>The same Job under another name, without the labels that it is selected by, and with nothing to do.</summary>
    private static JsonObject Keeper(string name, JsonObject job)
    {
        JsonObject spec = SpecOf(job);
        int? parallelism = spec.Number("parallelism");
        spec["parallelism"] = 0;
        return new JsonObject
        {
            ["apiVersion"] = "batch/v1",
            ["kind"] = "Job",
            ["metadata"] = new JsonObject
            {
                ["name"] = KeeperName(name),
                ["labels"] = new JsonObject { ["app.kubernetes.io/managed-by"] = "cvmanager" },
                ["annotations"] = new JsonObject
                {
                    [KeptFor] = name,
                    [KeptParallelism] = parallelism?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "1",
                    [KeptMetadata] = new JsonObject
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
        JsonObject metadata = JsonNode.Parse(kept.Text("metadata", "annotations", KeptMetadata)!)!.AsObject();
        foreach (string nothing in metadata.Where(field => field.Value is null).Select(field => field.Key).ToList())
            metadata.Remove(nothing);
        metadata["name"] = name;
        JsonObject spec = SpecOf(kept);
        spec["parallelism"] = int.Parse(kept.Text("metadata", "annotations", KeptParallelism)!, System.Globalization.CultureInfo.InvariantCulture);
        return new JsonObject { ["apiVersion"] = "batch/v1", ["kind"] = "Job", ["metadata"] = metadata, ["spec"] = spec };
    }

    /// <summary>What its owner wrote: without the selector and labels that the API server made for this one Job.</summary>
    private static JsonObject SpecOf(JsonObject job)
    {
        JsonObject spec = job["spec"]!.DeepClone().AsObject();
        if (spec.Flag("manualSelector"))
            return spec;
        spec.Remove("selector");
        foreach (JsonObject labels in new[] { spec.At("template", "metadata", "labels") }.OfType<JsonObject>())
        {
            foreach (string label in ControllerLabels)
                labels.Remove(label);
        }

        return spec;
    }

    /// <summary>Neither ended nor held: its pods run, or are about to.</summary>
    private static bool IsActive(JsonObject job)
    {
        if (job.Number("status", "active") > 0)
            return true;
        bool ended = job.Items("status", "conditions").Any(c => c.Text("type") is "Complete" or "Failed" && c.Text("status") == "True");
        return !ended && !job.Flag("spec", "suspend") && job.Number("spec", "parallelism") != 0;
    }

    private static string? ImageOf(JsonObject job, string container) =>
        job.Items("spec", "template", "spec", "containers").Concat(job.Items("spec", "template", "spec", "initContainers"))
            .FirstOrDefault(c => c.Text("name") == container)?.Text("image");

    /// <summary>A Job's name is also its pods' label, and so has at most 63 characters.</summary>
    private static string KeeperName(string name) => $"{(name.Length > 55 ? name[..55].TrimEnd('-', '.') : name)}-cvmkept";

    private static ResourcePath Path(string ns, string? name = null) => new("batch", "v1", "jobs", ns, name);

    private async Task<JsonObject?> FindAsync(string ns, string name, CancellationToken cancellationToken)
    {
        try
        {
            return await cluster.GetAsync(Path(ns, name), cancellationToken);
        }
        catch (CvException e) when (e.ErrorId == ErrorIds.ResourceNotFound)
        {
            return null;
        }
    }

    private async Task DeleteAsync(string ns, JsonObject job, CancellationToken cancellationToken)
    {
        try
        {
            await cluster.DeleteAsync(Path(ns, job.Text("metadata", "name")), cancellationToken, job.Text("metadata", "uid"));
        }
        catch (CvException e) when (e.Kind == CvErrorKind.NotFound || e.ErrorId == ErrorIds.ResourceConflict)
        {
            // Gone already, or another Job by now: the next step sees.
        }
    }
}
