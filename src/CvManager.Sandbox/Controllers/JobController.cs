using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Selectors;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>Runs Jobs until enough of their pods have succeeded or too many have failed. Indexed completion is not supported.</summary>
internal sealed class JobController(PodControl pods) : PodOwnerController(pods, BuiltInKinds.Jobs)
{
    private const string Component = "job-controller";

    private static readonly TimeSpan FirstBackOff = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LastBackOff = TimeSpan.FromMinutes(6);

    public static bool IsFinished(StoredObject job) => HasCondition(job, "Complete") || HasCondition(job, "Failed");

    public static bool HasCondition(StoredObject job, string type) =>
        job.Body.Items("status", "conditions").Any(item => item.Str("type") == type && item.Str("status") == "True");

    protected override void Reconcile(string key)
    {
        if (Find(Type, key) is not StoredObject job || LabelSelector.FromObject(job.Body.Obj("spec", "selector")) is not { } selector)
            return;
        if (job.Body.IsDeleting())
            return;
        if (IsFinished(job))
        {
            DeleteIfExpired(job);
            return;
        }
        var claimed = Pods.Claim(Type, job, selector);
        var active = claimed.Where(PodControl.IsActive).ToList();
        var failed = claimed.Where(pod => pod.Body.Str("status", "phase") == "Failed").ToList();
        long succeeded = claimed.Count(pod => pod.Body.Str("status", "phase") == "Succeeded");
        var status = job.Body.Ensure("status").Clone();
        var suspended = job.Body.Bool("spec", "suspend");
        Suspend(job, status, suspended);
        if (!suspended)
            status.Default("startTime", Cluster.Timestamp);

        DateTimeOffset? requeueAt = null;
        var (reason, message) = FailureReason(job, status, active, failed.Count);
        if (reason.Length > 0)
        {
            DeletePods(job, active);
            active.Clear();
            AddCondition(status, "Failed", reason, message);
            Pods.Events.Warning(Type, job, Component, reason, message);
        }
        else if (IsComplete(job, active.Count, succeeded))
        {
            DeletePods(job, active);
            active.Clear();
            AddCondition(status, "Complete", "", "");
            status["completionTime"] = Cluster.Timestamp;
            Pods.Events.Normal(Type, job, Component, "Completed", "Job completed");
        }
        else
        {
            requeueAt = suspended ? ScaleDown(job, active, 0) : ManagePods(job, active, failed, succeeded);
            if (Deadline(job, status) is DateTimeOffset deadline)
                requeueAt = requeueAt < deadline ? requeueAt : deadline;
        }
        SetCount("active", active.Count);
        SetCount("ready", active.Count(PodControl.IsReady));
        SetCount("succeeded", succeeded);
        SetCount("failed", failed.Count);
        if (Find(Type, key) is StoredObject latest)
            Cluster.UpdateStatus(Type, latest, status);
        RequeueAt(key, requeueAt);

        void SetCount(string name, long count)
        {
            if (count > 0)
                status[name] = count;
            else
                status.Remove(name);
        }
    }

    private static bool IsComplete(StoredObject job, long active, long succeeded) =>
        job.Body.Int("spec", "completions") is long completions ? succeeded >= completions : succeeded > 0 && active == 0;

    private (string Reason, string Message) FailureReason(StoredObject job, JsonObject status, List<StoredObject> active, long failed)
    {
        var limit = job.Body.Int("spec", "backoffLimit") ?? 6;
        var restarts =
            job.Body.Str("spec", "template", "spec", "restartPolicy") == "OnFailure"
                ? active.Sum(pod => pod.Body.Items("status", "containerStatuses").Sum(container => container.Int("restartCount") ?? 0))
                : 0;
        if (failed > limit || (restarts > 0 && restarts >= limit))
            return ("BackoffLimitExceeded", "Job has reached the specified backoff limit");
        return Deadline(job, status) <= Now ? ("DeadlineExceeded", "Job was active longer than specified deadline") : ("", "");
    }

    private static DateTimeOffset? Deadline(StoredObject job, JsonObject status) =>
        job.Body.Int("spec", "activeDeadlineSeconds") is long seconds && Timestamps.Parse(status["startTime"]) is DateTimeOffset start
            ? start + TimeSpan.FromSeconds(seconds)
            : null;

