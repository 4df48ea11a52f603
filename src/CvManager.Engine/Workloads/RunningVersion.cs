using CvManager.Registries;
using CvManager.Resources;

namespace CvManager.Workloads;

/// <summary>Which version one followed container of one workload is set to. Immutable.</summary>
/// <param name="Resource">The ContainerVersion that follows the container.</param>
/// <param name="Workload">As it was read.</param>
/// <param name="Container">Null where the workload has no container of the name that the resource gives.</param>
public sealed record RunningVersion(ContainerVersion Resource, Workload Workload, WorkloadContainer? Container)
{
    /// <summary>
    /// The image's tag; the version that is known for its digest where it has none, or else the digest; <c>latest</c> where it has neither,
    /// as Kubernetes reads it; empty without a container.
    /// </summary>
    public string Version
    {
        get
        {
            if (Container is null)
                return "";
            string version = VersionOf(Container.Image);
            return Resource.Status?.Latest is { } latest && version == latest.Digest ? latest.Version : version;
        }
    }

    /// <summary>
    /// An image's tag, or else its digest; <c>latest</c> where it has neither, as Kubernetes reads it; the whole text where it is no
    /// image reference.
    /// </summary>
    public static string VersionOf(string image) =>
        ImageReference.TryParse(image, out ImageReference? reference) ? reference.Tag ?? reference.Digest ?? "latest" : image;

    /// <summary>
    /// What runs where: every workload that a resource selects and that no controller owns, by namespace, name, kind and resource.
    /// Pure.
    /// </summary>
    public static IReadOnlyList<RunningVersion> Find(IEnumerable<ContainerVersion> resources, IEnumerable<Workload> workloads)
    {
        ILookup<(string?, string?), ContainerVersion> byLabel = resources.ToLookup(r =>
            ((string?)r.Metadata.Namespace, r.Spec.Selector.GetValueOrDefault(ContainerVersion.SelectorKey)));
        return workloads.Where(w => w.Controller is null)
            .SelectMany(w => byLabel[(w.Namespace, w.Labels.GetValueOrDefault(ContainerVersion.SelectorKey))]
                .Where(r => w.IsSelectedBy(r.Spec.Selector))
                .Select(r => new RunningVersion(r, w, w.FindContainer(r.Spec.Container.Name))))
            .OrderBy(r => r.Workload.Namespace, StringComparer.Ordinal).ThenBy(r => r.Workload.Name, StringComparer.Ordinal)
            .ThenBy(r => r.Workload.Kind, StringComparer.Ordinal).ThenBy(r => r.Resource.Metadata.Name, StringComparer.Ordinal)
            .ToList();
    }
}
