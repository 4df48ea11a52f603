namespace CvManager.PowerShell;

/// <summary>
/// An output object that refers to a ContainerVersion. Get-CvWorkload uses its Name as a ContainerVersion, not as a workload.
/// </summary>
public interface IContainerVersionReference
{
    string Namespace { get; }

    /// <summary>The name of the ContainerVersion.</summary>
    string Name { get; }
}
