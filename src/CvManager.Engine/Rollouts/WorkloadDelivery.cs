using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>R3, R4: delivers an image to a workload of any kind. Stateless except for the rate of evidence checks; thread-safe.</summary>
internal sealed class WorkloadDelivery(ClusterConnection cluster, WorkloadStore workloads, EvidenceRateLimiter evidence)
{
    /// <summary>The last lines of a log usually show the error.</summary>
    private const int LogLines = 10;
    private const int LogLength = 1000;

    private readonly PodReplacement _pods = new(cluster);
    private readonly JobRecreation _jobs = new(cluster);

    /// <summary>The state before an image is changed, which is not evidence about the new image.</summary>
    /// <returns>Never null for a Pod, because "nothing ran before" is a fact as well.</returns>
    public static WorkloadBaseline? BaselineOf(Workload workload, WorkloadContainer container) =>
        workload.DeadlineExceeded is null && workload.Kind != "Pod"
            ? null
            : new()
            {
                DeadlineExceeded = workload.DeadlineExceeded?.At,
                Restarts = container.Restarts,
                ImageId = container.ImageId.Length == 0 ? null : container.ImageId,
            };

    /// <summary>Makes the changes that are due now, and returns the progress.</summary>
    /// <param name="workload">The workload as last read.</param>
    /// <param name="container">The container of its template.</param>
    /// <param name="order">What to deliver.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    public async Task<DeliveryProgress> AdvanceAsync(
        Workload workload,
        WorkloadContainer container,
        DeliveryOrder order,
        CancellationToken cancellationToken
    )
    {
        if (WorkloadKind.Find(workload.Kind).Delivery == Delivery.Recreate)
        {
            var job = await _jobs.AdvanceAsync(
                workload.Namespace,
                workload.Name,
                container.Name,
                order.Image,
                order.Has,
                cancellationToken
            );
            // Updates the cluster view with the new Job: a plan made from the old one would start the rollout again.
            if (job is { Progress.State: ProgressState.Done })
                await workloads.FindAsync(workload, cancellationToken);
            return Of(job, order, "The workload was deleted.");
        }

        return order.Has(container.Image)
            ? await ObserveAsync(workload, container, order, cancellationToken)
            : await SwapAsync(workload, container, order, null, cancellationToken);
    }

    /// <summary>Changes the image by compare-and-swap (R3).</summary>
    /// <param name="replicas">See <see cref="WorkloadStore.SwapImageAsync"/>.</param>
    public async Task<DeliveryProgress> SwapAsync(
        Workload workload,
        WorkloadContainer container,
        DeliveryOrder order,
        int? replicas,
        CancellationToken cancellationToken
    )
    {
        (var outcome, var now) = await workloads.SwapImageAsync(workload, container, order.Image, cancellationToken, replicas);
        if (outcome == ImagePatchOutcome.Gone)
            return new DeliveryProgress(DeliveryState.Gone, "The workload was deleted.") { IsPatched = false };
        if (outcome != ImagePatchOutcome.Swapped || now?.FindContainer(container.Name) is not { } after)
            return new DeliveryProgress(DeliveryState.Waiting, "another client changed it at the same time; reading it again")
            {
                IsPatched = false,
            };
        DeliveryProgress patched = new(DeliveryState.Waiting, "patched") { IsSwapped = true, Baseline = BaselineOf(now, after) };
        if (RunningImage.AreSame(after.Image, order.Image))
            return patched;
        return RunningImage.StandsFor(after.Image, order.Image, container.Image, order.Digest)
            ? patched with
            {
                Answered = after.Image,
            }
            : new DeliveryProgress(DeliveryState.Overruled, Rewritten(order.Image, after.Image)) { IsPatched = false };
    }

    /// <summary>Returns the progress of a workload that has the image.</summary>
    public async Task<DeliveryProgress> ObserveAsync(
        Workload workload,
        WorkloadContainer container,
        DeliveryOrder order,
        CancellationToken cancellationToken
    )
    {
        var replacement = order.Entry.Replacement;
        if (order.IsDue)
        {
            // The watch may be minutes late (R6: nothing fails only because it was seen late).
            if (await workloads.FindAsync(workload, cancellationToken) is not { } fresh)
                return new DeliveryProgress(DeliveryState.Gone, "The workload was deleted.") { IsPatched = false };
            if (fresh.FindContainer(container.Name) is not { } found || !order.Has(found.Image))
                return new DeliveryProgress(DeliveryState.Waiting, "another client changed the image") { IsPatched = false };
            (workload, container) = (fresh, found);
        }

        var progress = ProgressOf(workload, container, order);
        var replaces = WorkloadKind.Find(workload.Kind).Delivery == Delivery.PatchTemplateAndReplacePods;
        if (replaces)
            (progress, replacement) = await _pods.AdvanceAsync(
                workload,
                container,
                order.Digest,
                replacement,
                order.Now,
                cancellationToken
            );
        if (progress.State == ProgressState.Done)
            return new DeliveryProgress(DeliveryState.Done, progress.Message);
        if (progress.BlockedBy is { } by)
            return Blocked(by, progress.Message);
        var exceeded =
            workload.IsObserved && workload.DeadlineExceeded is { } given && given.At != order.Entry.Baseline?.DeadlineExceeded
                ? given
                : null;
        if (!workload.IsObserved && !order.IsDue)
            return new DeliveryProgress(DeliveryState.Waiting, progress.Message) { Replacement = replacement };
        if (exceeded is null && !order.IsDue && !evidence.TryTake())
            return new DeliveryProgress(DeliveryState.Waiting, order.Entry.Message ?? progress.Message)
            {
                IsSeen = false,
                Replacement = replacement,
            };
        if (
            workload.Kind == "StatefulSet"
            && await _pods.UnblockAsync(workload, container, order.Failed, replacement, order.Now, cancellationToken) is { } unblocked
        )
        {
            (progress, replacement) = (unblocked.Progress, unblocked.Replacement);
            if (progress.BlockedBy is { } stays)
                return Blocked(stays, progress.Message);
        }

        Evidence seen;
        try
        {
            if (exceeded is not null && !await workloads.IsOfVersionAsync(exceeded, workload, container, cancellationToken))
                exceeded = null;
            seen = await workloads.FindEvidenceAsync(
                workload,
                container,
                order.Digest,
                order.Entry.Baseline,
                order.Since,
                order.Now,
                order.IsDue || exceeded is not null,
                cancellationToken
            );
        }
        catch (CvException e) when (e.Kind == CvErrorKind.Forbidden)
        {
            // Evidence is optional: without permission to read pods the rollout continues, and the message says so.
            return await JudgeAsync(Evidence.None, $"{progress.Message}; {e.Message} {e.Remedy}");
        }

        return seen.Blockage is { } blockage
            ? Blocked(blockage.By, $"{progress.Message}; {blockage.Message}")
            : await JudgeAsync(seen, progress.Message);

        // Blocked time does not count against the version, nor does a progress deadline that was exceeded during it.
        DeliveryProgress Blocked(string reason, string message) =>
            new(DeliveryState.Waiting, message)
            {
                BlockedBy = reason,
                Replacement = replacement,
                Baseline =
                    workload.DeadlineExceeded is { } lost && lost.At != order.Entry.Baseline?.DeadlineExceeded
                        ? (order.Entry.Baseline ?? new WorkloadBaseline()) with
                        {
                            DeadlineExceeded = lost.At,
                        }
                        : null,
            };

        async Task<DeliveryProgress> JudgeAsync(Evidence evidence, string message)
        {
            var trouble = evidence.Trouble;
            var failed = order.IsDue || exceeded is not null || (order.FailFast && trouble is { IsDecisive: true });
            var why = exceeded is null ? message : exceeded.Message;
            if (Cause(order.Entry.Trouble, trouble, failed) is { } cause)
                why = $"{why}; {cause}";
            if (failed && trouble?.Container is { } troubled)
            {
                if (await workloads.FindReportAsync(workload.Namespace, trouble, troubled, order.Since, cancellationToken) is { } report)
                    why = $"{why}; {report}";
                if (troubled.HasStarted)
                    why = $"{why}; {await ReadLogAsync(workload.Namespace, troubled, cancellationToken)}";
            }

            return new DeliveryProgress(failed ? DeliveryState.Failed : DeliveryState.Waiting, why)
            {
                Trouble = trouble,
                Replacement = replacement,
            };
        }
    }

    /// <summary>Continues with a workload that does not exist: a Job between its deletion and its recreation.</summary>
    public async Task<DeliveryProgress> AdvanceAbsentAsync(
        string ns,
        string container,
        DeliveryOrder order,
        CancellationToken cancellationToken
    ) =>
        WorkloadKind.Find(order.Entry.Kind).Delivery == Delivery.Recreate
            ? Of(
                await _jobs.ResumeAsync(ns, order.Entry.Name, container, order.Image, order.Has, cancellationToken),
                order,
                "The workload was deleted or is no longer selected."
            )
            : new DeliveryProgress(DeliveryState.Gone, "The workload was deleted or is no longer selected.") { IsPatched = false };

    /// <summary>A Pod is still reported as ready while its former image is running.</summary>
    private static WorkloadProgress ProgressOf(Workload workload, WorkloadContainer container, DeliveryOrder order) =>
        workload.Kind != "Pod" || container.IsInit || RunningImage.IsStarted(container, order.Digest, order.Entry.Baseline?.ImageId)
            ? workload.Progress
            : WorkloadProgress.Waiting(
                container.ImageId.Length == 0
                    ? $"container {container.Name} has not started"
                    : $"container {container.Name} is still running {container.ImageId}"
            );

    /// <summary>
    /// The first report of the trouble: a later "back-off" does not say that the image was not found. For crashes the last one, with their
    /// number.
    /// </summary>
    private static string? Cause(WorkloadTrouble? first, Trouble? now, bool failed) =>
        now is null
            ? failed && first is not null
                ? $"earlier: {first.Message}"
                : null
            : now.Kind != TroubleKind.Crash && first?.Kind == now.Kind
                ? first.Message
                : now.Message;

    private async Task<string> ReadLogAsync(string ns, PodContainer container, CancellationToken cancellationToken)
    {
        try
        {
            var log = string.Join(
                '\n',
                (await workloads.ReadLogAsync(ns, container, LogLines, cancellationToken)).Split('\n').Select(line => RemoteText.Show(line))
            );
            return log.Length == 0
                ? "the container log is empty"
                : $"end of the container log:\n{(log.Length <= LogLength ? log : "…" + log[^LogLength..])}";
        }
        catch (CvException e)
        {
            return $"the container log could not be read: {e.Message}";
        }
    }

    private static string Rewritten(string requested, string stored) => $"an admission webhook rewrote the image {requested} to {stored}";

    private static DeliveryProgress Of((WorkloadProgress Progress, string? Answered)? job, DeliveryOrder order, string gone)
    {
        if (job is not { } known)
            return new DeliveryProgress(DeliveryState.Gone, gone) { IsPatched = false };
        if (
            known.Answered is { } answered
            && !order.Has(answered)
            && !RunningImage.StandsFor(answered, order.Image, order.Entry.FromImage, order.Digest)
        )
            return new DeliveryProgress(DeliveryState.Overruled, Rewritten(order.Image, answered)) { IsPatched = false };
        return new DeliveryProgress(
            known.Progress.State switch
            {
                ProgressState.Done => DeliveryState.Done,
                ProgressState.Failed => DeliveryState.Failed,
                _ => DeliveryState.Waiting,
            },
            known.Progress.Message
        )
        {
            BlockedBy = known.Progress.BlockedBy,
            Answered = known.Answered is { } image && !RunningImage.AreSame(image, order.Image) ? image : null,
        };
    }
}
