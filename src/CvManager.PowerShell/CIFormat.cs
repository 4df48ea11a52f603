namespace CvManager.PowerShell;

/// <summary>The CI service in whose log a cmdlet shows its errors and warnings as annotations.</summary>
public enum CIFormat
{
    /// <summary>The service that runs the session, according to its environment variables; none elsewhere.</summary>
    Auto,

    /// <summary>No annotations.</summary>
    None,

    /// <summary>Workflow commands of GitHub Actions.</summary>
    GitHub,

    /// <summary>Logging commands of Azure DevOps.</summary>
    AzureDevOps,
}
