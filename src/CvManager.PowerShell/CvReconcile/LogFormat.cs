namespace CvManager.PowerShell;

/// <summary>What Start-CvReconcile -Watch writes.</summary>
public enum LogFormat
{
    /// <summary>An object for each change of a resource; what else there is to say as warnings, verbose and debug messages.</summary>
    Object,

    /// <summary>Lines of JSON, everything in one stream: for whoever collects the logs of a pod.</summary>
    Json,
}
