using CvManager.Following;
using CvManager.Resources;
using CvManager.Rollouts;
using CvManager.Versions;
using CvManager.Watching;
using CvManager.Workloads;

namespace CvManager.Controller;

/// <summary>Finds the version of a resource's tag, and collects the input of the plan. Thread-safe.</summary>
internal sealed class PlanInputReader(IResourceVersions versions, ServiceStore services)
{
    /// <returns>
    /// The input of the plan; the latest known version of the tag; and why the version is unknown (for a pinned resource: the version of
    /// the pin or, if that is known, of the tag).
    /// </returns>
    /// <exception cref="CvException">The cluster could not be read. Problems of the registry are part of the input.</exception>
    public async Task<(PlanInput Input, LatestVersion? Latest, CvException? Problem)> ReadAsync(
        ContainerVersion resource,
        PlanContext context,
        CancellationToken cancellationToken
    )
    {
        PlanInput input = new()
        {
            Resource = resource,
            Workloads = context.Workloads,
            Neighbours = context.Neighbours,
            WorkloadsError = context.WorkloadsError,
        };
        var latest = resource.Status?.Latest;
        if (resource.ValidationErrors.Count > 0)
            return (input, latest, null);
        var pinned = resource.Spec.PinVersion.Length > 0;
        ResolvedVersion? version = null;
        CvException? problem = null;
        try
        {
            version = await versions.FindAsync(resource, context, cancellationToken);
            var tag = version?.Followed.ToString();
            if (
                version is not null
                && (latest is null || latest.Tag != tag || latest.Digest != version.Digest || latest.Version != version.Version)
            )
                latest = new LatestVersion
                {
                    Tag = tag!,
                    Version = version.Version,
                    Digest = version.Digest,
                    SeenAt = version.SeenAt,
                };
        }
        catch (CvException e)
        {
            problem = e;
        }

        // A pin applies independently of the tag (R7), whose version is still shown in the status.
        var obstacle = problem;
        try
        {
            if (pinned)
                (version, obstacle) = (await versions.FindPinnedAsync(resource, context, cancellationToken), null);
        }
        catch (CvException e)
        {
            (version, obstacle) = (null, e);
        }

        problem = obstacle ?? problem;
        if (
            version is not null
            && resource.Spec.Strategy.BlueGreen is { } blueGreen
            && resource.Spec.Strategy.Kind == StrategySpec.ServiceBlueGreen
        )
            input = input with
            {
                Service = await services.FindAsync(resource.Metadata.Namespace!, blueGreen.ServiceName, cancellationToken),
            };
        return (input with { Version = version, Problem = obstacle }, latest, problem);
    }
}
