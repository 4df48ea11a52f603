using System.Globalization;
using System.Management.Automation;
using System.Text.RegularExpressions;

namespace CvManager.PowerShell;

/// <summary>
/// Lets a TimeSpan parameter accept <c>5m</c>, <c>1h30m</c>, <c>500ms</c>, a number of seconds, or the format of PowerShell
/// (<c>00:05:00</c>). Without it, PowerShell converts the number 90 to 90 ticks. A bare <c>2d</c> is the decimal number 2 for PowerShell, which
/// keeps the text of the argument: it is two days.
/// </summary>
public sealed partial class TimeSpanTransformationAttribute : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = Value(inputData);
        try
        {
            return value switch
            {
                TimeSpan span => NotNegative(span, value),
                string text => NotNegative(Parse(text), value),
                sbyte or byte or short or ushort or int or uint or long or ulong or float or double or decimal => NotNegative(
                    TimeSpan.FromSeconds(Convert.ToDouble(value, CultureInfo.InvariantCulture)),
                    value
                ),
                // For null and collections, the conversion of PowerShell reports the error.
                _ => inputData,
            };
        }
        catch (Exception e) when (e is FormatException or OverflowException or ArgumentException)
        {
            throw new ArgumentTransformationMetadataException(
                $"'{value}' is not a valid duration. Use 5m, 1h30m, 500ms, a number of seconds, or hours:minutes:seconds.",
                e
            );
        }
    }

    /// <summary>The value of an argument, without the wrapper of PowerShell.</summary>
    private static object Value(object argument) =>
        argument is not PSObject wrapped ? argument
        : wrapped.BaseObject is decimal && wrapped.ToString() is { } text && Days().IsMatch(text) ? text
        : wrapped.BaseObject;

    /// <summary>Converts a value in the same way, for example a property of a map. Returns null for null.</summary>
    /// <exception cref="ArgumentTransformationMetadataException">The value is not a valid duration.</exception>
    internal static TimeSpan? Read(object? value) =>
        value is null
            ? null
            : new TimeSpanTransformationAttribute().Transform(null!, value) as TimeSpan?
                ?? throw new ArgumentTransformationMetadataException($"'{value}' is not a valid duration.");

    private static TimeSpan Parse(string text)
    {
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds))
            return TimeSpan.FromSeconds(seconds);
        var parts = Parts().Match(text.Trim());
        if (!parts.Success || parts.Length == 0)
            return TimeSpan.Parse(text, CultureInfo.InvariantCulture);
        return TimeSpan.FromDays(Number("d"))
            + TimeSpan.FromHours(Number("h"))
            + TimeSpan.FromMinutes(Number("m"))
            + TimeSpan.FromSeconds(Number("s"))
            + TimeSpan.FromMilliseconds(Number("ms"));

        double Number(string unit) =>
            parts.Groups[unit] is { Success: true } part
                ? double.Parse(part.ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture)
                : 0;
    }

    private static TimeSpan NotNegative(TimeSpan span, object value) =>
        span < TimeSpan.Zero ? throw new ArgumentOutOfRangeException(nameof(value), "A duration cannot be negative.") : span;

    [GeneratedRegex(@"^[0-9]+(\.[0-9]+)?d$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Days();

    [GeneratedRegex(
        @"^(?:(?<d>\d+(?:\.\d+)?)d)?(?:(?<h>\d+(?:\.\d+)?)h)?(?:(?<m>\d+(?:\.\d+)?)m(?!s))?(?:(?<s>\d+(?:\.\d+)?)s)?(?:(?<ms>\d+(?:\.\d+)?)ms)?$",
        RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant
    )]
    private static partial Regex Parts();
}
