namespace CvManager.PowerShell;

/// <summary>What Measure-CvDelivery measures together.</summary>
public enum DeliveryGrouping
{
    /// <summary>Each ContainerVersion.</summary>
    ContainerVersion,

    /// <summary>All ContainerVersions of a namespace.</summary>
    Namespace,

    /// <summary>All ContainerVersions with the same value of a label.</summary>
    Label,
}
