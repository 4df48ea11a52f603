namespace CvManager.PowerShell;

/// <summary>The level of a log line. Names and values are those of Microsoft.Extensions.Logging.LogLevel.</summary>
public enum CvLogLevel
{
    Trace,
    Debug,
    Information,
    Warning,
    Error,
    Critical,
}
