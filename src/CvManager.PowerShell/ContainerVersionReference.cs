using System.Management.Automation;

namespace CvManager.PowerShell;

/// <summary>
/// The ContainerVersion that an output object refers to by Namespace and Name: a ContainerVersion, a rollout, a record, the result of a
/// reconcile or of a test.
/// </summary>
public sealed class ContainerVersionReference
{
    /// <summary>
    /// Properties that only objects have whose Name is the name of a ContainerVersion. Recognized by name, so that objects from a file, a job
    /// or another computer are as good as live ones.
    /// </summary>
    private static readonly string[] OwnProperties = ["ImageRepo", "RolloutPhase", "ToVersion", "Change"];

    internal ContainerVersionReference(string ns, string name)
    {
        Namespace = ns;
        Name = name;
    }

    public string Namespace { get; }

    public string Name { get; }

    public override string ToString() => $"{Namespace}/{Name}";

    /// <summary>
    /// Null if the object refers to none, for example text. A workload refers to its ContainerVersion only with
    /// <paramref name="includeWorkloads"/>.
    /// </summary>
    internal static ContainerVersionReference? Of(object? value, bool includeWorkloads = false)
    {
        if (value is null or string)
            return null;
        var properties = PSObject.AsPSObject(value).Properties;
        if (
            includeWorkloads
            && $"{properties["CV"]?.Value}" is { Length: > 0 } containerVersion
            && properties["Namespace"]?.Value is { } workloadNamespace
        )
            return new ContainerVersionReference($"{workloadNamespace}", containerVersion);
        return
            Array.Exists(OwnProperties, name => properties[name] is not null)
            && properties["Namespace"]?.Value is { } ns
            && properties["Name"]?.Value is { } name
            ? new ContainerVersionReference($"{ns}", $"{name}")
            : null;
    }
}

/// <summary>Lets a parameter accept every object that refers to a ContainerVersion.</summary>
public sealed class ContainerVersionReferenceTransformationAttribute : ArgumentTransformationAttribute
{
    /// <summary>Accepts a workload as a reference to its ContainerVersion.</summary>
    public bool IncludeWorkloads { get; set; }

    /// <summary>
    /// An object of another kind is an error with a PSInvalidCastException in it: PowerShell then tries the other parameters that take
    /// pipeline input.
    /// </summary>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = inputData is PSObject { BaseObject: ContainerVersionReference own } ? own : inputData;
        if (value is ContainerVersionReference reference)
            return reference;
        if (ContainerVersionReference.Of(value, IncludeWorkloads) is { } found)
            return found;
        var message = $"'{DisplayText.Line($"{value}")}' does not refer to a ContainerVersion.";
        throw new ArgumentTransformationMetadataException(message, new PSInvalidCastException(message));
    }
}
