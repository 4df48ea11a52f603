namespace CvManager.PowerShell;

/// <summary>How important a line of a log is; the names and numbers are those of Microsoft.Extensions.Logging.</summary>
public enum CvLogLevel
{
    Trace,
    Debug,
    Information,
    Warning,
    Error,
    Critical,
}
