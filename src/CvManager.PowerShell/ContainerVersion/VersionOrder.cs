namespace CvManager.PowerShell;

/// <summary>How versions that a pattern finds are compared: <c>spec.versionPolicy.order</c>.</summary>
public enum VersionOrder
{
    Numeric,
    Alphabetical,
}
