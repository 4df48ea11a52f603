using System.Globalization;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>Creates the Jobs of CronJobs on schedule, and deletes the oldest finished ones.</summary>
internal sealed class CronJobController(PodControl pods) : ControllerBase(pods.Cluster)
{
    private const string Component = "cronjob-controller";

    private static ResourceType Type => BuiltInKinds.CronJobs;

    private static ResourceType Jobs => BuiltInKinds.Jobs;

    protected override void OnChange(StoreChange change)
    {
        if (ReferenceEquals(change.Table.Type, Type))
        {
            if (change.Kind == ChangeKind.Deleted)
                RequeueAt(change.Current.Key, null);
            else
                Enqueue(change.Current.Key);
        }
        else if (
            ReferenceEquals(change.Table.Type, Jobs)
            && change.Current.Body.ControllerRef() is JsonObject owner
            && owner.Str("kind") == Type.Kind
        )
        {
            Enqueue(StoredObject.KeyOf(change.Current.Namespace, owner.Str("name")));
        }
    }

    protected override void Reconcile(string key)
    {
        if (Find(Type, key) is not StoredObject cron || cron.Body.IsDeleting())
            return;
        var jobs = pods.Owners.Controlled(Jobs, cron.Uid).ToList();
        var status = cron.Body.Ensure("status").Clone();
        if (!cron.Body.Bool("spec", "suspend"))
            Schedule(cron, jobs, status);
        WriteStatus(cron, [.. pods.Owners.Controlled(Jobs, cron.Uid)], status);
        DeleteOldJobs(jobs, "Complete", cron.Body.Int("spec", "successfulJobsHistoryLimit") ?? 3);
        DeleteOldJobs(jobs, "Failed", cron.Body.Int("spec", "failedJobsHistoryLimit") ?? 1);
        RequeueAt(key, cron.Body.Bool("spec", "suspend") ? null : Next(cron, Now));
    }

    private static DateTimeOffset? Next(StoredObject cron, DateTimeOffset after) =>
        CronSchedule.Next(cron.Body.Str("spec", "schedule"), cron.Body.Str("spec", "timeZone"), after);

    /// <summary>Creates the job of the latest scheduled time that has passed. Earlier missed times are skipped.</summary>
    private void Schedule(StoredObject cron, List<StoredObject> jobs, JsonObject status)
    {
        var since = Timestamps.Parse(status["lastScheduleTime"]) ?? Timestamps.Parse(cron.Body.At("metadata", "creationTimestamp")) ?? Now;
        if (cron.Body.Int("spec", "startingDeadlineSeconds") is long deadline && Now - TimeSpan.FromSeconds(deadline) > since)
            since = Now - TimeSpan.FromSeconds(deadline);
        DateTimeOffset? due = null;
        for (var time = Next(cron, since); time <= Now; time = Next(cron, time.Value))
            due = time;
        if (due is not DateTimeOffset at)
            return;
        var name = $"{cron.Name}-{(at.ToUnixTimeSeconds() / 60).ToString(CultureInfo.InvariantCulture)}";
        var active = jobs.Where(job => !JobController.IsFinished(job)).ToList();
        var policy = cron.Body.Str("spec", "concurrencyPolicy");
        if (jobs.Exists(job => job.Name == name))
            return;
        if (policy == "Forbid" && active.Count > 0)
        {
            pods.Events.Normal(
                Type,
                cron,
                Component,
                "JobAlreadyActive",
                "Not starting job because prior execution is running and concurrency policy is Forbid"
            );
            return;
        }
        if (policy == "Replace")
        {
            foreach (var job in active)
            {
                Cluster.Delete(Jobs, job);
                pods.Events.Normal(Type, cron, Component, "SuccessfulDelete", $"Deleted job {job.Name}");
            }
        }
        Create(cron, name, at);
        status["lastScheduleTime"] = Timestamps.Format(at);
    }

    private void Create(StoredObject cron, string name, DateTimeOffset at)
    {
        var template = cron.Body.Obj("spec", "jobTemplate") ?? [];
        var meta = new JsonObject { ["name"] = name };
        if (template.Labels() is JsonObject labels)
            meta["labels"] = labels.DeepClone();
        var annotations = template.Annotations()?.Clone() ?? [];
        annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"] = Timestamps.Format(at);
        meta["annotations"] = annotations;
        meta["ownerReferences"] = new JsonArray(PodControl.OwnerReference(Type, cron));
        Cluster.Create(
            Jobs,
            cron.Namespace,
            new JsonObject
            {
                ["kind"] = Jobs.Kind,
                ["apiVersion"] = Jobs.Storage.ApiVersion,
                ["metadata"] = meta,
                ["spec"] = template.Obj("spec")?.DeepClone(),
            }
        );
        pods.Events.Normal(Type, cron, Component, "SuccessfulCreate", $"Created job {name}");
    }

    private void WriteStatus(StoredObject cron, List<StoredObject> jobs, JsonObject status)
    {
        var active = jobs.Where(job => !JobController.IsFinished(job) && !job.Body.IsDeleting()).ToList();
        if (active.Count == 0)
        {
            status.Remove("active");
        }
        else
        {
            status["active"] = new JsonArray([
                .. active.Select(job => new JsonObject
                {
                    ["kind"] = Jobs.Kind,
                    ["namespace"] = job.Namespace,
                    ["name"] = job.Name,
                    ["uid"] = job.Uid,
                    ["apiVersion"] = Jobs.Storage.ApiVersion,
                    ["resourceVersion"] = job.Body.Str("metadata", "resourceVersion"),
                }),
            ]);
        }
        var last =
            jobs.Where(job => JobController.HasCondition(job, "Complete"))
                .Select(job => job.Body.Str("status", "completionTime"))
                .Append(status.Str("lastSuccessfulTime"))
                .Max(StringComparer.Ordinal)
            ?? "";
        status.SetOrRemove("lastSuccessfulTime", last);
        if (Find(Type, cron.Key) is StoredObject latest)
            Cluster.UpdateStatus(Type, latest, status);
    }

    private void DeleteOldJobs(List<StoredObject> jobs, string condition, long limit)
    {
        var finished = jobs.Where(job => JobController.HasCondition(job, condition) && !job.Body.IsDeleting())
            .OrderBy(job => job.Body.Str("status", "startTime"), StringComparer.Ordinal)
            .ThenBy(job => job.Name, StringComparer.Ordinal)
            .ToList();
        foreach (var job in finished.Take((int)Math.Max(0, finished.Count - limit)))
            Cluster.Delete(Jobs, job);
    }
}
