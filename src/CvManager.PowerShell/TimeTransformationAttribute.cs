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
        if (value is DateTime or DateTimeOffset or null)
            return inputData!;
        var text = value as string;
        try
        {
            if (text?.Contains(':', StringComparison.Ordinal) != true && TimeSpanTransformationAttribute.Read(inputData) is { } duration)
                return TimeProvider.System.GetUtcNow() - duration;
        }
        catch (ArgumentTransformationMetadataException) when (text is not null)
        {
            // Not a duration: it may be a time.
        }

        if (text is not null && !LanguagePrimitives.TryConvertTo<DateTimeOffset>(text, out _))
            throw new ArgumentTransformationMetadataException(
                $"'{DisplayText.Line(text)}' is neither a time nor a duration. "
                    + "Use a date, a date and a time, or a duration such as 90m, 12h or 1d."
            );
        return inputData;
    }
}
