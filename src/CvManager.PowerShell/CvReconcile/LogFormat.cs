namespace CvManager.PowerShell;

/// <summary>The output format of Start-CvReconcile -Watch.</summary>
public enum LogFormat
{
    /// <summary>An object for each change of a resource; log messages go to the warning, verbose and debug streams.</summary>
    Object,

    /// <summary>Lines of JSON, all in the output stream, for log collectors.</summary>
    Json,
}
