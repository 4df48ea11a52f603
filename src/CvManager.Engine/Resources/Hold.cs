namespace CvManager.Resources;

/// <summary>
/// R7: who holds a resource back (spec.suspend, spec.pinVersion), and why. It stands in annotations, beside the specification that the same
/// person wrote: the status is the controller's.
/// </summary>
/// <param name="By">A person; null where whoever did it did not say.</param>
/// <param name="Reason">Null where none was given.</param>
public sealed record Hold(string? By, string? Reason)
{
    public const string ByAnnotation = "cvmanager/held-by";
    public const string ReasonAnnotation = "cvmanager/hold-reason";

    /// <summary>Null where nothing holds the resource.</summary>
    public static Hold? Of(ContainerVersion resource)
    {
        ArgumentNullException.ThrowIfNull(resource);
        return resource.Spec is { Suspend: false, PinVersion.Length: 0 } ? null
            : new Hold(resource.Metadata.Annotations?.GetValueOrDefault(ByAnnotation), resource.Metadata.Annotations?.GetValueOrDefault(ReasonAnnotation));
    }

    /// <summary>For the end of a sentence's part: <c> by sam: too slow</c>, or as much of it as is known.</summary>
    public override string ToString() => $"{(By is null ? "" : $" by {By}")}{(Reason is null ? "" : $": {Reason}")}";
}
