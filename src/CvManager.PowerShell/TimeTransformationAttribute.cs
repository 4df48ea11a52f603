using System.Management.Automation;

namespace CvManager.PowerShell;

/// <summary>
/// Lets a parameter for a time in the past also accept a duration (<c>1d</c>, <c>90m</c>): the time that long ago.
/// </summary>
/// <remarks>Text with a colon is a time: <c>12:30</c> is today, and not 12.5 hours ago.</remarks>
public sealed class TimeTransformationAttribute : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        if (value is DateTime or DateTimeOffset or null || value is string text && text.Contains(':', StringComparison.Ordinal))
            return inputData!;
        try
        {
            if (TimeSpanTransformationAttribute.Read(inputData) is { } duration)
                return TimeProvider.System.GetUtcNow() - duration;
        }
        catch (ArgumentTransformationMetadataException) when (value is string)
        {
            // Not a duration: PowerShell converts it as a time, or reports that it is none.
        }

        return inputData;
    }
}
