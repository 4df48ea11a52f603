namespace CvManager.PowerShell;

/// <summary>How versions that match a pattern are compared: <c>spec.versionPolicy.order</c>.</summary>
public enum VersionOrder
{
    Numeric,
    Alphabetical,
}
