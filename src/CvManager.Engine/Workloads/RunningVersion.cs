using CvManager.Registries;
using CvManager.Resources;

namespace CvManager.Workloads;

/// <summary>The version to which a managed container of a workload is set. Immutable.</summary>
/// <param name="Resource">The ContainerVersion that manages the container.</param>
/// <param name="Workload">The workload as last read.</param>
/// <param name="Container">Null if the workload has no container with the name in the resource.</param>
public sealed record RunningVersion(ContainerVersion Resource, Workload Workload, WorkloadContainer? Container)
{
    /// <summary>
    /// The image's tag; without a tag, the known version of its digest, or else the digest; <c>latest</c> if it has neither, as in
    /// Kubernetes; empty without a container.
    /// </summary>
    public string Version
    {
        get
        {
            if (Container is null)
                return "";
            var version = VersionOf(Container.Image);
            return Resource.Status?.Latest is { } latest && version == latest.Digest ? latest.Version : version;
        }
    }

    /// <summary>How far the current image has been rolled out.</summary>
    public string Progress => Container is null ? $"Container {Resource.Spec.Container.Name} not found" : Workload.Progress.Message;

    /// <summary>
    /// An image's tag, or else its digest; <c>latest</c> if it has neither, as in Kubernetes; the whole text if it is not a valid image
    /// reference.
    /// </summary>
    public static string VersionOf(string image) =>
        ImageReference.TryParse(image, out var reference) ? reference.Tag ?? reference.Digest ?? "latest" : image;

    /// <summary>
    /// Every workload that a resource selects and that has no controller, sorted by namespace, name, kind and resource. Pure.
    /// </summary>
    public static IReadOnlyList<RunningVersion> Find(IEnumerable<ContainerVersion> resources, IEnumerable<Workload> workloads)
    {
        var byLabel = resources.ToLookup(r =>
            ((string?)r.Metadata.Namespace, r.Spec.Selector.GetValueOrDefault(ContainerVersion.SelectorKey))
        );
        return workloads
            .Where(w => w.Controller is null)
            .SelectMany(w =>
                byLabel[(w.Namespace, w.Labels.GetValueOrDefault(ContainerVersion.SelectorKey))]
                    .Where(r => w.IsSelectedBy(r.Spec.Selector))
                    .Select(r => new RunningVersion(r, w, w.FindContainer(r.Spec.Container.Name)))
            )
            .OrderBy(r => r.Workload.Namespace, StringComparer.Ordinal)
            .ThenBy(r => r.Workload.Name, StringComparer.Ordinal)
            .ThenBy(r => r.Workload.Kind, StringComparer.Ordinal)
            .ThenBy(r => r.Resource.Metadata.Name, StringComparer.Ordinal)
            .ToList();
    }
}
