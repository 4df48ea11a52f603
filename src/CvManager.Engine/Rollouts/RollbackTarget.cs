using CvManager.Records;
using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>Determines the target version of a rollback. Pure.</summary>
public static class RollbackTarget
{
    /// <summary>The version of the workloads according to the status; not a version that failed and was rolled back.</summary>
    public static string? Present(ContainerVersion resource)
    {
        ArgumentNullException.ThrowIfNull(resource);
        var status = resource.Status;
        return status?.CurrStatus == CurrentStatus.Failed && status.Rollout?.Phase == RolloutPhase.RolledBack
            ? status.SuccessVersion ?? status.CurrVersion
            : status?.CurrVersion;
    }

    /// <summary>
    /// The last version that was rolled out successfully before the current one. Rollouts that a person requested are skipped, so that a
    /// second rollback goes back further instead of undoing the first.
    /// </summary>
    /// <param name="resource">The resource with its status.</param>
    /// <param name="records">The records of this resource, newest first.</param>
    /// <exception cref="CvException"><c>RollbackTargetNotFound</c>.</exception>
    public static string Previous(ContainerVersion resource, IEnumerable<RolloutRecord> records)
    {
        ArgumentNullException.ThrowIfNull(records);
        var present = Present(resource);
        var succeeded = records.Where(record => record.Outcome == RolloutPhase.Succeeded).ToList();
        var followed = succeeded.Where(record => record.Who == RolloutRecord.Controller).Select(record => record.ToVersion).ToList();
        var at = present is null ? -1 : followed.IndexOf(present);
        var before = followed.Skip(at + 1).FirstOrDefault(version => version != present);
        // The oldest record shows the version before it, unless that was a moving tag.
        if (
            before is null
            && succeeded.Count > 0
            && succeeded[^1].FromVersion is { Length: > 0 } first
            && first != present
            && first != resource.Spec.Tag
            && first != "latest"
        )
            before = first;
        if (before is null && resource.Status?.SuccessVersion is { } last && last != present)
            before = last;
        return before
            ?? throw new CvException(
                ErrorIds.RollbackTargetNotFound,
                CvErrorKind.NotFound,
                $"The history of {resource.Key} contains no version that was rolled out successfully before {present ?? "the current one"}.",
                $"Specify -ToVersion. Run Get-CvRolloutHistory {resource.Metadata.Name} -Namespace {resource.Metadata.Namespace} "
                    + "to list earlier versions."
            )
            {
                Target = resource.Key,
            };
    }

    /// <summary>The version that the rollout of a record rolled out.</summary>
    /// <exception cref="CvException"><c>RolloutRecordNotFound</c>, <c>RolloutRecordNotSuccessful</c>.</exception>
    public static string OfRecord(ContainerVersion resource, IEnumerable<RolloutRecord> records, string id)
    {
        ArgumentNullException.ThrowIfNull(resource);
        var found = records.Where(record => record.Id == id).ToList();
        var history = $"Run Get-CvRolloutHistory {resource.Metadata.Name} -Namespace {resource.Metadata.Namespace} to list the records.";
        if (found.Count == 0)
        {
            throw new CvException(
                ErrorIds.RolloutRecordNotFound,
                CvErrorKind.NotFound,
                $"Record '{id}' not found in the history of {resource.Key}.",
                history
            )
            {
                Target = resource.Key,
            };
        }

        return found.Find(record => record.Outcome == RolloutPhase.Succeeded)?.ToVersion
            ?? throw new CvException(
                ErrorIds.RolloutRecordNotSuccessful,
                CvErrorKind.Invalid,
                $"Rollout {id} of version {found[0].ToVersion} to {resource.Key} did not succeed (outcome {found[0].Outcome}), so "
                    + "you cannot roll back to it.",
                $"Choose another record, or specify -ToVersion. {history}"
            )
            {
                Target = resource.Key,
            };
    }

    /// <exception cref="CvException"><c>VersionQuarantined</c>: the version would not be rolled out.</exception>
    public static void ThrowIfQuarantined(ContainerVersion resource, string version, string digest)
    {
        ArgumentNullException.ThrowIfNull(resource);
        if (resource.Status?.Quarantined?.FirstOrDefault(q => q.Digest == digest) is { } quarantined)
        {
            throw new CvException(
                ErrorIds.VersionQuarantined,
                CvErrorKind.Conflict,
                $"Version {version} of {resource.Key} is quarantined: it failed at {quarantined.At:u} ({quarantined.Reason}).",
                $"Choose another version, or run Resume-ContainerVersion {resource.Metadata.Name} -Namespace "
                    + $"{resource.Metadata.Namespace} to lift the quarantine."
            )
            {
                Target = resource.Key,
            };
        }
    }
}