    /// <summary>Creates or deletes pods. The delay before the next pod doubles with each failure.</summary>
    /// <returns>When to reconcile again; null if a change will trigger it.</returns>
    private DateTimeOffset? ManagePods(StoredObject job, List<StoredObject> active, List<StoredObject> failed, long succeeded)
    {
        var parallelism = job.Body.Int("spec", "parallelism") ?? 1;
        var desired =
            job.Body.Int("spec", "completions") is long completions ? Math.Min(parallelism, completions - succeeded)
            : succeeded > 0 ? Math.Min(parallelism, active.Count)
            : parallelism;
        if (active.Count > desired)
            return ScaleDown(job, active, desired);
        if (active.Count == desired)
            return null;
        if (failed.Count > 0)
        {
            var last = failed.Select(FinishedAt).Max();
            var delay = TimeSpan.FromSeconds(
                Math.Min(FirstBackOff.TotalSeconds * Math.Pow(2, Math.Min(failed.Count - 1, 10)), LastBackOff.TotalSeconds)
            );
            if (last + delay > Now)
                return last + delay;
        }
        while (active.Count < desired)
            active.Add(Pods.Create(Type, job, job.Body.Obj("spec", "template")!, Component));
        return null;
    }

    private DateTimeOffset? ScaleDown(StoredObject job, List<StoredObject> active, long desired)
    {
        foreach (var pod in PodControl.DeletionOrder(active).Take((int)(active.Count - desired)).ToList())
        {
            Pods.Delete(Type, job, pod, Component);
            active.Remove(pod);
        }
        return null;
    }

    private void DeletePods(StoredObject job, List<StoredObject> active)
    {
        foreach (var pod in active)
            Pods.Delete(Type, job, pod, Component);
    }

    private void Suspend(StoredObject job, JsonObject status, bool suspended)
    {
        var wasSuspended = HasCondition(job, "Suspended");
        if (suspended == wasSuspended)
            return;
        if (suspended)
        {
            AddCondition(status, "Suspended", "JobSuspended", "Job suspended");
            status.Remove("startTime");
            Pods.Events.Normal(Type, job, Component, "Suspended", "Job suspended");
            return;
        }
        var condition = status.Items("conditions").First(item => item.Str("type") == "Suspended");
        condition["status"] = "False";
        condition["reason"] = "JobResumed";
        condition["message"] = "Job resumed";
        condition["lastTransitionTime"] = Cluster.Timestamp;
        Pods.Events.Normal(Type, job, Component, "Resumed", "Job resumed");
    }

    private void DeleteIfExpired(StoredObject job)
    {
        if (job.Body.Int("spec", "ttlSecondsAfterFinished") is not long seconds)
            return;
        var end =
            job.Body.Items("status", "conditions")
                .Where(item => item.Str("type") is "Complete" or "Failed" && item.Str("status") == "True")
                .Select(item => Timestamps.Parse(item["lastTransitionTime"]))
                .Max()
            ?? Now;
        end += TimeSpan.FromSeconds(seconds);
        if (end <= Now)
            Cluster.Delete(Type, job);
        else
            RequeueAt(job.Key, end);
    }

    private void AddCondition(JsonObject status, string type, string reason, string message)
    {
        var condition = new JsonObject
        {
            ["type"] = type,
            ["status"] = "True",
            ["lastProbeTime"] = Cluster.Timestamp,
            ["lastTransitionTime"] = Cluster.Timestamp,
        };
        condition.SetOrRemove("reason", reason);
        condition.SetOrRemove("message", message);
        var conditions = status.Items("conditions").Where(item => item.Str("type") != type).Select(item => item.DeepClone()).ToList();
        status["conditions"] = new JsonArray([.. conditions, condition]);
    }

    private DateTimeOffset FinishedAt(StoredObject pod) =>
        pod.Body.Items("status", "containerStatuses")
            .Select(status => Timestamps.Parse(status.At("state", "terminated", "finishedAt")))
            .Max()
        ?? Now;
}
