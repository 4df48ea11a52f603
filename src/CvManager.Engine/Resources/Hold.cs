namespace CvManager.Resources;

/// <summary>
/// R7: who suspended or pinned a resource (spec.suspend, spec.pinVersion), and why. Stored in annotations, because the same person writes
/// the spec, while only the controller writes the status.
/// </summary>
/// <param name="By">The person; null if unknown.</param>
/// <param name="Reason">Null if none was specified.</param>
public sealed record Hold(string? By, string? Reason)
{
    public const string ByAnnotation = "cvmanager/held-by";
    public const string ReasonAnnotation = "cvmanager/hold-reason";

    /// <summary>Null if the resource is neither suspended nor pinned.</summary>
    public static Hold? Of(ContainerVersion resource)
    {
        ArgumentNullException.ThrowIfNull(resource);
        return resource.Spec is { Suspend: false, PinVersion.Length: 0 }
            ? null
            : new Hold(
                resource.Metadata.Annotations?.GetValueOrDefault(ByAnnotation),
                resource.Metadata.Annotations?.GetValueOrDefault(ReasonAnnotation)
            );
    }

    /// <summary>A suffix for messages: <c> by sam: too slow</c>, as far as known.</summary>
    public override string ToString() => $"{(By is null ? "" : $" by {By}")}{(Reason is null ? "" : $": {Reason}")}";
}
