namespace CvManager.PowerShell;

/// <summary>What is about one ContainerVersion and has its name: Get-CvWorkload takes it for that, and not for a workload of that name.</summary>
public interface IContainerVersionReference
{
    string Namespace { get; }

    /// <summary>Name of the ContainerVersion.</summary>
    string Name { get; }
}
