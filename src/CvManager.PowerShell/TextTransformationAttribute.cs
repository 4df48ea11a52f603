using System.Collections;
using System.Management.Automation;

namespace CvManager.PowerShell;

/// <summary>
/// For parameters that take text from the pipeline. Without it, PowerShell converts every object with ToString: a record of a rollout would
/// become the name of a repository. Values with one textual form, such as numbers and addresses, are text.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class TextTransformationAttribute : ArgumentTransformationAttribute
{
    /// <summary>
    /// An object that is not text is an error with a PSInvalidCastException in it: PowerShell then tries to bind its properties, and the other
    /// parameters that take pipeline input. If nothing fits, the error is that of PowerShell (InputObjectNotBound).
    /// </summary>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        if (value is IEnumerable items and not string and not IDictionary)
        {
            foreach (var item in items)
                ThrowUnlessText(item);
        }
        else
        {
            ThrowUnlessText(inputData);
        }

        return inputData;
    }

    private static void ThrowUnlessText(object? item)
    {
        var value = item is PSObject wrapped ? wrapped.BaseObject : item;
        // SemanticVersion is not part of the API that the module is compiled against.
        if (
            value is null or IConvertible or Guid or Uri or Version
            || value.GetType().FullName == "System.Management.Automation.SemanticVersion"
        )
            return;
        var message =
            $"'{DisplayText.Line($"{item}")}' is not text but a {PSObject.AsPSObject(item).TypeNames[0]}. "
            + "Pipe the object to the cmdlet, which then uses its properties, or specify text.";
        throw new ArgumentTransformationMetadataException(message, new PSInvalidCastException(message));
    }
}
