using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Numerics;

namespace CvManager.PowerShell;

/// <summary>
/// Rejects numbers in a list of names. PowerShell keeps the text of a number that is the whole argument (<c>-Tag 1.10</c>), but not of one in a
/// list: <c>-Tag 1.10, 007</c> passes 1.1 and 7.
/// </summary>
public sealed class TextListTransformationAttribute : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        if (Unwrap(inputData) is IList list && list.Cast<object?>().Select(Unwrap).FirstOrDefault(IsNumber) is { } number)
            throw new ArgumentTransformationMetadataException(
                $"The list contains the number {Convert.ToString(number, CultureInfo.InvariantCulture)}, "
                    + "which may have been written differently: PowerShell reads 1.10 as 1.1 and 007 as 7. Put it in quotes: '1.10', '007'."
            );
        return inputData!;
    }

    private static object? Unwrap(object? value) => value is PSObject wrapped ? wrapped.BaseObject : value;

    /// <summary>Whether a value, without its PSObject, is a number.</summary>
    internal static bool IsNumber(object? value) =>
        value is sbyte or byte or short or ushort or int or uint or long or ulong or float or double or decimal or BigInteger;
}
