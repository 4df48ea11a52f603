namespace CvManager.PowerShell;

/// <summary>
/// A cmdlet with the parameter <c>-CIFormat</c>: its errors and warnings also appear as annotations in the log of a CI service. Implemented by
/// <see cref="AsyncCmdlet"/>.
/// </summary>
internal interface IAnnotatesCILog
{
    CIFormat CIFormat { get; }
}
