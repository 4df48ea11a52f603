namespace CvManager.PowerShell;

/// <summary>The text format of manifests.</summary>
public enum ManifestFormat
{
    Yaml,
    Json,
}
